//! The other server: a non-blocking socket with a deadline on everything, and its replies one by one.
//!
//! Security stance: the peer is hostile. A reply must be whole by its deadline, however it drips; its size is capped by
//! the parser, and what is buffered unread is capped here. While we write we read, so that a peer that answers early can
//! neither block us nor be missed.
//! How it fails: [`Trouble`], after which the connection is of no more use.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use stafett_smtp::Response;
use stafett_smtp::response::{Malformed, Parser};
use stafett_sys::poll::{Interest, Ready, wait_two};

/// Unread replies kept while we write; a peer that sends more must wait until we read them.
const UNREAD_MAX: usize = 64 * 1024;

/// A connected server.
#[derive(Debug)]
pub struct Peer {
    socket: TcpStream,
    parser: Parser,
    unread: Vec<u8>,
}

/// Why a connection is lost.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing (or not all) came in time.
    Timeout,
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
    /// Connects, waiting `within` at most.
    ///
    /// # Errors
    /// The system's reason; `TimedOut` where nobody answered.
    pub fn connect(address: SocketAddr, within: Duration) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = TcpStream::from(rustix::net::socket_with(family, SocketType::STREAM, flags, None)?);
        socket.set_nodelay(true)?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) => {}
            Err(Errno::INPROGRESS) => await_connection(&socket, within)?,
            Err(error) => return Err(error.into()),
        }
        Ok(Peer { socket, parser: Parser::default(), unread: Vec::new() })
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
            self.await_ready(Interest::Read, deadline)?;
            self.fill()?;
        }
    }

    /// Sends all of `bytes`; `within` bounds each wait for the peer to take more (RFC 5321 §4.5.3.2.5).
    ///
    /// # Errors
    /// [`Trouble`]; not all of `bytes` has been sent then.
    pub fn send(&mut self, mut bytes: &[u8], within: Duration) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.make_room(Instant::now() + within)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether something lies unread that came before its time.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty() || self.parser.is_inside_reply()
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
        let left = deadline.saturating_duration_since(Instant::now());
        let (ready, _) = wait_two((self.socket.as_fd(), interest), None, Some(left))?;
        if ready.any() { Ok(ready) } else { Err(Trouble::Timeout) }
    }

    fn fill(&mut self) -> Result<(), Trouble> {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => Err(Trouble::Closed),
            Ok(count) => {
                self.unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(Trouble::Closed),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn await_connection(socket: &TcpStream, within: Duration) -> io::Result<()> {
    let (ready, _) = wait_two((socket.as_fd(), Interest::Write), None, Some(within))?;
    if !ready.any() {
        return Err(ErrorKind::TimedOut.into());
    }
    socket.take_error()?.map_or(Ok(()), Err)
}
