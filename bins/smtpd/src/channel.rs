//! The connection: lines and data in, replies out, every wait bounded.
//!
//! What it does: collects replies and sends them in one write before it blocks for more input, which is what makes
//! pipelining (RFC 2920) worth it. Every wait ends with the client's silence ([`End::Timeout`]) or the session's time, and
//! between commands also when the parent's lifeline hangs up.
//!
//! Security stance: a line longer than [`LINE_MAX`] is never kept, only skipped; a client that does not read its replies is
//! as silent as one that does not write.
//!
//! Known limits: a command line may end in LF alone, for typed sessions; message data may not.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use stafett_smtp::Reply;
use stafett_sys::poll::{self, Interest, wait_two};

/// The longest line outside of message data, in bytes: what RFC 4954 §4 wants for AUTH. Commands are shorter.
pub const LINE_MAX: usize = 12_288;

/// Room for input, in bytes; only what is used is ever touched.
const INPUT_MAX: usize = 32 * 1024;

/// Replies are sent at the latest when they come to so many bytes.
const REPLIES_MAX: usize = 8 * 1024;

/// The most that is written at once to something that is no socket: what a pipe takes whole when it can be written.
const PIPE_PIECE: usize = 4096;

/// How long a client that is sent away may take to hear why.
const LINGER: Duration = Duration::from_secs(1);

/// While the service ends, a client that says nothing for so long is told so.
const QUIET: Duration = Duration::from_secs(1);
/// A client that goes on talking is told after this; less than the parent waits for its children.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Why a session ends.
#[derive(Debug)]
pub enum End {
    /// The client said QUIT, or was sent away with a reply already said.
    Quit,
    /// The client closed the connection.
    Closed,
    /// The client was silent for too long.
    Timeout,
    /// The session lasted too long.
    SessionTime,
    /// The service is being stopped.
    Shutdown,
    /// The client has named another one in its place.
    Replaced,
    /// Too many errors.
    Errors,
    /// Too many commands.
    Commands,
    /// The connection failed.
    Failed(io::Error),
}

/// How long to wait for a client.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest silence.
    pub silence: Duration,
    /// When the session must be over.
    pub deadline: Instant,
}

/// A client's connection.
#[derive(Debug)]
pub struct Channel {
    input: OwnedFd,
    /// Where replies go, if not to the same descriptor.
    output: Option<OwnedFd>,
    lifeline: Option<OwnedFd>,
    /// When a client that is between commands is told that the service ends, once it is known.
    farewell: Cell<Option<Instant>>,
    patience: Patience,
    buffer: Vec<u8>,
    /// How much of the buffer has been used up.
    start: usize,
    replies: Vec<u8>,
    is_socket: bool,
}

impl Channel {
    /// A connection on one descriptor, and the parent's lifeline.
    pub fn of_socket(socket: OwnedFd, lifeline: OwnedFd, patience: Patience) -> Self {
        Self::new(socket, None, Some(lifeline), patience)
    }

    /// A connection on two descriptors, as UCSPI programs have it.
    pub fn of_pair(input: OwnedFd, output: OwnedFd, patience: Patience) -> Self {
        Self::new(input, Some(output), None, patience)
    }

    fn new(input: OwnedFd, output: Option<OwnedFd>, lifeline: Option<OwnedFd>, patience: Patience) -> Self {
        let (buffer, replies) = (Vec::new(), Vec::new());
        Self { input, output, lifeline, farewell: Cell::new(None), patience, buffer, start: 0, replies, is_socket: true }
    }

