//! Bytes between a client and smtpd, in TLS on one side and plain on the other.
//!
//! Security stance: what is kept is bounded on both sides: nothing is read from one while the other does not take it. How it
//! fails: whatever breaks ends the carrying; each side sees the other's end as its own.

use rustls::ServerConnection;
use stafett_sys::poll::{self, Interest, wait_two};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How much is read from smtpd at once, in bytes: a TLS record.
const PIECE: usize = 16 * 1024;
/// How long a client may take to hear the last of it.
const LINGER: Duration = Duration::from_secs(10);
/// How long what a client still sends is read and dropped.
const DEAF: Duration = Duration::from_secs(1);

/// Why there is no handshake, in words for the log.
#[derive(Debug)]
pub struct Failed(pub String);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed(error.to_string())
    }
}

/// A nonblocking socket as the library wants it.
struct Stream<'a>(&'a OwnedFd);

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        rustix::io::read(self.0, buffer).map_err(io::Error::from)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustix::net::send(self.0, bytes, rustix::net::SendFlags::NOSIGNAL).map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the handshake.
///
/// # Errors
/// When the client breaks it off, cannot be agreed with, or takes too long.
pub fn shake_hands(connection: &mut ServerConnection, client: &OwnedFd, deadline: Instant) -> Result<(), Failed> {
    let mut stream = Stream(client);
    while connection.is_handshaking() || connection.wants_write() {
        let interest = if connection.wants_write() { Interest::Write } else { Interest::Read };
        let (ready, _) = wait_two((client.as_fd(), interest), None, Some(deadline.saturating_duration_since(Instant::now())))?;
        if !ready.any() {
            return Err(Failed("the client took too long".to_owned()));
        }
        if interest == Interest::Write {
            would_block(connection.write_tls(&mut stream))?;
            continue;
        }
        if would_block(connection.read_tls(&mut stream))? == Some(0) {
            return Err(Failed("the client hung up".to_owned()));
        }
        if let Err(error) = connection.process_new_packets() {
            // the alert tells the client why; it may be gone
            let _ = connection.write_tls(&mut stream);
            return Err(Failed(error.to_string()));
        }
    }
    Ok(())
}

/// Carries bytes until one side is done or breaks.
///
/// # Errors
/// What broke.
pub fn carry(mut connection: ServerConnection, client: &OwnedFd, plain: &OwnedFd) -> Result<(), Failed> {
    let mut carrier = Carrier { connection: &mut connection, client, plain, pending: Vec::new(), client_done: false };
    let result = carrier.run();
    carrier.last_words();
    connection.send_close_notify();
    say_the_rest(&mut connection, client);
    linger(client);
    result
}

struct Carrier<'a> {
    connection: &'a mut ServerConnection,
    client: &'a OwnedFd,
    plain: &'a OwnedFd,
    /// What smtpd has not taken yet.
    pending: Vec<u8>,
    /// The client has ended its side.
    client_done: bool,
}

