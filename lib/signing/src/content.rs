//! A message as far as it is signed: its header fields and the hash of its body.

use crate::base64;
use crate::canonical::Body;
use crate::fields::{Field, fields};
use stafett_address::authors;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The longest header, in bytes.
const HEADER_MAX: usize = 1024 * 1024;
/// Fields of one header; each name in a signature is looked for in all of them.
const MOST_FIELDS: usize = 10_000;
/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// A message.
#[derive(Debug)]
pub struct Content {
    /// The fields from the top, those in front of the message first.
    pub(crate) fields: Vec<Field>,
    /// How many of them go in front.
    pub(crate) front: usize,
    body_at: u64,
    hash: Option<String>,
}

/// Why a message cannot be signed.
#[derive(Debug)]
pub enum Fault {
    /// It never can.
    Never(&'static str),
    /// It cannot be read now.
    Now(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Never(reason) => f.write_str(reason),
            Fault::Now(error) => write!(f, "unable to read the message: {error}"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Now(error)
    }
}

impl Content {
    /// Reads the header of a message in a file; `front` are the lines that will stand above it.
    ///
    /// # Errors
    /// When it cannot be read, or its header is too long.
    pub fn read(front: &[&[u8]], message: &File) -> Result<Content, Fault> {
        let (header, body_at) = header(message)?;
        let lines: Vec<u8> = front.iter().flat_map(|line| [*line, b"\r\n"].concat()).collect();
        let mut all = fields(&lines);
        let front = all.len();
        all.extend(fields(&header));
        if all.len() > MOST_FIELDS {
            return Err(Fault::Never("the header has too many fields"));
        }
        Ok(Content { fields: all, front, body_at, hash: None })
    }

    /// The domains of its authors, in lower case and ASCII: those of its From field.
    ///
    /// # Errors
    /// When it has more than one From field, so that nobody knows what its reader will see.
    pub fn author_domains(&self) -> Result<Vec<String>, Fault> {
        let mut from = self.fields.iter().filter(|field| field.is("From"));
        match (from.next(), from.next()) {
            (Some(field), None) => Ok(authors::domains(&field.value)),
            (None, _) => Ok(Vec::new()),
            (Some(_), Some(_)) => Err(Fault::Never("the message has more than one From field")),
        }
    }

    /// Whether it has a field of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.is(name))
    }

    /// Hashes the body; once, before anything is signed.
    ///
    /// # Errors
    /// When the message cannot be read.
    pub fn hash_body(&mut self, message: &File) -> Result<(), Fault> {
        let mut body = Body::new();
        let mut buffer = vec![0; PIECE];
        let mut at = self.body_at;
        loop {
            let length = read_at(message, &mut buffer, at)?;
            if length == 0 {
                break;
            }
            body.take(buffer.get(..length).unwrap_or_default());
            at += length as u64;
        }
        self.hash = Some(base64::encode(&body.finish()));
        Ok(())
    }

    /// The hash of the body in base64.
    pub(crate) fn body_hash(&self) -> Result<&str, String> {
        self.hash.as_deref().ok_or_else(|| "the body was not hashed".to_owned())
    }
}

/// The header, and where the body begins.
fn header(message: &File) -> Result<(Vec<u8>, u64), Fault> {
    let mut header = Vec::new();
    let mut buffer = vec![0; PIECE];
    loop {
        if let Some(length) = length(&header) {
            header.truncate(length);
            return Ok((header, length as u64 + 2));
        }
        if header.len() > HEADER_MAX {
            return Err(Fault::Never("the header is too large"));
        }
        let read = read_at(message, &mut buffer, header.len() as u64)?;
        if read == 0 {
            let end = header.len() as u64;
            return Ok((header, end));
        }
        header.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
}

/// How long the header is, if its end has been read.
fn length(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"\r\n") {
        return Some(0);
    }
    text.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 2)
}

fn read_at(message: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match message.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
