//! The caller's half.

use crate::answer::{Answer, LONGEST};
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::netstring::push;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// What nearly every answer has room in, in bytes.
const USUAL: usize = 2048;

/// Asks the service that listens at `path`, and waits for its answer no longer than `within`.
///
/// # Errors
/// When nobody listens, the answer does not come in time, or is none. Nothing may be concluded then.
pub fn ask(path: &Path, question: &[&[u8]], descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<Answer> {
    let deadline = Instant::now() + within;
    let mut packet = Vec::with_capacity(256);
    question.iter().for_each(|field| push(&mut packet, field));
    if packet.len() > LARGEST_PACKET {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a question larger than the protocol allows"));
    }
    let socket = socket::connect_within(path, Style::Packets, within)?;
    socket::send_packet(&socket, &packet, descriptor)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let (ready, _) = wait_two((socket.as_fd(), Interest::Read), None, Some(left))?;
    if !ready.any() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {within:?}")));
    }
    read(socket)
}

/// The one packet of the connection. Nearly all are short: those are looked at where they are, and no memory is wanted for the
/// longest that there may be.
fn read(socket: OwnedFd) -> io::Result<Answer> {
    let mut short = [0; USUAL];
    let length = match socket::peek_packet(&socket, &mut short)? {
        0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service hung up without an answer")),
        length => length,
    };
    if let Some(packet) = short.get(..length) {
        return Ok(Answer::parse(packet)?);
    }
    let mut long = vec![0; LONGEST];
    let length = socket::receive_packet(&socket, &mut long)?.length;
    Ok(Answer::parse(long.get(..length).unwrap_or_default())?)
}
