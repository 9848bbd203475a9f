//! Enhanced status codes (RFC 3463), as they stand in front of a reply's text (RFC 2034).

use std::fmt;

/// A status such as `5.7.1`: class, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl Enhanced {
    /// Takes a status from the front of a text, with the rest after the blank. The class must be that of the reply code.
    pub fn take(text: &[u8], code: u16) -> Option<(Self, &[u8])> {
        let (word, rest) = split_word(text);
        let mut parts = word.split(|&byte| byte == b'.').map(number);
        let status = Self(u8::try_from(parts.next()??).ok()?, parts.next()??, parts.next()??);
        let complete = parts.next().is_none() && u16::from(status.0) == code / 100;
        complete.then_some((status, rest))
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text).and_then(|end| text.split_at_checked(end)) {
        Some((word, rest)) => (word, rest.get(1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

/// One to three digits.
fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0')))
}
