//! Bytes between a client and smtpd, in TLS on one side and plain on the other.
//!
//! What it does: waits for either side, and asks a socket for nothing that the wait has not promised; what belongs together is
//! sent in one call. Security stance: what is kept is bounded on both sides: nothing is read from one while the other does not
//! take it. How it fails: whatever breaks ends the carrying; each side sees the other's end as its own.

use crate::stream::{Failed, Stream, read, would_block};
use rustls::{IoState, ProtocolVersion, ServerConnection};
use stafett_sys::poll::{Interest, wait_pair, wait_two};
use std::io::{BufRead, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How much is read at once, in bytes: a TLS record with what TLS adds to it.
const PIECE: usize = 17 * 1024;
/// The same during a handshake, whose messages are short; what follows one is little for the library to keep.
const FLIGHT: usize = 4 * 1024;
/// How long a client may take to hear the last of it.
const LINGER: Duration = Duration::from_secs(10);
/// How long what a client still sends is read and dropped.
const DEAF: Duration = Duration::from_secs(1);

/// Takes the handshake. What it still has to tell the client waits for the first words of smtpd where the version allows it.
///
/// # Errors
/// When the client breaks it off, cannot be agreed with, or takes too long.
pub fn shake_hands(connection: &mut ServerConnection, client: &OwnedFd, deadline: Instant) -> Result<(), Failed> {
    let mut buffer = Vec::with_capacity(FLIGHT);
    loop {
        if connection.wants_write() && !can_wait(connection) {
            would_block(connection.write_tls(&mut Stream(client)))?;
        }
        let writes = connection.wants_write() && !can_wait(connection);
        if !connection.is_handshaking() && !writes {
            return Ok(());
        }
        let interest = if writes { Interest::Write } else { Interest::Read };
        let (ready, _) = wait_two((client.as_fd(), interest), None, Some(deadline.saturating_duration_since(Instant::now())))?;
        if !ready.any() {
            return Err(Failed("the client took too long".to_owned()));
        }
        if writes {
            continue;
        }
        if read(client, &mut buffer)? == Some(0) {
            return Err(Failed("the client hung up".to_owned()));
        }
        if let Err(failed) = take(connection, &buffer, |_, _| Ok(())) {
            // the alert tells the client why; it may be gone
            let _ = connection.write_tls(&mut Stream(client));
            return Err(failed);
        }
    }
}

/// Whether what is to be sent is of no use to the client yet: the ticket that ends a handshake of TLS 1.3. In older versions
/// it is the end of the handshake.
fn can_wait(connection: &ServerConnection) -> bool {
    !connection.is_handshaking() && connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
}

/// Gives what was read to the library, piece by piece as it takes it, and what comes of each piece to `each`.
fn take(
    connection: &mut ServerConnection,
    mut bytes: &[u8],
    mut each: impl FnMut(&mut ServerConnection, &IoState) -> Result<(), Failed>,
) -> Result<(), Failed> {
    while !bytes.is_empty() {
        // after its close a client has nothing more to say
        if connection.read_tls(&mut bytes)? == 0 {
            return Ok(());
        }
        let state = connection.process_new_packets()?;
        each(connection, &state)?;
    }
    Ok(())
}

/// Carries bytes until one side is done or breaks.
///
/// # Errors
/// What broke.
pub fn carry(mut connection: ServerConnection, client: &OwnedFd, plain: &OwnedFd) -> Result<(), Failed> {
    let holds_back = connection.wants_write();
    let (pending, buffer) = (Vec::new(), Vec::with_capacity(PIECE));
    let carried = &mut connection;
    let mut carrier = Carrier { connection: carried, client, plain, pending, buffer, holds_back, client_done: false, smtpd_done: false };
    let result = carrier.run();
    if !carrier.smtpd_done {
        carrier.last_words();
    }
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
    buffer: Vec<u8>,
    /// What the handshake has left for the client goes with the first words of smtpd.
    holds_back: bool,
    /// The client has ended its side.
    client_done: bool,
    /// smtpd has, and all that it said was heard.
    smtpd_done: bool,
}

impl Carrier<'_> {
    fn run(&mut self) -> Result<(), Failed> {
        let state = self.connection.process_new_packets()?;
        self.client_done = decrypted(self.connection, &state, &mut self.pending)?;
        self.tell_smtpd()?;
        while !(self.smtpd_done || self.client_done && self.pending.is_empty()) {
            let for_client = self.connection.wants_write() && !self.holds_back;
            let for_smtpd = !self.pending.is_empty();
            let from_client = !for_smtpd && !self.client_done;
            // smtpd's end is always looked at: when it is gone, nobody else ends a client that reads nothing. The client's
            // only when something is wanted of it, or its hang-up would wake us for ever.
            let about_smtpd = interest(!for_client, for_smtpd).unwrap_or(Interest::Hangup);
            let about_client = interest(from_client, for_client).map(|interest| (self.client.as_fd(), interest));
            let (smtpd, client) = wait_pair((self.plain.as_fd(), about_smtpd), about_client, None)?;
            if for_client && !for_smtpd && smtpd.hangup {
                return Ok(());
            }
            if for_client && (client.writable || client.hangup) {
                self.tell_client()?;
            }
            if from_client && client.readable {
                self.hear_client()?;
            }
            if for_smtpd && (smtpd.writable || smtpd.hangup) {
                self.tell_smtpd()?;
            }
            if !for_client && smtpd.readable {
                self.hear_smtpd()?;
            }
        }
        Ok(())
    }

    fn hear_client(&mut self) -> Result<(), Failed> {
        match read(self.client, &mut self.buffer)? {
            None => return Ok(()),
            // cut off: SMTP has an end of its own, so nothing is taken for whole that is not
            Some(0) => self.client_done = true,
            Some(_) => {}
        }
        let (pending, done) = (&mut self.pending, &mut self.client_done);
        take(self.connection, &self.buffer, |connection, state| {
            *done |= decrypted(connection, state, pending)?;
            Ok(())
        })?;
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

    fn tell_client(&mut self) -> Result<(), Failed> {
        would_block(self.connection.write_tls(&mut Stream(self.client))).map(drop)
    }

    fn hear_smtpd(&mut self) -> Result<(), Failed> {
        match read(self.plain, &mut self.buffer)? {
            None => return Ok(()),
            Some(0) => self.smtpd_done = true,
            Some(_) => {
                self.connection.writer().write_all(&self.buffer)?;
                self.holds_back = false;
                self.tell_client()?;
            }
        }
        Ok(())
    }

    /// What smtpd had said when it ended, which may be why; the socket between us bounds it.
    fn last_words(&mut self) {
        self.connection.set_buffer_limit(None);
        while let Ok(Some(1..)) = read(self.plain, &mut self.buffer) {
            if self.connection.writer().write_all(&self.buffer).is_err() {
                return;
            }
        }
    }
}

/// Moves what has been decrypted to what smtpd is to be told, and says whether the client has ended its side.
fn decrypted(connection: &mut ServerConnection, state: &IoState, pending: &mut Vec<u8>) -> Result<bool, Failed> {
    let mut left = state.plaintext_bytes_to_read();
    while left > 0 {
        let mut reader = connection.reader();
        let chunk = reader.fill_buf()?;
        let length = chunk.len();
        pending.extend_from_slice(chunk);
        reader.consume(length);
        left = if length == 0 { 0 } else { left.saturating_sub(length) };
    }
    Ok(state.peer_has_closed())
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
        match would_block(connection.write_tls(&mut Stream(client))) {
            Ok(Some(_)) => continue,
            Ok(None) => {}
            Err(_) => return,
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if !wait_two((client.as_fd(), Interest::Write), None, Some(left)).is_ok_and(|(ready, _)| ready.writable) {
            return;
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
    let mut buffer = Vec::with_capacity(FLIGHT);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let came = wait_two((client.as_fd(), Interest::Read), None, Some(left)).is_ok_and(|(ready, _)| ready.readable);
        if !came || left.is_zero() || !read(client, &mut buffer).is_ok_and(|length| length.is_none_or(|length| length > 0)) {
            return;
        }
    }
}
