//! Netstrings: a decimal length, `:`, the bytes, `,`.

use std::fmt;
use std::io::{self, Read};

/// Bytes of a peer that do not follow the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed message from another process: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for io::Error {
    fn from(malformed: Malformed) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, malformed)
    }
}

/// Appends `bytes` as a netstring to `out`.
pub fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
    out.push(b',');
}

/// A netstring and what follows it.
pub type Split<'a> = (&'a [u8], &'a [u8]);

/// One netstring off the front of `input`, and the rest; `None` when it has not arrived whole.
///
/// # Errors
/// When it is none, or longer than `longest`.
pub fn split(input: &[u8], longest: usize) -> Result<Option<Split<'_>>, Malformed> {
    let Some((length, header)) = length(input, longest)? else { return Ok(None) };
    let Some(whole) = input.get(header..header + length + 1) else { return Ok(None) };
    let (bytes, comma) = whole.split_at(length);
    if comma != b"," {
        return Err(Malformed("a netstring without its comma"));
    }
    Ok(Some((bytes, input.get(header + length + 1..).unwrap_or_default())))
}

/// All netstrings of a packet, at most `most` of them.
///
/// # Errors
/// When the packet holds anything else, or more.
pub fn all(mut packet: &[u8], most: usize) -> Result<Vec<&[u8]>, Malformed> {
    let mut found = Vec::new();
    while !packet.is_empty() {
        let one = split(packet, packet.len())?;
        let (bytes, rest) = one.ok_or(Malformed("a packet that ends inside a netstring"))?;
        if found.len() == most {
            return Err(Malformed("more netstrings than the protocol allows"));
        }
        found.push(bytes);
        packet = rest;
    }
    Ok(found)
}

/// A decimal number as the protocols use it: digits only, at most 20.
pub fn number(bytes: &[u8]) -> Result<u64, Malformed> {
    let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(bytes).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok()).ok_or(Malformed("not a number"))
}

/// What a reader has room for at first, in bytes: an ordinary message with its envelope.
const FIRST_ROOM: usize = 8 * 1024;
/// Room for a netstring's length and comma, in bytes.
const HEADER_ROOM: usize = 24;

/// Reads netstrings from a stream into a buffer that is used again and grows as it must.
#[derive(Debug)]
pub struct Reader<R> {
    stream: R,
    longest: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> Reader<R> {
    /// A reader of netstrings of at most `longest` bytes.
    pub fn new(stream: R, longest: usize) -> Reader<R> {
        Reader { stream, longest, buffer: vec![0; FIRST_ROOM.min(longest + HEADER_ROOM)], start: 0, end: 0 }
    }

    /// The next netstring; `None` at a clean end of file.
    ///
    /// # Errors
    /// When the stream breaks, ends inside a netstring, or holds something else.
    #[allow(clippy::should_implement_trait, reason = "the item borrows the buffer, which an Iterator cannot")]
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let longest = self.longest;
        loop {
            let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some((length, header)) = length(pending, longest)?
                && pending.len() > header + length
            {
                let from = self.start + header;
                self.start = from + length + 1;
                return self.taken(from, length).map(Some);
            }
            if self.fill()? == 0 {
                return if self.start == self.end { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// The stream below, for answering.
    pub fn stream(&self) -> &R {
        &self.stream
    }

    fn taken(&self, from: usize, length: usize) -> io::Result<&[u8]> {
        if self.buffer.get(from + length) != Some(&b',') {
            return Err(Malformed("a netstring without its comma").into());
        }
        Ok(self.buffer.get(from..from + length).unwrap_or_default())
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let room = (2 * self.buffer.len()).min(self.longest + HEADER_ROOM);
            self.buffer.resize(room, 0);
        }
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = loop {
            match self.stream.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count;
        Ok(count)
    }
}

/// The length of the netstring at the front and where its bytes begin.
fn length(input: &[u8], longest: usize) -> Result<Option<(usize, usize)>, Malformed> {
    let Some(colon) = input.iter().take(11).position(|byte| *byte == b':') else {
        let possible = input.len() < 11 && input.iter().all(u8::is_ascii_digit);
        return if possible { Ok(None) } else { Err(Malformed("a netstring without a length")) };
    };
    let length = number(input.get(..colon).unwrap_or_default())?;
    let length = usize::try_from(length).map_err(|_| Malformed("a netstring that is too long"))?;
    if length > longest {
        return Err(Malformed("a netstring that is too long"));
    }
    Ok(Some((length, colon + 1)))
}
