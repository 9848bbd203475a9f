//! The message to send: the header lines of its envelope, then the first bytes of its file.
//!
//! Read with pread at explicit offsets, because other processes share the descriptor's own offset. Nothing is copied
//! but into the one buffer that is written. Fails with the system's error; a file that ends early is `UnexpectedEof`,
//! and the caller must not end the message then.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;

use stafett_envelope::{Envelope, Head};

/// Bytes read and written at once.
const CHUNK: usize = 64 * 1024;
/// The field with which a sender waives TLS.
const FIELD: &[u8] = b"TLS-Required:";

/// One message's bytes as they go after DATA, before dots are stuffed.
#[derive(Debug)]
pub struct Content {
    /// The lines that stand in front, each with CRLF.
    head: Vec<u8>,
    file: OwnedFd,
    size: u64,
}

/// The pieces of a message, one after the other; see [`Content::next`].
#[derive(Debug, Default)]
pub struct Position {
    begun: bool,
    offset: u64,
}

impl Content {
    /// The content of a message of `size` bytes at the start of `file`.
    pub fn new(envelope: &Envelope, file: OwnedFd, size: u64) -> Self {
        let mut head = Vec::new();
        for line in &envelope.head {
            match line {
                Head::Line(text) => head.extend_from_slice(text.as_bytes()),
                Head::WithId(before, after) => head.extend([before.as_bytes(), after.as_bytes()].concat()),
            }
            head.extend_from_slice(b"\r\n");
        }
        Content { head, file, size }
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.size.saturating_add(self.head.len() as u64)
    }

    /// Puts the next piece into `piece`, which is emptied first; false at the end.
    ///
    /// # Errors
    /// When the file cannot be read or is shorter than it should be.
    pub fn next(&self, position: &mut Position, piece: &mut Vec<u8>) -> io::Result<bool> {
        piece.clear();
        if !position.begun {
            position.begun = true;
            piece.extend_from_slice(&self.head);
        }
        let left = usize::try_from(self.size - position.offset).unwrap_or(CHUNK).min(CHUNK);
        let kept = piece.len();
        piece.resize(kept + left, 0);
        read_exactly(&self.file, piece.get_mut(kept..).unwrap_or_default(), position.offset)?;
        position.offset += left as u64;
        Ok(!piece.is_empty())
    }

    /// Whether no byte is above 127.
    ///
    /// # Errors
    /// As [`Content::next`].
    pub fn is_seven_bit(&self) -> io::Result<bool> {
        let (mut position, mut piece) = (Position::default(), Vec::new());
        while self.next(&mut position, &mut piece)? {
            if !piece.is_ascii() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether no byte of the header is above 127. A header larger than one piece counts as it begins.
    ///
    /// # Errors
    /// As [`Content::next`].
    pub fn has_ascii_header(&self) -> io::Result<bool> {
        self.header().map(|header| header.is_ascii())
    }

    /// Whether the header has a field `TLS-Required: No` (RFC 8689 §3). A header larger than one piece counts as it begins.
    ///
    /// # Errors
    /// As [`Content::next`].
    pub fn waives_tls(&self) -> io::Result<bool> {
        let is_it = |line: &[u8]| {
            let (name, value) = line.split_at_checked(FIELD.len()).unwrap_or_default();
            name.eq_ignore_ascii_case(FIELD) && value.trim_ascii().eq_ignore_ascii_case(b"no")
        };
        self.header().map(|header| header.split(|byte| *byte == b'\n').any(is_it))
    }

    fn header(&self) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        self.next(&mut Position::default(), &mut piece)?;
        let end = piece.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(piece.len());
        piece.truncate(end);
        Ok(piece)
    }
}

fn read_exactly(file: &OwnedFd, mut space: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !space.is_empty() {
        match rustix::io::pread(file, &mut *space, offset) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the file is shorter than its message")),
            Ok(count) => {
                offset += count as u64;
                space = space.get_mut(count..).unwrap_or_default();
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
