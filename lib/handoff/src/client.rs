//! The caller's half of a handoff.

use stafett_sys::poll::{self, Interest};
use stafett_sys::process::Pid;
use stafett_sys::socket::{self, Style};
use stafett_wire::Malformed;
use stafett_wire::netstring::{all, number, push};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a parent may keep a caller waiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// The text of a refusal by a parent that ends: nobody has touched the conversation, so the next parent may have it.
pub const ENDING: &str = "it is ending";

/// A connection to a resident parent.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// What a parent says of a handoff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A child serves it.
    Started {
        /// The tag of the handoff.
        tag: u64,
        /// The child.
        pid: Pid,
    },
    /// Its child has ended.
    Ended {
        /// The tag of the handoff.
        tag: u64,
        /// What wait(2) said.
        status: i32,
    },
    /// There is no child.
    Refused {
        /// The tag of the handoff.
        tag: u64,
        /// Why.
        text: String,
    },
}

impl Client {
    /// Connects to the parent that listens at `path`. Waits at most a second for one that is stopped, whose backlog is full.
    ///
    /// # Errors
    /// When nobody listens there, or we may not go there; `WouldBlock` when it does not accept.
    pub fn connect(path: &Path) -> io::Result<Client> {
        let socket = socket::connect_within(path, Style::Packets, PATIENCE)?;
        socket::set_nonblocking(&socket, true)?;
        Ok(Client { socket, buffer: vec![0; 2048] })
    }

    /// As [`Client::connect`], and does not wait longer than `patience` for a parent that has stopped.
    ///
    /// # Errors
    /// As [`Client::connect`]; `WouldBlock` when nobody accepted in time.
    pub fn connect_within(path: &Path, patience: Duration) -> io::Result<Client> {
        let socket = socket::connect_within(path, Style::Packets, patience)?;
        socket::set_nonblocking(&socket, true)?;
        Ok(Client { socket, buffer: vec![0; 2048] })
    }

    /// Hands over `descriptor`; the caller may close its own copy then. Waits at most a second
    /// for a parent that is busy.
    ///
    /// # Errors
    /// When the parent is gone; `WouldBlock` when it does not read. Nothing was handed over then.
    pub fn hand_over<S: AsRef<[u8]>>(&self, tag: u64, strings: &[S], descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let mut packet = Vec::with_capacity(256);
        push(&mut packet, tag.to_string().as_bytes());
        for string in strings {
            push(&mut packet, string.as_ref());
        }
        match socket::send_packet(&self.socket, &packet, Some(descriptor)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll::wait_two((self.socket.as_fd(), Interest::Write), None, Some(PATIENCE))?;
                socket::send_packet(&self.socket, &packet, Some(descriptor))
            }
            done => done,
        }
    }

    /// Waits until a child serves the handoff with this tag, for a caller who has no other one under way.
    ///
    /// # Errors
    /// When the parent refuses, with its words; `TimedOut` when it does not answer `within` this time; and as
    /// [`Client::answer`]. A child may be born all the same in the last two cases.
    pub fn started(&mut self, tag: u64, within: Duration) -> io::Result<Pid> {
        let until = Instant::now() + within;
        loop {
            match self.answer()? {
                Some(Answer::Started { tag: of, pid }) if of == tag => return Ok(pid),
                Some(Answer::Refused { tag: of, text }) if of == tag => return Err(io::Error::other(text)),
                Some(_) => {}
                None => {
                    let left = until.saturating_duration_since(Instant::now());
                    let (ready, _) = poll::wait_two((self.socket.as_fd(), Interest::Read), None, Some(left))?;
                    if !ready.any() && left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
            }
        }
    }

    /// The next answer; `None` when none has come yet.
    ///
    /// # Errors
    /// `UnexpectedEof` when the parent is gone; what it had not answered will not be answered.
    pub fn answer(&mut self) -> io::Result<Option<Answer>> {
        let packet = match socket::receive_packet(&self.socket, &mut self.buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            other => other?,
        };
        if packet.length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        parse(self.buffer.get(..packet.length).unwrap_or_default()).map(Some).map_err(io::Error::from)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (letter, tag, value) = match self {
            Answer::Started { tag, pid } => ("S", tag, pid.to_string()),
            Answer::Ended { tag, status } => ("E", tag, status.to_string()),
            Answer::Refused { tag, text } => ("Z", tag, text.clone()),
        };
        let mut out = Vec::with_capacity(64);
        push(&mut out, letter.as_bytes());
        push(&mut out, tag.to_string().as_bytes());
        push(&mut out, value.as_bytes());
        out
    }
}

fn parse(packet: &[u8]) -> Result<Answer, Malformed> {
    let [letter, tag, value] = all(packet, 3)?[..] else { return Err(Malformed("not the three parts of an answer")) };
    let tag = number(tag)?;
    let small = |bytes| number(bytes).and_then(|n| i32::try_from(n).map_err(|_| Malformed("a number that is too large")));
    match letter {
        b"S" => Ok(Answer::Started { tag, pid: Pid(small(value)?) }),
        b"E" => Ok(Answer::Ended { tag, status: small(value)? }),
        b"Z" => Ok(Answer::Refused { tag, text: String::from_utf8_lossy(value).into_owned() }),
        _ => Err(Malformed("an unknown answer")),
    }
}
