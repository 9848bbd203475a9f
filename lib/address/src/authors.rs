//! Whose domain a message claims to be from: the addresses of its From field (RFC 5322 section 3.4).
//!
//! Known limits: what cannot be read as an address gives no domain; nothing is signed for it.

use crate::Domain;

/// Domains of one field that count; nobody has so many.
const MOST: usize = 50;

/// The domains of the addresses in a value, in lower case and ASCII, each once.
#[must_use]
pub fn domains(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    let mut domains = Vec::new();
    for address in addresses(&text) {
        let domain = address.rsplit_once('@').and_then(|(_, domain)| Domain::parse(domain.trim()).ok());
        let name = domain.as_ref().and_then(Domain::as_name).map(str::to_ascii_lowercase);
        domains.extend(name.filter(|name| domains.len() < MOST && !domains.contains(name)));
    }
    domains
}

/// The text of each address: what stands in angle brackets, or else the whole; without comments and quoted strings.
fn addresses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut plain, mut angle) = (String::new(), None::<String>);
    let mut inside = false;
    let mut symbols = text.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '(' => skip_comment(&mut symbols),
            '"' => {
                skip_quoted(&mut symbols);
                // a quoted local part still is one
                if inside { angle.get_or_insert_default().push('q') } else { plain.push('q') }
            }
            '<' if !inside => (inside, angle) = (true, Some(String::new())),
            '>' => inside = false,
            // what stood before the colon is the name of a group, but for a route, which stands in brackets
            ':' if inside => angle = Some(String::new()),
            ':' => plain.clear(),
            ',' | ';' if !inside => {
                found.push(angle.take().unwrap_or_else(|| std::mem::take(&mut plain)));
                plain.clear();
            }
            symbol if symbol.is_whitespace() => {}
            symbol if inside => angle.get_or_insert_default().push(symbol),
            symbol => plain.push(symbol),
        }
    }
    found.push(angle.unwrap_or(plain));
    found
}

fn skip_comment(symbols: &mut std::str::Chars<'_>) {
    let mut depth = 1usize;
    while depth > 0 {
        match symbols.next() {
            Some('(') => depth += 1,
            Some(')') => depth -= 1,
            Some('\\') => drop(symbols.next()),
            Some(_) => {}
            None => return,
        }
    }
}

fn skip_quoted(symbols: &mut std::str::Chars<'_>) {
    loop {
        match symbols.next() {
            Some('\\') => drop(symbols.next()),
            Some('"') | None => return,
            Some(_) => {}
        }
    }
}
