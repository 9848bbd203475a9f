//! The little of DER that certificates are read with (ITU-T X.690).
//!
//! Security stance: bytes of a stranger; lengths are checked. How it fails: what does not fit is not there.

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// OBJECT IDENTIFIER.
pub const OBJECT: u8 = 0x06;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// SET.
pub const SET: u8 = 0x31;
/// The version of a certificate, `[0]`.
pub const VERSION: u8 = 0xa0;

/// What is left of something in DER.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next element, if it is of this kind; else nothing is taken.
    pub fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        let [found, first, rest @ ..] = self.0 else { return None };
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81 | 0x82 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            // a name longer than 64 KiB is none
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        if *found != kind {
            return None;
        }
        self.0 = rest;
        Some(content)
    }
}
