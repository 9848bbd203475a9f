//! The header of a message: its fields with their places, and the addresses in a field (RFC 5322 §2.2, §3.4).
//!
//! The place of a field or an address is a range of bytes, so that whoever changes it need not write the rest anew.
//!
//! Security stance: everything here was written by strangers. Fields are found wherever a reader of mail might see one;
//! addresses are given only where there is one way to read them.
//!
//! How it fails: what is no field is passed over; addresses that can be read in more than one way are none.

use std::ops::Range;

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

impl Field<'_> {
    /// Whether it is called so.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Where its value begins in the message.
    pub fn start(&self) -> usize {
        self.place.end - self.value.len()
    }
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
pub fn length(message: &[u8]) -> usize {
    let mut from = 0;
    while let Some(place) = unit(message, from) {
        from = place.end;
    }
    from
}

/// Whether a message begins with a field: with a name of printable ASCII and a colon.
pub fn begins_with_field(message: &[u8]) -> bool {
    let name = message.iter().position(|byte| *byte == b':').and_then(|colon| message.get(..colon)).unwrap_or_default();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
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

/// Where the addresses stand in the value of a field, without names, comments and brackets; nothing where the value cannot
/// be read, or could be read in another way too.
pub fn addresses(value: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut reading = Reading::default();
    for (at, byte) in value.iter().enumerate() {
        reading.take(at, *byte)?;
    }
    reading.end()
}

/// How far a list of addresses has been read.
#[derive(Debug, Default)]
struct Reading {
    found: Vec<Range<usize>>,
    comments: usize,
    quoted: bool,
    escaped: bool,
    /// Where `<` stood.
    open: Option<usize>,
    /// What stood in brackets.
    bracketed: Option<Range<usize>>,
    /// What stands without brackets.
    bare: Option<Range<usize>>,
    grouped: bool,
}

impl Reading {
    fn take(&mut self, at: usize, byte: u8) -> Option<()> {
        if self.escaped {
            self.escaped = false;
            return Some(());
        }
        match byte {
            b'\\' if self.quoted || self.comments > 0 => self.escaped = true,
            b'"' if self.comments == 0 => {
                self.quoted = !self.quoted;
                self.stand(at)?;
            }
            _ if self.quoted => self.stand(at)?,
            b'(' => self.comments += 1,
            b')' => self.comments = self.comments.checked_sub(1)?,
            _ if self.comments > 0 || byte.is_ascii_whitespace() => {}
            b'<' if self.open.is_none() && self.bracketed.is_none() => self.open = Some(at + 1),
            b'>' => self.bracketed = Some(self.open.take()?..at),
            b':' if !self.grouped && self.open.is_none() && self.bracketed.is_none() => {
                (self.bare, self.grouped) = (None, true);
            }
            b';' if self.grouped => {
                self.finish()?;
                self.grouped = false;
            }
            b',' => self.finish()?,
            b'<' | b':' | b';' => return None,
            _ => self.stand(at)?,
        }
        Some(())
    }

    /// Something of an address or a name stands here; behind the brackets there is nothing.
    fn stand(&mut self, at: usize) -> Option<()> {
        if self.open.is_none() {
            if self.bracketed.is_some() {
                return None;
            }
            let from = self.bare.as_ref().map_or(at, |bare| bare.start);
            self.bare = Some(from..at + 1);
        }
        Some(())
    }

    /// One address is over; between two commas there may be none.
    fn finish(&mut self) -> Option<()> {
        if self.open.is_some() || self.quoted || self.comments > 0 {
            return None;
        }
        let bare = self.bare.take();
        self.found.extend(self.bracketed.take().or(bare));
        Some(())
    }

    fn end(mut self) -> Option<Vec<Range<usize>>> {
        self.finish()?;
        Some(self.found)
    }
}
