//! Sockets that never wait, whatever they do for others who have them too.

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use std::io::{self, IoSlice, Write};
use std::os::fd::OwnedFd;

/// Why there is no handshake, in words for the log.
#[derive(Debug)]
pub struct Failed(pub String);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed(error.to_string())
    }
}

impl From<rustls::Error> for Failed {
    fn from(error: rustls::Error) -> Self {
        Failed(error.to_string())
    }
}

/// A socket as the library writes to it.
pub struct Stream<'a>(pub &'a OwnedFd);

const SENDING: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustix::net::send(self.0, bytes, SENDING).map_err(io::Error::from)
    }

    /// The records of a flight leave in one packet, not in one each.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        rustix::net::sendmsg(self.0, pieces, &mut SendAncillaryBuffer::default(), SENDING).map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what is there, as much as there is room for without growing; only memory that is filled is touched.
///
/// # Errors
/// When the connection is broken.
pub fn read(socket: &OwnedFd, buffer: &mut Vec<u8>) -> Result<Option<usize>, Failed> {
    buffer.clear();
    let room = rustix::buffer::spare_capacity(buffer);
    would_block(rustix::net::recv(socket, room, RecvFlags::DONTWAIT).map(|(_, length)| length).map_err(io::Error::from))
}

/// Nothing where the socket was not ready after all, or a signal came.
///
/// # Errors
/// All others.
pub fn would_block<T>(result: io::Result<T>) -> Result<Option<T>, Failed> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
