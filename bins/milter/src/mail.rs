//! A message as the filters see and change it: header fields in memory, the body where it lies.
//!
//! What it does: reads the header out of the file once, hands fields and body to one filter after the other, applies what
//! each wants changed, and says at the end which bytes of the file are to be replaced by which.
//!
//! Security stance: the message is a stranger's, the changes are a filter's. Header and changes are bounded; a changed
//! value can neither end its field nor hold control characters; a changed body has whole lines.
//!
//! How it fails: an error of the file, or a header that is too large for filters.

use crate::header::{Field, Header};
use crate::protocol::Malformed;
use crate::protocol::response::{Address, Change};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// Changed header bytes of a message at most, in bytes: they travel in one packet.
const LARGEST_CHANGE: usize = 96 * 1024;
/// A new body may be this much larger than the message was, in bytes.
const LARGEST_GROWTH: u64 = 16 * 1024 * 1024;
/// Recipients that filters may add.
const MOST_ADDED: usize = 100;

/// A message.
#[derive(Debug)]
pub struct Mail {
    file: File,
    size: u64,
    /// Its header.
    pub header: Header,
    body: Option<Body>,
    /// Changes of the envelope, in order.
    pub envelope: Vec<Change>,
    changed: usize,
}

/// A body that a filter has put in the place of the first.
#[derive(Debug)]
struct Body {
    file: File,
    size: u64,
    last: u8,
}

impl Mail {
    /// Reads a message; `front` are lines that will stand before it.
    ///
    /// # Errors
    /// When the file cannot be read, or its header is too large.
    pub fn read(file: File, front: &[&[u8]]) -> io::Result<Mail> {
        let size = file.metadata()?.len();
        let header = Header::read(&file, size, front)?;
        Ok(Mail { file, size, header, body: None, envelope: Vec::new(), changed: 0 })
    }

    /// What the changes of one filter may hold at most, in bytes.
    pub fn most(&self) -> u64 {
        self.size + LARGEST_GROWTH
    }

    /// The next part of the body from `from` on; empty at its end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn body<'a>(&self, from: u64, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let (file, start) = match &self.body {
            Some(body) => (&body.file, 0),
            None => (&self.file, self.header.end()),
        };
        loop {
            match file.read_at(buffer, start + from) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(|length| buffer.get(..length).unwrap_or_default()),
            }
        }
    }

    /// Applies what one filter wants; `spaced` when its values begin with the blank behind the colon.
    ///
    /// # Errors
    /// When it wants more than is allowed, or there is no memory for a new body. The message is not usable then.
    pub fn apply(&mut self, changes: Vec<Change>, spaced: bool) -> Result<(), String> {
        let mut body = None;
        for change in changes {
            if !matches!(change, Change::Body(_)) {
                self.changed += change.size() + 16;
            }
            if self.changed > LARGEST_CHANGE {
                return Err("it wants more changes than one message may have".to_owned());
            }
            match change {
                Change::AddHeader { name, value } => self.header.append(Field::new(&name, &value, spaced)),
                Change::InsertHeader { before, name, value } => self.header.insert(before, Field::new(&name, &value, spaced)),
                Change::SetHeader { which, name, value } => self.header.change(which, &name, &value, spaced),
                Change::Body(piece) => {
                    let body = match &mut body {
                        Some(body) => body,
                        none => none.insert(Body::new().map_err(|error| error.to_string())?),
                    };
                    body.write(&piece, self.size + 2 * LARGEST_GROWTH)?;
                }
                other => self.take_envelope(other)?,
            }
        }
        if let Some(mut body) = body {
            body.finish().map_err(|error| error.to_string())?;
            self.body = Some(body);
        }
        Ok(())
    }

    fn take_envelope(&mut self, change: Change) -> Result<(), String> {
        let (Change::Sender(address) | Change::AddRecipient(address) | Change::RemoveRecipient(address)) = &change else {
            self.envelope.push(change);
            return Ok(());
        };
        plain(address).map_err(|error| error.to_string())?;
        if self.envelope.len() >= MOST_ADDED {
            return Err("it wants more recipients changed than one message may have".to_owned());
        }
        self.envelope.push(change);
        Ok(())
    }

    /// The new body, and where in the file the old one begins.
    pub fn new_body(&self) -> Option<(&File, u64)> {
        self.body.as_ref().map(|body| (&body.file, self.header.end()))
    }
}

/// An address that can stand in an envelope; whether it is one is judged where it is used.
fn plain(address: &Address) -> Result<(), Malformed> {
    let texts = std::iter::once(&address.address).chain(&address.parameters);
    let fits = |text: &String| text.len() <= 1000 && !text.chars().any(char::is_control);
    if texts.into_iter().all(fits) { Ok(()) } else { Err(Malformed("an address that cannot be")) }
}

impl Body {
    fn new() -> io::Result<Body> {
        let memory = rustix::fs::memfd_create("body", rustix::fs::MemfdFlags::CLOEXEC)?;
        Ok(Body { file: File::from(memory), size: 0, last: b'\n' })
    }

    /// Whatever ends a line there ends it with CR LF here.
    fn write(&mut self, piece: &[u8], most: u64) -> Result<(), String> {
        let mut out = Vec::with_capacity(piece.len() + 16);
        for byte in piece {
            match (byte, self.last) {
                (b'\n', b'\r') => {}
                (b'\n', _) => out.push(b'\r'),
                (_, b'\r') => out.push(b'\n'),
                _ => {}
            }
            out.push(*byte);
            self.last = *byte;
        }
        self.size += out.len() as u64;
        if self.size > most {
            return Err("it wants a body that is much larger than the message".to_owned());
        }
        self.file.write_all(&out).map_err(|error| error.to_string())
    }

    fn finish(&mut self) -> io::Result<()> {
        match self.last {
            b'\n' => Ok(()),
            b'\r' => self.file.write_all(b"\n"),
            _ => self.file.write_all(b"\r\n"),
        }
    }
}

#[cfg(test)]
#[path = "mail_test.rs"]
mod tests;
