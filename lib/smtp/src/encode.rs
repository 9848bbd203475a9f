//! The client's side of DATA: dot-stuffing (RFC 5321 §4.5.2) of a message with CRLF line ends.
//!
//! Nothing is copied: stuffing a dot means to send the byte `.` twice, so the output is a row of slices of the input that
//! overlap by one byte at each stuffed dot. Most messages have no such line and come out as one slice.
//!
//! Invariant of the caller: the message has strict CRLF line ends, which the queue verified on the way in. A message that
//! does not end in CRLF is ended properly by [`Stuffer::end`].

use memchr::memmem::Finder;

/// Stuffs one message, given in any number of chunks.
#[derive(Debug)]
pub struct Stuffer {
    /// Finds a dot that begins a line inside a chunk.
    dot_line: Finder<'static>,
    /// How far the end of the last chunk has come into a line end.
    tail: Tail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// A new line begins.
    LineStart,
    /// CR was the last byte.
    Cr,
    /// Inside a line.
    Text,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { dot_line: Finder::new("\r\n."), tail: Tail::LineStart }
    }
}

impl Stuffer {
    /// For the next message.
    pub fn new() -> Self {
        Self::default()
    }

    /// The slices to send for a chunk, in order.
    pub fn segments<'a>(&mut self, chunk: &'a [u8]) -> Segments<'a, '_> {
        let opening = self.opening_dot(chunk);
        self.tail = tail_after(self.tail, chunk);
        Segments { rest: chunk, opening, searched: 0, dot_line: &self.dot_line }
    }

    /// Appends the stuffed chunk to a buffer, for those who collect before they write.
    pub fn append(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        for segment in self.segments(chunk) {
            out.extend_from_slice(segment);
        }
    }

    /// What ends the message: the dot line, after the line end that the message may lack.
    pub fn end(&self) -> &'static [u8] {
        match self.tail {
            Tail::LineStart => b".\r\n",
            Tail::Cr => b"\n.\r\n",
            Tail::Text => b"\r\n.\r\n",
        }
    }

    /// Where a dot stands that begins a line which the last chunk ended.
    fn opening_dot(&self, chunk: &[u8]) -> Option<usize> {
        match (self.tail, chunk) {
            (Tail::LineStart, [b'.', ..]) => Some(0),
            (Tail::Cr, [b'\n', b'.', ..]) => Some(1),
            _ => None,
        }
    }
}

/// Slices of one chunk; see [`Stuffer::segments`].
#[derive(Debug)]
pub struct Segments<'a, 'f> {
    rest: &'a [u8],
    opening: Option<usize>,
    /// Bytes at the front of `rest` in which no dot needs stuffing any more.
    searched: usize,
    dot_line: &'f Finder<'static>,
}

impl<'a> Iterator for Segments<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let dot = self.opening.take().or_else(|| self.next_dot());
        match dot.and_then(|at| Some((self.rest.get(..=at)?, self.rest.get(at..)?))) {
            Some((through_dot, from_dot)) => {
                self.rest = from_dot;
                self.searched = 1;
                Some(through_dot)
            }
            None => Some(std::mem::take(&mut self.rest)),
        }
    }
}

impl Segments<'_, '_> {
    fn next_dot(&self) -> Option<usize> {
        let unsearched = self.rest.get(self.searched..)?;
        self.dot_line.find(unsearched).map(|at| self.searched + at + 2)
    }
}

fn tail_after(before: Tail, chunk: &[u8]) -> Tail {
    match chunk {
        [] => before,
        [.., b'\r', b'\n'] => Tail::LineStart,
        [b'\n'] if before == Tail::Cr => Tail::LineStart,
        [.., b'\r'] => Tail::Cr,
        _ => Tail::Text,
    }
}
