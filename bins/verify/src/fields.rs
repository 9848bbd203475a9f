//! Which header fields of a message pretend that we wrote them.
//!
//! RFC 8601 §5: a field that claims results of ours, and came from outside, must go before ours is put in front. The place of
//! a field is a range of bytes, so that whoever removes it need not understand it.

use stafett_message::header::fields;
use std::ops::Range;

/// The name of the field that carries results.
const RESULTS: &str = "Authentication-Results";

/// The places of results that say they are ours, those beside each other joined.
pub fn forged(message: &[u8], ours: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    for field in fields(message) {
        if field.is(RESULTS) && authority(field.value).is_some_and(|name| name.eq_ignore_ascii_case(ours)) {
            match places.last_mut() {
                Some(last) if last.end == field.place.start => last.end = field.place.end,
                _ => places.push(field.place),
            }
        }
    }
    places
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
