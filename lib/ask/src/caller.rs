//! The caller's half.

use crate::answer::{Answer, LONGEST};
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::netstring::push;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

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
    let mut buffer = vec![0; LONGEST];
    let length = match socket::receive_packet(&socket, &mut buffer)?.length {
        0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service hung up without an answer")),
        length => length,
    };
    Ok(Answer::parse(buffer.get(..length).unwrap_or_default())?)
}
