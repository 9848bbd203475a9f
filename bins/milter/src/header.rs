//! A header that filters change, and which bytes of the message that means.
//!
//! What it does: splits the begin of a message into fields (RFC 5322 §2.2), keeps where each stands, and tells at the end
//! which ranges are replaced by what, so that whatever no filter touched stays as it came, byte for byte.
//!
//! Known limits: a header above [`LARGEST`] is shown to no filter. A line that is no field ends the header, as it does for
//! those who receive it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// The largest header that is taken into memory, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// The longest value that a filter may give to a field, in bytes.
const LONGEST_VALUE: usize = 64 * 1024;

/// Bytes of the message, and what stands in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Which bytes; an empty range is a place between two.
    pub range: Range<u64>,
    /// What stands there instead.
    pub with: Vec<u8>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: Vec<u8>,
    /// Behind the colon, without the last line end.
    value: Vec<u8>,
    origin: Origin,
}

/// Where a field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// It stands before the message; nobody may change it.
    Front,
    /// It stands there in the message.
    Message(Range<u64>),
    /// It stood there, and has another value now.
    Changed(Range<u64>),
    /// A filter has added it.
    Filter,
}

/// The fields in order.
#[derive(Debug)]
pub struct Header {
    fields: Vec<Field>,
    /// Where those were that have been removed.
    removed: Vec<Range<u64>>,
    /// Where the last field ends.
    fields_end: u64,
    /// Where the body begins.
    body: u64,
}

impl Field {
    /// A field of a filter; `spaced` when the value begins with the blank behind the colon.
    pub fn new(name: &[u8], value: &[u8], spaced: bool) -> Field {
        Field { name: name.to_vec(), value: harmless(value, spaced), origin: Origin::Filter }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its value, with the blanks behind the colon or without.
    pub fn value(&self, spaced: bool) -> &[u8] {
        let blanks = self.value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.value.get(if spaced { 0 } else { blanks }..).unwrap_or_default()
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.name, &b":"[..], &self.value, b"\r\n"].concat()
    }
}