    /// The client's connection, for whoever takes a handshake on it.
    pub fn client(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// Goes on with the plain text of a connection under TLS. What came before the handshake is forgotten: it may have been
    /// put there by somebody on the way (CVE-2011-0411).
    pub fn secure(&mut self, input: OwnedFd, output: Option<OwnedFd>) {
        (self.input, self.output, self.is_socket) = (input, output, true);
        self.buffer.clear();
        self.start = 0;
    }

    /// Whether the client has sent something already.
    pub fn has_input(&self) -> bool {
        if !self.unread().is_empty() {
            return true;
        }
        let ready = wait_two((self.input.as_fd(), Interest::Read), None, Some(Duration::ZERO));
        ready.is_ok_and(|(input, _)| input.readable)
    }

    /// Whether the client sends something within this time, without reading it.
    ///
    /// # Errors
    /// When the session ends instead.
    pub fn speaks_within(&self, time: Duration) -> Result<bool, End> {
        if !self.unread().is_empty() {
            return Ok(true);
        }
        let lifeline = self.lifeline.as_ref().map(AsFd::as_fd);
        match wait_two((self.input.as_fd(), Interest::Read), lifeline, Some(time)).map_err(End::Failed)? {
            (_, lifeline) if lifeline.any() => Err(End::Shutdown),
            (client, _) if client.any() => match rustix::net::recv(&self.input, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                Ok((_, 0)) | Err(Errno::CONNRESET) => Err(End::Closed),
                // no socket, which cannot be looked into
                Ok(_) | Err(_) => Ok(true),
            },
            _ => Ok(false),
        }
    }

    /// Sends all replies that wait, and makes the client wait.
    ///
    /// # Errors
    /// When the session ends instead.
    pub fn pause(&mut self, time: Duration) -> Result<(), End> {
        self.flush()?;
        let time = time.min(self.patience.deadline.saturating_duration_since(Instant::now()));
        let lifeline: Vec<_> = self.lifeline.iter().map(|lifeline| (lifeline.as_fd(), Interest::Read)).collect();
        let ready = poll::wait(&lifeline, Some(time)).map_err(End::Failed)?;
        if ready.iter().any(|ready| ready.any()) { Err(End::Shutdown) } else { Ok(()) }
    }

    /// Appends a reply, to be sent with others.
    ///
    /// # Errors
    /// When so many were waiting that they had to be sent, and could not be.
    pub fn say(&mut self, reply: &Reply) -> Result<(), End> {
        reply.write(&mut self.replies);
        if self.replies.len() > REPLIES_MAX { self.flush() } else { Ok(()) }
    }

    /// The next command line without its end; nothing when it was too long and has been skipped.
    ///
    /// # Errors
    /// When the session ends instead.
    pub fn line(&mut self) -> Result<Option<&[u8]>, End> {
        let length = loop {
            match line_end(self.unread()) {
                Some(length) => break length,
                None if self.unread().len() > LINE_MAX => return self.skip_line().map(|()| None),
                None => self.fill(true)?,
            }
        };
        let from = self.start;
        self.start += length + 1;
        let line = self.buffer.get(from..from + length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok((line.len() <= LINE_MAX).then_some(line))
    }

    /// Message data that has come; at least one byte.
    ///
    /// # Errors
    /// When the session ends instead.
    pub fn data(&mut self) -> Result<&[u8], End> {
        if self.unread().is_empty() {
            self.fill(false)?;
        }
        Ok(self.unread())
    }

    /// All that has come and was not used, after at least one byte more.
    ///
    /// # Errors
    /// When the session ends instead, or `until` is over.
    pub fn more(&mut self, until: Instant) -> Result<&[u8], End> {
        let patience = self.patience;
        self.patience.silence = patience.silence.min(until.saturating_duration_since(Instant::now()));
        // what follows the header may be a handshake, which is not ours to read
        let filled = self.fill_byte();
        self.patience = patience;
        filled.map(|()| self.unread())
    }

    /// Marks bytes that [`Channel::data`] gave as used.
    pub fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.buffer.len());
    }

