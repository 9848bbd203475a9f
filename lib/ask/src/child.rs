//! A question to a service that answers by a child of its own for each: the question is a handoff.

use crate::answer::{Answer, LONGEST};
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring::push;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Asks a child of the resident parent that listens at `path` for handoffs: the question is the strings of the handoff, the
/// descriptor is the way back. Waits no longer than `within`.
///
/// # Errors
/// When nobody listens, there is no child, the answer does not come in time, or is none. Nothing may be concluded then.
pub fn ask_child(path: &Path, question: &[&[u8]], within: Duration) -> io::Result<Answer> {
    let deadline = Instant::now() + within;
    let (ours, theirs) = socket::pair(Style::Packets)?;
    let mut packet = Vec::with_capacity(256);
    push(&mut packet, b"1");
    question.iter().for_each(|field| push(&mut packet, field));
    // The parent's own words on this connection need no reader: a child that never was hangs up the way back.
    let parent = socket::connect_within(path, Style::Packets, within)?;
    socket::send_packet(&parent, &packet, Some(theirs.as_fd()))?;
    drop(theirs);
    let left = deadline.saturating_duration_since(Instant::now());
    let (ready, _) = wait_two((ours.as_fd(), Interest::Read), None, Some(left))?;
    if !ready.any() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {within:?}")));
    }
    let mut answer = vec![0; LONGEST];
    match socket::receive_packet(&ours, &mut answer)?.length {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service hung up without an answer")),
        length => Ok(Answer::parse(answer.get(..length).unwrap_or_default())?),
    }
}