impl Header {
    /// Reads the header of a message; `front` are the lines before it.
    ///
    /// # Errors
    /// When it cannot be read, or is too large.
    pub fn read(file: &File, size: u64, front: &[&[u8]]) -> io::Result<Header> {
        let mut bytes = vec![0; usize::try_from(size.min(LARGEST)).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        let header = Header::parse(&bytes, front);
        let rest = usize::try_from(header.fields_end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
        if size > LARGEST && !rest.contains(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a header that is too large for mail filters"));
        }
        Ok(header)
    }

    fn parse(bytes: &[u8], front: &[&[u8]]) -> Header {
        let lines = front.iter().map(|line| [line, &b"\r\n"[..]].concat()).collect::<Vec<_>>().concat();
        let (mut fields, _) = split(&lines);
        fields.iter_mut().for_each(|field| field.origin = Origin::Front);
        let (own, end) = split(bytes);
        fields.extend(own);
        let blank = bytes.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"));
        let body = if blank { end + 2 } else { end };
        Header { fields, removed: Vec::new(), fields_end: end as u64, body: body as u64 }
    }

    /// The fields, from the top.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Where in the message the body begins.
    pub fn end(&self) -> u64 {
        self.body
    }

    /// A field behind all others.
    pub fn append(&mut self, field: Field) {
        self.fields.push(field);
    }

    /// A field before another, counted from 1; 0 is the top too, which is below the lines that will stand before the message.
    pub fn insert(&mut self, before: u32, field: Field) {
        let front = self.fields.iter().take_while(|field| field.origin == Origin::Front).count();
        let place = usize::try_from(before).unwrap_or(usize::MAX).saturating_sub(1);
        self.fields.insert(place.clamp(front, self.fields.len()), field);
    }

    /// Another value for a field of that name; none removes it. What is not there is added.
    pub fn change(&mut self, which: u32, name: &[u8], value: &[u8], spaced: bool) {
        let nth = usize::try_from(which).unwrap_or(usize::MAX).max(1) - 1;
        let mut named = self.fields.iter().enumerate().filter(|(_, field)| field.name.eq_ignore_ascii_case(name));
        let found = named.nth(nth).map(|(index, _)| index);
        match found {
            Some(index) if value.is_empty() => self.remove(index),
            Some(index) => {
                if let Some(field) = self.fields.get_mut(index) {
                    field.change(value, spaced);
                }
            }
            None if value.is_empty() => {}
            None => self.append(Field::new(name, value, spaced)),
        }
    }

    fn remove(&mut self, index: usize) {
        match self.fields.get(index).map(|field| field.origin.clone()) {
            None | Some(Origin::Front) => return,
            Some(Origin::Filter) => {}
            Some(Origin::Message(range) | Origin::Changed(range)) => self.removed.push(range),
        }
        self.fields.remove(index);
    }

    /// What is to be replaced in the message, in order.
    pub fn patches(&self) -> Vec<Patch> {
        let mut patches: Vec<Patch> = self.removed.iter().map(|range| Patch { range: range.clone(), with: Vec::new() }).collect();
        let mut pending: Vec<u8> = Vec::new();
        for field in &self.fields {
            match &field.origin {
                Origin::Front => {}
                Origin::Filter => pending.extend(field.bytes()),
                Origin::Message(range) => flush(&mut patches, range.start, &mut pending),
                Origin::Changed(range) => {
                    flush(&mut patches, range.start, &mut pending);
                    patches.push(Patch { range: range.clone(), with: field.bytes() });
                }
            }
        }
        if !pending.is_empty() && self.body == self.fields_end {
            // A message without a blank line: without one its body would continue our field.
            pending.extend_from_slice(b"\r\n");
        }
        flush(&mut patches, self.fields_end, &mut pending);
        patches.sort_by_key(|patch| (patch.range.start, patch.range.end));
        patches
    }
}

impl Field {
    fn change(&mut self, value: &[u8], spaced: bool) {
        self.origin = match std::mem::replace(&mut self.origin, Origin::Front) {
            Origin::Front => return,
            Origin::Filter => Origin::Filter,
            Origin::Message(range) | Origin::Changed(range) => Origin::Changed(range),
        };
        self.value = harmless(value, spaced);
    }
}

fn flush(patches: &mut Vec<Patch>, at: u64, pending: &mut Vec<u8>) {
    if !pending.is_empty() {
        patches.push(Patch { range: at..at, with: std::mem::take(pending) });
    }
}

/// The fields at the begin of a text, and where they end.
fn split(bytes: &[u8]) -> (Vec<Field>, usize) {
    let mut fields: Vec<Field> = Vec::new();
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = end;
        let Some(text) = line.strip_suffix(b"\r\n") else { break };
        match (fields.last_mut(), name_of(text)) {
            (Some(last), _) if text.starts_with(b" ") || text.starts_with(b"\t") => {
                last.value.extend_from_slice(b"\r\n");
                last.value.extend_from_slice(text);
                if let Origin::Message(range) = &mut last.origin {
                    range.end = (start + line.len()) as u64;
                }
            }
            (_, Some(length)) => {
                let (name, value) = text.split_at(length);
                let origin = Origin::Message(start as u64..(start + line.len()) as u64);
                fields.push(Field { name: name.to_vec(), value: value.get(1..).unwrap_or_default().to_vec(), origin });
            }
            _ => break,
        }
        end += line.len();
    }
    (fields, end)
}

/// How long the name of a field is, if a line is one.
fn name_of(line: &[u8]) -> Option<usize> {
    let length = line.iter().position(|byte| *byte == b':')?;
    let name = line.get(..length)?;
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(length)
}

/// A filter's value: lines that continue a field begin with blank space, control characters become `?`.
fn harmless(value: &[u8], spaced: bool) -> Vec<u8> {
    let value = value.get(..LONGEST_VALUE).unwrap_or(value);
    let mut out = if spaced { Vec::new() } else { vec![b' '] };
    let text = value.strip_suffix(b"\n").unwrap_or(value);
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if index > 0 {
            // A line of blanks alone would end the header for some readers (RFC 5322 §4.2).
            if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
                continue;
            }
            out.extend_from_slice(b"\r\n");
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                out.push(b'\t');
            }
        }
        out.extend(line.iter().map(|byte| if byte.is_ascii_control() && *byte != b'\t' { b'?' } else { *byte }));
    }
    out
}

#[cfg(test)]
#[path = "header_test.rs"]
mod tests;
