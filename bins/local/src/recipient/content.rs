//! The message: the header lines of its envelope, then the first bytes of its file; with LF line ends for files and
//! programs, with CRLF for the queue.
//!
//! Read with pread at explicit offsets, because other processes share the descriptor's own offset.
//! How it fails: a file that cannot be read, or ends early, puts the delivery off.

use super::Stop;
use std::cell::OnceCell;
use std::io;
use std::os::fd::OwnedFd;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// One message.
#[derive(Debug)]
pub struct Content {
    /// Header lines in front, each ended by LF.
    head: Vec<u8>,
    file: OwnedFd,
    size: u64,
    /// A small message that was read, with LF line ends: the header is looked at before all is written.
    small: OnceCell<Vec<u8>>,
}

impl Content {
    /// The first `size` bytes of `file`, with these header lines in front.
    pub fn new(head: impl Iterator<Item = String>, file: OwnedFd, size: u64) -> Content {
        let head = head.flat_map(|line| [line.into_bytes(), b"\n".to_vec()].concat()).collect();
        Content { head, file, size, small: OnceCell::new() }
    }

    /// About how many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.size.saturating_add(self.head.len() as u64)
    }

    /// Gives the message piece by piece, with LF line ends.
    pub fn copy(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), Stop>) -> Result<(), Stop> {
        take(&self.head)?;
        self.copy_file(take)
    }

    /// How long it is at most with LF line ends, also where each of its lines gets a character more.
    pub fn most(&self) -> u64 {
        self.size + 2 * self.head.len() as u64
    }

    /// As [`Content::copy`], with CRLF line ends.
    pub fn copy_crlf(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), Stop>) -> Result<(), Stop> {
        let mut out = Vec::new();
        self.copy(&mut |piece| {
            out.clear();
            for line in piece.split_inclusive(|byte| *byte == b'\n') {
                match line.strip_suffix(b"\n") {
                    Some(line) => out.extend_from_slice(&[line, b"\r\n"].concat()),
                    None => out.extend_from_slice(line),
                }
            }
            take(&out)
        })
    }

    /// The header, line by line without line ends, until `take` says stop.
    pub fn header(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), Stop>) -> Result<(), Stop> {
        let mut rest: Vec<u8> = Vec::new();
        let mut over = false;
        let read = self.copy(&mut |piece| {
            rest.extend_from_slice(piece);
            let mut lines = rest.split_inclusive(|byte| *byte == b'\n');
            let mut taken = 0;
            while let Some(line) = lines.next().and_then(|line| line.strip_suffix(b"\n")) {
                if line.is_empty() {
                    over = true;
                    // Nothing behind it is read.
                    return Err(Stop::Later(String::new()));
                }
                take(line)?;
                taken += line.len() + 1;
            }
            rest.drain(..taken);
            Ok(())
        });
        if over { Ok(()) } else { read }
    }

    fn copy_file(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), Stop>) -> Result<(), Stop> {
        if let Some(text) = self.small.get() {
            return take(text);
        }
        let mut buffer = vec![0; CHUNK.min(usize::try_from(self.size).unwrap_or(CHUNK)).max(1)];
        let mut lines = Lines::default();
        let mut out = Vec::with_capacity(buffer.len());
        let mut offset = 0;
        while offset < self.size {
            let wanted = usize::try_from(self.size - offset).unwrap_or(CHUNK).min(buffer.len());
            let count = self.read(buffer.get_mut(..wanted).unwrap_or_default(), offset).map_err(unreadable)?;
            out.clear();
            lines.convert(buffer.get(..count).unwrap_or_default(), &mut out);
            offset += count as u64;
            if count as u64 == self.size {
                out.extend_from_slice(lines.end());
                return take(self.small.get_or_init(|| out));
            }
            take(&out)?;
        }
        take(lines.end())
    }

    fn read(&self, space: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match rustix::io::pread(&self.file, &mut *space, offset) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than its message")),
                Err(rustix::io::Errno::INTR) => {}
                other => return other.map_err(io::Error::from),
            }
        }
    }
}

fn unreadable(error: io::Error) -> Stop {
    Stop::Later(format!("Unable to read message: {error}. (#4.3.0)"))
}

/// CRLF becomes LF, also across two pieces; a bare CR stays.
#[derive(Debug, Default)]
struct Lines {
    has_cr: bool,
}

impl Lines {
    fn convert(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        if std::mem::take(&mut self.has_cr) && input.first() != Some(&b'\n') {
            out.push(b'\r');
        }
        while let Some(cr) = memchr::memchr(b'\r', input) {
            let (before, rest) = input.split_at(cr);
            out.extend_from_slice(before);
            input = rest.get(1..).unwrap_or_default();
            match input.first() {
                None => self.has_cr = true,
                Some(b'\n') => {}
                Some(_) => out.push(b'\r'),
            }
        }
        out.extend_from_slice(input);
    }

    fn end(&self) -> &'static [u8] {
        if self.has_cr { b"\r" } else { b"" }
    }
}

#[cfg(test)]
#[path = "content_test.rs"]
mod content_test;
