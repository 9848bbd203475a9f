//! Telling the scheduler what has come, without ever waiting for it.
//!
//! A scheduler that is away or slow loses nothing: the messages lie in queue/new, and it is told to
//! look there as soon as it listens again.

use stafett_queue_store::Committed;
use stafett_sys::socket::{self, Style};
use stafett_wire::arrival::{Arrival, LARGEST_ARRIVAL};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long to leave a scheduler alone that could not be reached.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a scheduler may keep us waiting that does not accept.
const PATIENCE: Duration = Duration::from_millis(20);

/// The line to the scheduler.
#[derive(Debug)]
pub struct Notifier {
    path: PathBuf,
    socket: Option<OwnedFd>,
    missed: bool,
    retry: Instant,
}

impl Notifier {
    /// A line to the scheduler that listens at `path`; not yet connected. A predecessor may have died
    /// between making a message durable and telling of it, so the first word is to look for itself.
    pub fn new(path: PathBuf) -> Notifier {
        Notifier { path, socket: None, missed: true, retry: Instant::now() }
    }

    /// Tells of one message.
    pub fn tell(&mut self, message: &Committed) {
        let arrival = if message.envelope.len() > LARGEST_ARRIVAL {
            Arrival::Scan
        } else {
            Arrival::Message { id: message.id.0, size: message.size, envelope: &message.envelope }
        };
        self.missed |= !self.send(&arrival);
    }

    /// Makes up for what could not be told.
    pub fn tick(&mut self) {
        if self.missed && self.send(&Arrival::Scan) {
            self.missed = false;
        }
    }

    fn send(&mut self, arrival: &Arrival<'_>) -> bool {
        if self.socket.is_none() {
            self.connect();
        }
        let Some(socket) = &self.socket else { return false };
        match socket::send_packet(socket, &arrival.encode(), None) {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
            Err(_) => {
                self.socket = None;
                false
            }
        }
    }

    fn connect(&mut self) {
        if Instant::now() < self.retry {
            return;
        }
        self.retry = Instant::now() + PAUSE;
        // One that is stopped accepts nobody.
        let connected = socket::connect_within(&self.path, Style::Packets, PATIENCE);
        self.socket = connected.ok().filter(|socket| socket::set_nonblocking(socket, true).is_ok());
    }
}
