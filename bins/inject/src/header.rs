//! A header as programs write it: lines that end in LF (or CRLF), up to an empty line.

use crate::lines;
use stafett_log::Failure;
use std::io::{BufRead, Read};

/// The largest header, in bytes.
pub const LARGEST: usize = 4 * 1024 * 1024;

/// The fields of a message, and what was read of its body with them.
#[derive(Debug, Default)]
pub struct Header {
    /// The fields in their order.
    pub fields: Vec<Field>,
    /// A line that is no field ended the header: it belongs to the body.
    pub body: Vec<u8>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What stands before the colon, as written.
    pub name: String,
    /// What stands behind it: folded lines are divided by LF; the last has none.
    pub body: Vec<u8>,
}

impl Field {
    /// A field with this body.
    pub fn new(name: &str, body: impl AsRef<[u8]>) -> Field {
        Field { name: name.to_owned(), body: [b" ", body.as_ref()].concat() }
    }

    /// Whether it is called so.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether its name is one of these.
    pub fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }
}

impl Header {
    /// Reads up to the end of the header; the rest of `input` is body.
    ///
    /// # Errors
    /// When it cannot be read or is larger than [`LARGEST`].
    pub fn read(input: &mut impl BufRead) -> Result<Header, Failure> {
        let (mut header, mut size, mut line) = (Header::default(), 0, Vec::new());
        loop {
            line.clear();
            let left = u64::try_from(LARGEST + 1 - size).unwrap_or(u64::MAX);
            let length = (&mut *input).take(left).read_until(b'\n', &mut line);
            size += length.map_err(|error| Failure::temporary(format!("unable to read the message from standard input: {error}")))?;
            if size > LARGEST {
                return Err(Failure::lasting(format!("the header is larger than {LARGEST} bytes; is this a message?")));
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            // A CR within a line is none of mail (RFC 5321 section 2.3.8), and must not begin another field.
            let end = text.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
            let text: Vec<u8> = text.iter().take(end).map(|byte| if *byte == b'\r' { b' ' } else { *byte }).collect();
            // The end of input, or of the header.
            if text.is_empty() {
                return Ok(header);
            }
            if !header.take(&text) {
                let mut after_cr = false;
                lines::convert(&line, &mut after_cr, &mut header.body);
                return Ok(header);
            }
        }
    }

    /// Adds a line. Returns whether it belongs to the header.
    fn take(&mut self, line: &[u8]) -> bool {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let Some(field) = self.fields.last_mut() else { return false };
            field.body.push(b'\n');
            field.body.extend_from_slice(line);
            return true;
        }
        if self.fields.is_empty() && (line.starts_with(b"From ") || line.starts_with(b">From ")) {
            // The separator of an mbox.
            return true;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
        let (name, body) = line.split_at(colon);
        let name = name.trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return false;
        }
        self.fields.push(Field { name: String::from_utf8_lossy(name).into_owned(), body: body.get(1..).unwrap_or_default().to_vec() });
        true
    }
}

#[cfg(test)]
#[path = "header_test.rs"]
mod header_test;
