//! Several questions on one connection, one after the other: what a conversation with a child of a service needs.

use crate::answer::{Answer, MOST_FIELDS};
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket;
use stafett_wire::netstring::{all, push};
use stafett_wire::{LARGEST_PACKET, Verdict};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// One end of a pair of sockets that keep packets whole.
#[derive(Debug)]
pub struct Line {
    /// Gone after a fault: an answer that comes late must not be taken for that to the next question.
    socket: Option<OwnedFd>,
}

/// What came over a line, with the descriptor that came with it.
#[derive(Debug)]
pub struct Heard<T> {
    /// The question's fields, or the answer.
    pub what: T,
    /// The descriptor.
    pub descriptor: Option<OwnedFd>,
}

impl Line {
    /// This end.
    pub fn new(socket: OwnedFd) -> Line {
        Line { socket: Some(socket) }
    }

    /// Asks and waits for the answer no longer than `within`.
    ///
    /// # Errors
    /// When there is no answer; there is none to any later question either.
    pub fn ask(&mut self, fields: &[&[u8]], descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<Heard<Answer>> {
        let socket = self.socket.take().ok_or(io::ErrorKind::NotConnected)?;
        let mut packet = Vec::with_capacity(256);
        fields.iter().for_each(|field| push(&mut packet, field));
        send(&socket, &packet, descriptor)?;
        let (ready, _) = wait_two((socket.as_fd(), Interest::Read), None, Some(within))?;
        if !ready.any() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {within:?}")));
        }
        let mut buffer = vec![0; LARGEST_PACKET];
        let packet = socket::receive_packet(&socket, &mut buffer)?;
        let answer = match packet.length {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service hung up without an answer")),
            length => Answer::parse(buffer.get(..length).unwrap_or_default())?,
        };
        self.socket = Some(socket);
        Ok(Heard { what: answer, descriptor: packet.descriptor })
    }

    /// The next question; `None` when whoever asks has hung up.
    ///
    /// # Errors
    /// When it is none.
    pub fn hear(&self, buffer: &mut [u8]) -> io::Result<Option<Heard<Vec<Vec<u8>>>>> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let packet = socket::receive_packet(socket, buffer)?;
        if packet.length == 0 {
            return Ok(None);
        }
        let fields = all(buffer.get(..packet.length).unwrap_or_default(), MOST_FIELDS)?;
        Ok(Some(Heard { what: fields.into_iter().map(<[u8]>::to_vec).collect(), descriptor: packet.descriptor }))
    }

    /// Answers the question that was heard last.
    ///
    /// # Errors
    /// When whoever asked is gone.
    pub fn answer(&self, answer: &Answer, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let packet = answer.encode();
        if packet.len() > LARGEST_PACKET || answer.is_too_much() {
            let refusal = Answer::new(Verdict::Temporary, "451 4.3.0 the answer is longer than the protocol allows");
            return send(socket, &refusal.encode(), None);
        }
        send(socket, &packet, descriptor)
    }
}

fn send(socket: &OwnedFd, packet: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    if packet.len() > LARGEST_PACKET {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than the protocol allows"));
    }
    socket::send_packet(socket, packet, descriptor)
}
