//! Header fields of a message with their places, and which of them pretend that we wrote them.
//!
//! RFC 8601 §5: a field that claims results of ours, and came from outside, must go before ours is put in front. The place of
//! a field is a range of bytes, so that whoever removes it need not understand it.

use std::ops::Range;

/// The name of the field that carries results.
const RESULTS: &str = "Authentication-Results";

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as written.
    pub name: &'a [u8],
    /// What stands behind the colon, line ends included.
    pub value: &'a [u8],
    /// Where it lies in the message, its last line end included.
    pub place: Range<usize>,
}

/// The fields of a message up to the empty line; what is no field is passed over.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let place = unit(message, from)?;
            from = place.end;
            let text = message.get(place.clone()).unwrap_or_default();
            if let Some(colon) = text.iter().position(|byte| *byte == b':') {
                let (name, value) = text.split_at_checked(colon)?;
                return Some(Field { name: name.trim_ascii(), value: value.get(1..).unwrap_or_default(), place });
            }
        }
    })
}

/// How many bytes the header has, the empty line not included.
pub fn header_length(message: &[u8]) -> usize {
    let mut from = 0;
    while let Some(place) = unit(message, from) {
        from = place.end;
    }
    from
}

/// The places of results that say they are ours, those beside each other joined.
pub fn forged(message: &[u8], ours: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    for field in fields(message) {
        let results = field.name.eq_ignore_ascii_case(RESULTS.as_bytes());
        if results && authority(field.value).is_some_and(|name| name.eq_ignore_ascii_case(ours)) {
            match places.last_mut() {
                Some(last) if last.end == field.place.start => last.end = field.place.end,
                _ => places.push(field.place),
            }
        }
    }
    places
}

/// A line with those that continue it; nothing at the empty line and at the end.
fn unit(message: &[u8], from: usize) -> Option<Range<usize>> {
    let mut end = line_end(message, from);
    let first = message.get(from..end)?;
    if first.is_empty() || matches!(first, b"\r\n" | b"\n") {
        return None;
    }
    while matches!(message.get(end), Some(b' ' | b'\t')) {
        end = line_end(message, end);
    }
    Some(from..end)
}

fn line_end(message: &[u8], from: usize) -> usize {
    let rest = message.get(from..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(message.len(), |at| from + at + 1)
}

/// Whose results a field says it carries (RFC 8601 §2.2, authserv-id): a word or a quoted string behind comments.
fn authority(value: &[u8]) -> Option<String> {
    let value = String::from_utf8_lossy(value);
    let text = behind_comments(&value);
    if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut symbols = quoted.chars();
        while let Some(symbol) = symbols.next() {
            match symbol {
                '"' => break,
                '\\' => name.extend(symbols.next()),
                '\r' | '\n' => {}
                symbol => name.push(symbol),
            }
        }
        return Some(name.trim().trim_end_matches('.').to_owned());
    }
    let end = text.find(|symbol: char| symbol.is_whitespace() || matches!(symbol, ';' | '(' | '/')).unwrap_or(text.len());
    text.get(..end).map(|name| name.trim_end_matches('.').to_owned())
}

fn behind_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with('(') {
        let mut depth = 0usize;
        let mut escaped = false;
        let end = rest.char_indices().find(|(_, symbol)| {
            match symbol {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        rest = end.and_then(|(at, _)| rest.get(at + 1..)).unwrap_or_default().trim_start();
    }
    rest
}

#[cfg(test)]
#[path = "fields_test.rs"]
mod tests;
