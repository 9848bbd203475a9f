//! One connection in TLS over a nonblocking socket.
//!
//! The caller waits; nothing here blocks but the handshake, which has a deadline. Bounds: what is written and not yet
//! sent is capped by the library (64 KiB), what is read is handed on at once.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustls::{CertificateError, ClientConnection, Error, HandshakeKind, ProtocolVersion};
use stafett_sys::poll::{Interest, wait_two};

use crate::trust::Distrust;

/// A connection in TLS; it borrows its socket for each step.
pub struct Stream {
    connection: Box<ClientConnection>,
    /// What was agreed on.
    pub facts: Facts,
}

/// What was agreed on, for texts and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Such as `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite, as the registry of the IANA calls it.
    pub cipher: String,
    /// The handshake went on where an earlier connection had left off.
    pub is_resumed: bool,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.cipher)
    }
}

/// Why there is no TLS.
#[derive(Debug)]
pub enum Refusal {
    /// The certificate is not good enough.
    Certificate(Distrust),
    /// The handshake took too long.
    Timeout,
    /// The peer closed the connection.
    Closed,
    /// Whatever else went wrong, in words.
    Broken(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Certificate(distrust) => distrust.fmt(f),
            Refusal::Timeout => f.write_str("the TLS handshake was not done in time"),
            Refusal::Closed => f.write_str("the other side closed the connection in the TLS handshake"),
            Refusal::Broken(what) => write!(f, "the TLS handshake failed: {what}"),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Error::InvalidCertificate(CertificateError::Other(other)) = &error
            && let Some(distrust) = other.0.downcast_ref::<Distrust>()
        {
            return Refusal::Certificate(distrust.clone());
        }
        Refusal::Broken(error.to_string())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Refusal::Closed,
            _ => Refusal::Broken(error.to_string()),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Stream {
    pub(crate) fn open(connection: ClientConnection, socket: &OwnedFd, deadline: Instant) -> Result<Stream, Refusal> {
        let mut connection = Box::new(connection);
        let shaken = shake_hands(&mut connection, socket, deadline);
        if shaken.is_err() {
            // the alert tells the server why; it may be gone
            let _ = connection.write_tls(&mut Wire(socket));
        }
        shaken?;
        let facts = facts(&connection);
        Ok(Stream { connection, facts })
    }

    /// Takes bytes to be sent, as many as there is room for.
    ///
    /// # Errors
    /// None that a caller can mend.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.writer().write(bytes)
    }

    /// Whether something waits to be sent.
    pub fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// `WouldBlock` where the socket takes no more now; else the system's.
    pub fn send(&mut self, socket: &OwnedFd) -> io::Result<()> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Wire(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has come, and puts what it says behind `plain`; false when the other side has ended. Nothing may be
    /// added: TLS has messages of its own.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has come; `InvalidData` where it is no TLS; `UnexpectedEof` where it was cut off.
    pub fn read(&mut self, socket: &OwnedFd, plain: &mut Vec<u8>) -> io::Result<bool> {
        let count = self.connection.read_tls(&mut Wire(socket))?;
        let state = self.connection.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let before = plain.len();
        plain.resize(before + state.plaintext_bytes_to_read(), 0);
        self.connection.reader().read_exact(plain.get_mut(before..).unwrap_or_default())?;
        if count == 0 && !state.peer_has_closed() && plain.len() == before {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(!(state.peer_has_closed() && plain.len() == before))
    }

    /// Puts what came with the end of the handshake behind `plain`; to be called once.
    ///
    /// # Errors
    /// As [`Stream::read`].
    pub fn drain(&mut self, plain: &mut Vec<u8>) -> io::Result<()> {
        let state = self.connection.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let before = plain.len();
        plain.resize(before + state.plaintext_bytes_to_read(), 0);
        self.connection.reader().read_exact(plain.get_mut(before..).unwrap_or_default())
    }

    /// Says that nothing more will come from us; the caller sends it.
    pub fn end(&mut self) {
        self.connection.send_close_notify();
    }
}

/// A nonblocking socket as the library wants it.
struct Wire<'a>(&'a OwnedFd);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        rustix::io::read(self.0, buffer).map_err(io::Error::from)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustix::net::send(self.0, bytes, rustix::net::SendFlags::NOSIGNAL).map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shake_hands(connection: &mut ClientConnection, socket: &OwnedFd, deadline: Instant) -> Result<(), Refusal> {
    let mut wire = Wire(socket);
    while connection.is_handshaking() || connection.wants_write() {
        let interest = if connection.wants_write() { Interest::Write } else { Interest::Read };
        let (ready, _) = wait_two((socket.as_fd(), interest), None, Some(deadline.saturating_duration_since(Instant::now())))?;
        if !ready.any() {
            return Err(Refusal::Timeout);
        }
        if interest == Interest::Write {
            unless_blocked(connection.write_tls(&mut wire))?;
            continue;
        }
        match unless_blocked(connection.read_tls(&mut wire))? {
            Some(0) => return Err(Refusal::Closed),
            Some(_) => connection.process_new_packets().map(drop)?,
            None => {}
        }
    }
    Ok(())
}

/// Nothing where the socket was not ready after all, or a signal came.
fn unless_blocked<T>(result: io::Result<T>) -> Result<Option<T>, Refusal> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn facts(connection: &ClientConnection) -> Facts {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
    let is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    Facts { version, cipher: cipher.replace("TLS13_", "TLS_"), is_resumed }
}