    /// Sends all replies that wait.
    ///
    /// # Errors
    /// When the client does not take them in time, or is gone.
    pub fn flush(&mut self) -> Result<(), End> {
        let replies = std::mem::take(&mut self.replies);
        let mut rest = replies.as_slice();
        while !rest.is_empty() {
            let sent = self.send(rest)?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        self.replies = replies;
        self.replies.clear();
        Ok(())
    }

    /// Lets a client that is still sending read our last words: a socket that is closed with unread input takes back what
    /// was sent (RFC 1122 §4.2.2.13). Waits a moment at most.
    pub fn linger(&mut self) {
        let deadline = Instant::now() + LINGER;
        if rustix::net::shutdown(self.output(), rustix::net::Shutdown::Write).is_err() {
            return;
        }
        loop {
            self.buffer.clear();
            self.buffer.reserve_exact(INPUT_MAX);
            let left = deadline.saturating_duration_since(Instant::now());
            let ready = wait_two((self.input.as_fd(), Interest::Read), None, Some(left));
            let more = ready.is_ok_and(|(client, _)| client.readable)
                && rustix::io::read(&self.input, rustix::buffer::spare_capacity(&mut self.buffer)).is_ok_and(|length| length > 0);
            if !more || left.is_zero() {
                return;
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn skip_line(&mut self) -> Result<(), End> {
        loop {
            match line_end(self.unread()) {
                Some(length) => {
                    self.start += length + 1;
                    return Ok(());
                }
                None => {
                    self.start = self.buffer.len();
                    self.fill(true)?;
                }
            }
        }
    }

    /// Waits for one byte of input and reads it.
    fn fill_byte(&mut self) -> Result<(), End> {
        self.wait(Interest::Read, false)?;
        let mut byte = [0];
        match rustix::io::read(&self.input, &mut byte) {
            Ok(0) => Err(End::Closed),
            Ok(_) => {
                self.buffer.extend_from_slice(&byte);
                Ok(())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Sends replies, then waits for input and reads it.
    fn fill(&mut self, idle: bool) -> Result<(), End> {
        self.flush()?;
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve_exact(INPUT_MAX.saturating_sub(self.buffer.len()));
        self.wait(Interest::Read, idle)?;
        loop {
            match rustix::io::read(&self.input, rustix::buffer::spare_capacity(&mut self.buffer)) {
                Ok(0) => return Err(End::Closed),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(Interest::Read, idle)?,
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Waits for the client, and between commands for the parent's end.
    fn wait(&self, interest: Interest, idle: bool) -> Result<(), End> {
        let left = self.patience.deadline.saturating_duration_since(Instant::now());
        let lifeline = self.lifeline.as_ref().filter(|_| idle).map(AsFd::as_fd);
        let client = if interest == Interest::Write { self.output() } else { self.input.as_fd() };
        let ready = wait_two((client, interest), lifeline, Some(left.min(self.patience.silence)));
        match ready.map_err(End::Failed)? {
            (client, _) if client.any() => Ok(()),
            (_, lifeline) if lifeline.any() => self.part(),
            _ if left <= self.patience.silence => Err(End::SessionTime),
            _ => Err(End::Timeout),
        }
    }

    /// The service ends: a client that goes on at once does so undisturbed, for [`FAREWELL`] at most.
    fn part(&self) -> Result<(), End> {
        let now = Instant::now();
        let farewell = self.farewell.get().unwrap_or(now + FAREWELL);
        self.farewell.set(Some(farewell));
        let quiet = QUIET.min(farewell.saturating_duration_since(now));
        let (client, _) = wait_two((self.input.as_fd(), Interest::Read), None, Some(quiet)).map_err(End::Failed)?;
        if client.any() { Ok(()) } else { Err(End::Shutdown) }
    }

    fn output(&self) -> BorrowedFd<'_> {
        self.output.as_ref().unwrap_or(&self.input).as_fd()
    }

    /// Sends without blocking; waits only when the client's window is full.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, End> {
        loop {
            let sent = if self.is_socket {
                rustix::net::send(self.output(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            } else {
                self.wait(Interest::Write, false)?;
                rustix::io::write(self.output(), bytes.get(..PIPE_PIECE).unwrap_or(bytes))
            };
            match sent {
                Ok(sent) => return Ok(sent),
                Err(Errno::INTR) => {}
                Err(Errno::NOTSOCK) => self.is_socket = false,
                Err(Errno::AGAIN) => self.wait(Interest::Write, false)?,
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

fn failed(error: Errno) -> End {
    match error {
        Errno::PIPE | Errno::CONNRESET => End::Closed,
        other => End::Failed(other.into()),
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes)
}
