//! The domains that a message claims to come from.
//!
//! Security stance: readers of mail differ in what they make of a malformed From field, so that every domain which one of them
//! might show is named: of all From fields, all addresses that mail-parser finds, and whatever stands in angle brackets.

use crate::names::canonical;
use stafett_message::header::fields;

/// The domains, each once, in lower case.
pub fn domains(parsed: &[String], message: &[u8]) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    let fields = fields(message).filter(|field| field.name.eq_ignore_ascii_case(b"from"));
    let bracketed = fields.flat_map(|field| in_brackets(&String::from_utf8_lossy(field.value)));
    for address in parsed.iter().cloned().chain(bracketed) {
        if let Some(domain) = domain(&address).filter(|domain| !domains.contains(domain)) {
            domains.push(domain);
        }
    }
    domains
}

/// The domain of an address without blanks and what cannot be seen.
fn domain(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    let seen: String = domain.chars().filter(|symbol| !symbol.is_whitespace() && !symbol.is_control()).collect();
    Some(canonical(&seen)).filter(|domain| !domain.is_empty())
}

/// What stands in angle brackets outside of quotations.
fn in_brackets(value: &str) -> Vec<String> {
    let (mut found, mut open, mut quoted, mut escaped) = (Vec::new(), None::<String>, false, false);
    for symbol in value.chars() {
        match symbol {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => open = Some(String::new()),
            '>' if !quoted => found.extend(open.take()),
            symbol => open.iter_mut().for_each(|text| text.push(symbol)),
        }
    }
    found.extend(open);
    found
}
