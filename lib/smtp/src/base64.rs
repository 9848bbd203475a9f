//! base64 as SASL has it on the wire (RFC 4648 §4, RFC 4954 §4): whole groups with padding, nothing else.
//!
//! Security stance: [`decode`] takes one spelling of each value. Line ends, blanks, letters of other alphabets, padding that
//! is missing or stands elsewhere, and bits behind the end are refused: what is decided on is what was sent.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (number >> (18 - 6 * place)) as usize & 63;
            let letter = LETTERS.get(index).filter(|_| place <= group.len()).copied().unwrap_or(b'=');
            text.push(char::from(letter));
        }
    }
    text
}

/// Reads text; nothing where it is not exactly what [`encode`] writes.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut groups = text.chunks(4).peekable();
    while let Some(group) = groups.next() {
        let padding = group.iter().rev().take_while(|letter| **letter == b'=').count();
        if group.len() != 4 || padding > 2 || (padding > 0 && groups.peek().is_some()) {
            return None;
        }
        let mut number = 0u32;
        for letter in group.iter().take(4 - padding) {
            number = number << 6 | value(*letter)?;
        }
        number <<= 6 * padding;
        let whole = number.to_be_bytes();
        let (kept, rest) = whole.get(1..)?.split_at_checked(3 - padding)?;
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

fn value(letter: u8) -> Option<u32> {
    let (from, base) = match letter {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => return Some(62),
        b'/' => return Some(63),
        _ => return None,
    };
    Some(u32::from(letter - from) + base)
}

#[cfg(test)]
#[path = "base64_test.rs"]
mod base64_test;
