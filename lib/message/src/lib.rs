//! What Stafett itself writes into messages, dates and trace fields, and what it reads of their headers.
//!
//! What: the date of RFC 5322, the safe form of a peer's words inside a header comment, and the fields of a header.
//! Security stance: what a peer said cannot leave its place in the header. How it fails: it does
//! not. Known limits: dates are UTC, as in qmail.

pub mod header;

#[cfg(test)]
mod header_test;

use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A date as header fields have it (RFC 5322 section 3.3), in UTC.
pub fn date(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc2822).unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 +0000".to_owned())
}

/// Words of a peer for a comment or atom of a trace field: printable ASCII without the characters
/// that end a comment, quote or fold; everything else becomes `?`. At most `longest` bytes.
pub fn harmless(text: &str, longest: usize) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '(' | ')' | '\\' | '"' | '<' | '>' | ';');
    text.chars().take(longest).map(|c| if plain(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::{date, harmless};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn dates_are_those_of_the_standard() {
        assert_eq!(date(UNIX_EPOCH + Duration::from_secs(1_763_758_000)), "Fri, 21 Nov 2025 20:46:40 +0000");
    }

    #[test]
    fn words_of_a_peer_stay_in_their_comment() {
        assert_eq!(harmless("a) b\r\nBcc: x;\u{e4}", 20), "a??b??Bcc:?x??");
        assert_eq!(harmless("abcdef", 3), "abc");
    }
}