impl Carrier<'_> {
    fn run(&mut self) -> Result<(), Failed> {
        self.decrypted()?;
        loop {
            if self.client_done && self.pending.is_empty() {
                return Ok(());
            }
            let for_client = self.connection.wants_write();
            let from_client = self.pending.is_empty() && !self.client_done;
            let for_smtpd = !self.pending.is_empty();
            // smtpd's end is always looked at: when it is gone, nobody else ends a client that reads nothing. The client's
            // only when something is wanted of it, or its hang-up would wake us for ever.
            let smtpd = interest(!for_client, for_smtpd).unwrap_or(Interest::Hangup);
            let mut asked = vec![(self.plain.as_fd(), smtpd)];
            asked.extend(interest(from_client, for_client).map(|interest| (self.client.as_fd(), interest)));
            let ready = poll::wait(&asked, None)?;
            if for_client && !for_smtpd && ready.first().is_some_and(|smtpd| smtpd.hangup) {
                return Ok(());
            }
            if for_client {
                would_block(self.connection.write_tls(&mut Stream(self.client)))?;
            }
            if from_client {
                self.hear_client()?;
            }
            if for_smtpd {
                self.tell_smtpd()?;
            }
            if !for_client && !self.hear_smtpd()? {
                return Ok(());
            }
        }
    }

    fn hear_client(&mut self) -> Result<(), Failed> {
        match would_block(self.connection.read_tls(&mut Stream(self.client)))? {
            None => return Ok(()),
            Some(0) => self.client_done = true,
            Some(_) => {}
        }
        self.connection.process_new_packets().map_err(|error| Failed(error.to_string()))?;
        self.decrypted()
    }

    /// What has been decrypted, for smtpd.
    fn decrypted(&mut self) -> Result<(), Failed> {
        let mut buffer = [0; PIECE];
        loop {
            match self.connection.reader().read(&mut buffer) {
                Ok(0) => {
                    self.client_done = true;
                    break;
                }
                Ok(length) => self.pending.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // cut off: SMTP has an end of its own, so nothing is taken for whole that is not
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.client_done = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.tell_smtpd()
    }

    fn tell_smtpd(&mut self) -> Result<(), Failed> {
        while !self.pending.is_empty() {
            match would_block(Stream(self.plain).write(&self.pending))? {
                Some(written) => drop(self.pending.drain(..written)),
                None => break,
            }
        }
        Ok(())
    }

    /// What smtpd had said when it ended, which may be why; the socket between us bounds it.
    fn last_words(&mut self) {
        self.connection.set_buffer_limit(None);
        let mut buffer = [0; PIECE];
        while let Ok(length @ 1..) = Stream(self.plain).read(&mut buffer) {
            if self.connection.writer().write_all(buffer.get(..length).unwrap_or_default()).is_err() {
                return;
            }
        }
    }

    /// Whether smtpd goes on.
    fn hear_smtpd(&mut self) -> Result<bool, Failed> {
        let mut buffer = [0; PIECE];
        match would_block(Stream(self.plain).read(&mut buffer))? {
            None => return Ok(true),
            Some(0) => return Ok(false),
            Some(length) => self.connection.writer().write_all(buffer.get(..length).unwrap_or_default())?,
        }
        would_block(self.connection.write_tls(&mut Stream(self.client)))?;
        Ok(true)
    }
}

/// What to wait for, if for anything.
fn interest(read: bool, write: bool) -> Option<Interest> {
    match (read, write) {
        (true, true) => Some(Interest::Both),
        (true, false) => Some(Interest::Read),
        (false, true) => Some(Interest::Write),
        (false, false) => None,
    }
}

/// Sends what waits, for a while.
fn say_the_rest(connection: &mut ServerConnection, client: &OwnedFd) {
    let deadline = Instant::now() + LINGER;
    while connection.wants_write() {
        let left = deadline.saturating_duration_since(Instant::now());
        match wait_two((client.as_fd(), Interest::Write), None, Some(left)) {
            Ok((ready, _)) if ready.writable && connection.write_tls(&mut Stream(client)).is_ok() => {}
            _ => return,
        }
    }
}

/// Lets a client that is still sending hear our last words: a socket that is closed with unread input takes back what was
/// sent (RFC 1122 §4.2.2.13).
fn linger(client: &OwnedFd) {
    let deadline = Instant::now() + DEAF;
    if rustix::net::shutdown(client, rustix::net::Shutdown::Write).is_err() {
        return;
    }
    let mut buffer = [0; PIECE];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let came = wait_two((client.as_fd(), Interest::Read), None, Some(left)).is_ok_and(|(ready, _)| ready.readable);
        if !came || left.is_zero() || !Stream(client).read(&mut buffer).is_ok_and(|length| length > 0) {
            return;
        }
    }
}

/// Nothing where the socket was not ready after all, or a signal came.
fn would_block<T>(result: io::Result<T>) -> Result<Option<T>, Failed> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
