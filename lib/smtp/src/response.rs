//! What a server answers to us: the client's parser for replies.
//!
//! Security stance: the server is a stranger. Lines and whole replies are capped, codes outside 200–599 are a broken
//! protocol, and a code is only success if it is of the kind that the command calls for: a 3xx after MAIL is none, nor is
//! anything below 200.
//!
//! How it fails: [`Malformed`], after which the connection is of no more use.
//!
//! Known limits: a line may end in LF alone; servers that do so exist, and nothing depends on where a reply's line ends.

use std::fmt;

use crate::Enhanced;

/// The longest line kept, in bytes; RFC 5321 §4.5.3.1.5 has 512.
pub const LINE_MAX: usize = 2048;

/// The longest whole reply, in bytes.
pub const REPLY_MAX: usize = 32 * 1024;

/// One complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    code: u16,
    /// The texts of all lines, each ended by LF.
    text: Vec<u8>,
}

/// The kind of reply that a command calls for when all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// 2xx: done.
    Completion,
    /// 3xx: go on (after DATA).
    Intermediate,
}

/// What a reply means to the one who gave the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kind that was wanted.
    Success,
    /// 4xx.
    Temporary,
    /// 5xx.
    Permanent,
    /// 2xx where 3xx was wanted or the reverse: the server has lost step, nothing can be concluded.
    OutOfStep,
}

impl Response {
    /// The three digits, 200 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reply seen from a command that wants such a kind.
    pub fn judge(&self, wanted: Wanted) -> Verdict {
        match (self.code / 100, wanted) {
            (2, Wanted::Completion) | (3, Wanted::Intermediate) => Verdict::Success,
            (4, _) => Verdict::Temporary,
            (5, _) => Verdict::Permanent,
            _ => Verdict::OutOfStep,
        }
    }

    /// The texts of the lines, without code and line end; raw bytes of the peer.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let ended = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        ended.split(|&byte| byte == b'\n')
    }

    /// The enhanced status of the first line, if it has one that fits the code.
    pub fn enhanced(&self) -> Option<Enhanced> {
        let first = self.lines().next()?;
        Enhanced::take(first, self.code).map(|(status, _)| status)
    }

    /// The whole reply as one printable line, `550 5.1.1 no such user/ask them`, cut at `limit` bytes.
    pub fn one_line(&self, limit: usize) -> String {
        let mut line = self.code.to_string();
        for (index, text) in self.lines().enumerate() {
            line.push(if index == 0 { ' ' } else { '/' });
            line.extend(text.iter().map(|&byte| printable(byte)));
        }
        line.truncate(limit);
        line
    }
}

/// Every answer comes out as ASCII, so a cut never falls inside a character.
fn printable(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '?' }
}

/// The reply breaks RFC 5321 §4.2 or our limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A line longer than [`LINE_MAX`].
    LineTooLong,
    /// A reply longer than [`REPLY_MAX`].
    ReplyTooLong,
    /// A line that does not begin with a code of 200 to 599 and a blank, `-` or its end.
    NoCode,
    /// The lines of one reply have different codes.
    CodeChanged,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::LineTooLong => "reply line too long",
            Self::ReplyTooLong => "reply too long",
            Self::NoCode => "reply without a valid code",
            Self::CodeChanged => "reply whose lines have different codes",
        })
    }
}

impl std::error::Error for Malformed {}

/// Collects bytes until a reply is complete; use one for a connection's whole life.
#[derive(Debug, Default)]
pub struct Parser {
    /// The line being received, without its end.
    line: Vec<u8>,
    /// Texts of complete lines.
    text: Vec<u8>,
    code: Option<u16>,
}

impl Parser {
    /// Takes bytes until a reply is complete or they are used up: how many were used, and the reply.
    /// What follows a complete reply stays with the caller, for the next call.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<Response>), Malformed> {
        let mut rest = input;
        while let Some((line, after)) = split_line(rest) {
            rest = after;
            self.append(line)?;
            if let Some(response) = self.end_line()? {
                return Ok((input.len() - rest.len(), Some(response)));
            }
        }
        self.append(rest)?;
        Ok((input.len(), None))
    }

    /// Whether part of a reply has been read: a connection that closes now broke off in mid-reply.
    pub fn is_inside_reply(&self) -> bool {
        !self.line.is_empty() || self.code.is_some()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if self.line.len() + bytes.len() > LINE_MAX {
            return Err(Malformed::LineTooLong);
        }
        if self.text.len() + self.line.len() + bytes.len() > REPLY_MAX {
            return Err(Malformed::ReplyTooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Judges the collected line; gives the reply when it was the last one.
    fn end_line(&mut self) -> Result<Option<Response>, Malformed> {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let (code, last, text) = split_code(line).ok_or(Malformed::NoCode)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(Malformed::CodeChanged);
        }
        self.code = Some(code);
        self.text.extend_from_slice(text);
        self.text.push(b'\n');
        self.line.clear();
        if !last {
            return Ok(None);
        }
        self.code = None;
        Ok(Some(Response { code, text: std::mem::take(&mut self.text) }))
    }
}

fn split_line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', input)?;
    let (line, rest) = input.split_at_checked(end)?;
    Some((line, rest.get(1..)?))
}

/// Code, whether the line is the reply's last, and the text.
fn split_code(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (&[first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9'], rest) = line.split_first_chunk::<3>()? else {
        return None;
    };
    let digit = |byte: u8| u16::from(byte - b'0');
    let code = digit(first) * 100 + digit(second) * 10 + digit(third);
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}
