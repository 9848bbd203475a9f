//! The other server: a non-blocking socket with a deadline on everything, and its replies one by one.
//!
//! Security stance: the peer is hostile. A reply must be whole by its deadline, however it drips; its size is capped by
//! the parser, and what is buffered unread is capped here. While we write we read, so that a peer that answers early can
//! neither block us nor be missed. What has come before a handshake of TLS does not survive it: there is none then.
//! How it fails: [`Trouble`], after which the connection is of no more use.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::SendFlags;
use stafett_smtp::Response;
use stafett_smtp::response::{Malformed, Parser};
use stafett_sys::poll::{Interest, Ready, wait_two};
use stafett_tls_client::{Client, Facts, Refusal, Stream, Trust};

/// Unread replies kept while we write; a peer that sends more must wait until we read them.
const UNREAD_MAX: usize = 64 * 1024;

/// A connected server.
#[derive(Debug)]
pub struct Peer {
    socket: OwnedFd,
    tls: Option<Stream>,
    parser: Parser,
    unread: Vec<u8>,
    end: Instant,
    /// Something has come since we last sent: the kernel may hold back its acknowledgement.
    has_heard: bool,
}

/// Why a connection is lost.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing (or not all) came in time.
    Timeout,
    /// The time for all of it is over.
    TookTooLong,
    /// The peer closed the connection.
    Closed,
    /// The system reported an error.
    Broken(io::Error),
    /// The peer does not speak SMTP.
    Malformed(Malformed),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Timeout => f.write_str("no answer in time"),
            Trouble::TookTooLong => f.write_str("control/timeoutdelivery is over"),
            Trouble::Closed => f.write_str("closed by the other side"),
            Trouble::Broken(error) => error.fmt(f),
            Trouble::Malformed(what) => what.fmt(f),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => Trouble::Timeout,
            _ => Trouble::Broken(error),
        }
    }
}

impl Peer {
    /// The server at the other end of a connected, nonblocking socket; nothing is waited for beyond `end`.
    pub fn new(socket: OwnedFd, end: Instant) -> Self {
        Peer { socket, tls: None, parser: Parser::default(), unread: Vec::new(), end, has_heard: false }
    }

    /// Goes on in TLS.
    ///
    /// # Errors
    /// [`Refusal`]; the connection is of no more use. So it is where something lies unread that came in the clear: somebody
    /// may have put it there, to be taken for a reply from behind the handshake (RFC 3207 §6).
    pub fn start_tls(
        &mut self,
        client: &Client,
        name: &str,
        trust: &Trust,
        identity: Option<&str>,
        within: Duration,
    ) -> Result<&Facts, Refusal> {
        if self.has_unread() {
            return Err(Refusal::Broken("the server said more in the clear than it was asked".to_owned()));
        }
        let deadline = self.end.min(Instant::now() + within);
        let mut stream = client.connect(&self.socket, name, trust, identity, deadline)?;
        stream.drain(&mut self.unread)?;
        Ok(&self.tls.insert(stream).facts)
    }

    /// What was agreed on, where the connection is in TLS.
    pub fn tls(&self) -> Option<&Facts> {
        self.tls.as_ref().map(|stream| &stream.facts)
    }

    /// A new message has a time of its own.
    pub fn end_at(&mut self, end: Instant) {
        self.end = end;
    }

    /// The next reply.
    ///
    /// # Errors
    /// [`Trouble`], also where the reply has begun but is not whole `within` that time.
    pub fn reply(&mut self, within: Duration) -> Result<Response, Trouble> {
        let deadline = Instant::now() + within;
        loop {
            let (used, response) = self.parser.feed(&self.unread).map_err(Trouble::Malformed)?;
            self.unread.drain(..used);
            if let Some(response) = response {
                return Ok(response);
            }
            if self.has_heard {
                self.acknowledge();
            }
            self.await_ready(Interest::Read, deadline)?;
            self.fill()?;
        }
    }

    /// Sends all of `bytes`; `within` bounds each wait for the peer to take more (RFC 5321 §4.5.3.2.5).
    ///
    /// # Errors
    /// [`Trouble`]; not all of `bytes` has been sent then.
    pub fn send(&mut self, mut bytes: &[u8], within: Duration) -> Result<(), Trouble> {
        self.has_heard = false;
        if self.tls.is_some() {
            return self.send_in_tls(bytes, within);
        }
        while !bytes.is_empty() {
            match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.make_room(Instant::now() + within)?,
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Ok(())
    }

    fn send_in_tls(&mut self, mut bytes: &[u8], within: Duration) -> Result<(), Trouble> {
        loop {
            let Some(stream) = &mut self.tls else { return Ok(()) };
            let taken = stream.take(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
            match stream.send(&self.socket) {
                Ok(()) if bytes.is_empty() => return Ok(()),
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.make_room(Instant::now() + within)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether an idle connection that has become readable can still be used: TLS has messages of its own, such as tickets.
    pub fn is_quiet(&mut self) -> bool {
        self.tls.is_some() && self.fill().is_ok() && !self.has_unread()
    }

    /// Says that this was all, where TLS wants to hear it (RFC 8446 §6.1). Nobody waits for it.
    pub fn end(&mut self) {
        if let Some(stream) = &mut self.tls {
            stream.end();
            let _ = stream.send(&self.socket);
        }
    }

    /// Whether something lies unread that came before its time.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty() || self.parser.is_inside_reply()
    }

    /// A server that writes its replies line by line, with Nagle's algorithm on, keeps the second line until the first is
    /// acknowledged, which the kernel puts off by 40 ms in the hope that we send something (tcp(7), TCP_QUICKACK).
    fn acknowledge(&self) {
        // A Unix socket has no such thing, and elsewhere a failure costs time only.
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.socket, true);
    }

    /// Waits until the peer takes more, and meanwhile collects what it says.
    fn make_room(&mut self, deadline: Instant) -> Result<(), Trouble> {
        let listening = self.unread.len() < UNREAD_MAX;
        let ready = self.await_ready(if listening { Interest::Both } else { Interest::Write }, deadline)?;
        if ready.readable && listening {
            self.fill()?;
        }
        Ok(())
    }

    fn await_ready(&self, interest: Interest, deadline: Instant) -> Result<Ready, Trouble> {
        let left = deadline.min(self.end).saturating_duration_since(Instant::now());
        let (ready, _) = wait_two((self.socket.as_fd(), interest), None, Some(left))?;
        match ready.any() {
            true => Ok(ready),
            false if self.end < deadline => Err(Trouble::TookTooLong),
            false => Err(Trouble::Timeout),
        }
    }

    fn fill(&mut self) -> Result<(), Trouble> {
        if self.tls.is_some() {
            return self.fill_from_tls();
        }
        let mut buffer = [0; 4096];
        match rustix::io::read(&self.socket, &mut buffer) {
            Ok(0) => Err(Trouble::Closed),
            Ok(count) => {
                self.has_heard = true;
                self.unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(Errno::CONNRESET) => Err(Trouble::Closed),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }
}

impl Peer {
    fn fill_from_tls(&mut self) -> Result<(), Trouble> {
        let Some(stream) = &mut self.tls else { return Ok(()) };
        let read = stream.read(&self.socket, &mut self.unread);
        if stream.wants_write() {
            // an answer of TLS's own; what cannot go now goes with the next command
            let _ = stream.send(&self.socket);
        }
        match read {
            Ok(true) => {
                self.has_heard = true;
                Ok(())
            }
            Ok(false) => Err(Trouble::Closed),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => Err(Trouble::Closed),
                _ => Err(Trouble::Broken(error)),
            },
        }
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
