//! The conversation with queued, from the side of whoever brings a message.
//!
//! On a stream of netstrings, each beginning with a letter:
//! `E` and a piece of the envelope's text, `D` and a piece of the message (strict CRLF lines), each
//! any number of times and in any order among themselves, then `.`; or `R` and a size in bytes, to ask whether there is room for so much; or
//! `S`, to ask what was done since the start. Each `.`, `R` and `S` is answered with one netstring:
//! `K` and the queue id (or `ok`, or names and numbers, all divided by blanks), `Z` or `D` and a text that begins with an SMTP reply code and an enhanced status code. End of file before the `.`
//! means that nothing is queued.

use crate::netstring::{self, Reader};
use crate::{Malformed, Verdict};
use stafett_envelope::Envelope;
use stafett_sys::socket::{Style, connect_within};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The largest envelope text, in bytes.
pub const LARGEST_ENVELOPE: usize = 16 * 1024 * 1024;
/// The largest piece of a message in one netstring, in bytes.
pub const LARGEST_PIECE: usize = 64 * 1024;
/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 1024;

/// What queued says of a message or a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message is on disk under this queue id (or there is room).
    Accepted(String),
    /// Not now; the text begins with an SMTP reply code of the 400s.
    Temporary(String),
    /// Never; the text begins with an SMTP reply code of the 500s.
    Permanent(String),
}

/// A message on its way into the queue.
#[derive(Debug)]
pub struct Injector {
    stream: UnixStream,
    pending: Vec<u8>,
    broken: bool,
}

/// The bytes of a message that wait for their injector, already in the form of the wire: they are
/// copied once on their way to queued.
#[derive(Debug)]
pub struct Gathered {
    wire: Vec<u8>,
    size: usize,
}

impl Gathered {
    /// Nothing yet, with room for so many bytes.
    pub fn with_room(bytes: usize) -> Gathered {
        Gathered { wire: Vec::with_capacity(bytes), size: 0 }
    }

    /// Adds to the message.
    pub fn data(&mut self, bytes: &[u8]) {
        self.size += bytes.len();
        bytes.chunks(LARGEST_PIECE - 1).for_each(|piece| push_piece(&mut self.wire, b'D', piece));
    }

    /// The message's bytes so far.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Injector {
    /// Connects to queued's socket. This and every read and write is bounded by `patience`.
    ///
    /// # Errors
    /// When nobody listens there, or nobody accepts in time.
    pub fn connect(socket: &Path, patience: Duration) -> io::Result<Injector> {
        let stream = UnixStream::from(connect_within(socket, Style::Stream, patience)?);
        Ok(Injector { stream, pending: Vec::new(), broken: false })
    }

    /// Asks whether a message of `size` bytes would find room.
    ///
    /// # Errors
    /// When queued does not answer in time.
    pub fn room(&mut self, size: u64) -> io::Result<Answer> {
        netstring::push(&mut self.pending, format!("R{size}").as_bytes());
        self.answer()
    }

    /// Asks what queued has done since it began: names and numbers, as stafett-queued(8) lists them.
    ///
    /// # Errors
    /// When queued does not answer in time.
    pub fn statistics(&mut self) -> io::Result<Answer> {
        netstring::push(&mut self.pending, b"S");
        self.answer()
    }

    /// Says the envelope, once for each message: before its data, or behind them by a caller that
    /// learns of it last.
    pub fn envelope(&mut self, envelope: &Envelope) {
        let mut text = Vec::with_capacity(512);
        envelope.write(&mut text);
        self.pieces(b'E', &text);
    }

    /// Adds to the message. A write that fails shows in [`Injector::finish`], which then reads
    /// why queued gave up.
    pub fn data(&mut self, bytes: &[u8]) {
        self.pieces(b'D', bytes);
    }

    /// Adds what was gathered to the message, before any other of its bytes.
    pub fn gathered(&mut self, gathered: Gathered) {
        if self.pending.is_empty() {
            self.pending = gathered.wire;
        } else {
            self.pending.extend_from_slice(&gathered.wire);
        }
        self.flush_if_full();
    }

    /// Whether queued has hung up before the end of the message.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Ends the message and waits for the answer: accepted means on disk.
    ///
    /// # Errors
    /// When queued does not answer in time or says something odd. The message may be queued all
    /// the same; the caller must answer with a temporary failure.
    pub fn finish(&mut self) -> io::Result<Answer> {
        netstring::push(&mut self.pending, b".");
        self.answer()
    }

    fn pieces(&mut self, letter: u8, bytes: &[u8]) {
        for piece in bytes.chunks(LARGEST_PIECE - 1) {
            push_piece(&mut self.pending, letter, piece);
            self.flush_if_full();
        }
    }

    fn flush_if_full(&mut self) {
        if self.pending.len() >= LARGEST_PIECE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.broken && self.stream.write_all(&self.pending).is_err() {
            self.broken = true;
        }
        self.pending.clear();
    }

    fn answer(&mut self) -> io::Result<Answer> {
        self.flush();
        let mut reader = Reader::new(&self.stream, LONGEST_ANSWER);
        let answer = reader.next()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Answer::parse(answer).map_err(io::Error::from)
    }
}

fn push_piece(wire: &mut Vec<u8>, letter: u8, piece: &[u8]) {
    wire.extend_from_slice((piece.len() + 1).to_string().as_bytes());
    wire.extend_from_slice(&[b':', letter]);
    wire.extend_from_slice(piece);
    wire.push(b',');
}

impl Answer {
    /// The text on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let (verdict, text) = match self {
            Answer::Accepted(text) => (Verdict::Ok, text),
            Answer::Temporary(text) => (Verdict::Temporary, text),
            Answer::Permanent(text) => (Verdict::Permanent, text),
        };
        let mut out = vec![verdict.letter()];
        out.extend_from_slice(text.as_bytes());
        out
    }

    /// Reads the text of [`Answer::encode`].
    ///
    /// # Errors
    /// When it is none: an unknown letter, no printable text.
    pub fn parse(bytes: &[u8]) -> Result<Answer, Malformed> {
        let (letter, text) = bytes.split_first().ok_or(Malformed("an empty answer"))?;
        let text = std::str::from_utf8(text).map_err(|_| Malformed("an answer that is no text"))?;
        if text.chars().any(char::is_control) {
            return Err(Malformed("an answer with a control character"));
        }
        let text = text.to_owned();
        match Verdict::from_letter(*letter) {
            Some(Verdict::Ok) => Ok(Answer::Accepted(text)),
            Some(Verdict::Temporary) => Ok(Answer::Temporary(text)),
            Some(Verdict::Permanent) => Ok(Answer::Permanent(text)),
            None => Err(Malformed("an answer with an unknown letter")),
        }
    }
}
