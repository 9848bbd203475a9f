//! The lines to stafett-remote and stafett-local, of whom children are asked for.
//!
//! How it fails: a line that breaks is made again; a parent that is away or stopped is said once, and mail waits.

use crate::book::Book;
use stafett_handoff::Client;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a parent is left alone when it does not listen.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a parent is left alone when it takes no more connections.
const BUSY: Duration = Duration::from_secs(1);
/// Said of one that is stopped.
const UNREAD: &str = "it does not read what it is told";

/// The line to a parent, made again when it breaks.
#[derive(Debug)]
pub struct DeliveryLine {
    /// The program at its other end.
    pub program: &'static str,
    path: PathBuf,
    /// The line, while there is one.
    pub client: Option<Client>,
    retry: Instant,
    busy_until: Instant,
    complained: bool,
}

impl DeliveryLine {
    /// A line to the program that listens at `path`; not yet connected.
    pub fn new(program: &'static str, path: PathBuf) -> DeliveryLine {
        DeliveryLine { program, path, client: None, retry: Instant::now(), busy_until: Instant::now(), complained: false }
    }

    /// Whether there is a line.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// The descriptor to wait for, if there is a line.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.client.as_ref().map(AsFd::as_fd)
    }

    /// Whether children can be asked for now; connects if need be.
    pub fn is_there(&mut self, book: &mut Book) -> bool {
        if self.client.is_none() && Instant::now() >= self.retry {
            self.retry = Instant::now() + PAUSE;
            match Client::connect(&self.path) {
                Ok(client) => {
                    self.client = Some(client);
                    self.complained = false;
                }
                Err(error) if !std::mem::replace(&mut self.complained, true) => {
                    let (program, path) = (self.program, self.path.display());
                    book.error(format_args!("unable to reach {program} at {path}: {error}; mail waits until it is there"));
                }
                Err(_) => {}
            }
        }
        self.client.is_some() && Instant::now() >= self.busy_until
    }

    /// A child was born.
    pub fn has_started(&mut self) {
        self.complained = false;
    }

    /// It has refused a connection.
    pub fn is_busy(&mut self) {
        self.busy_until = Instant::now() + BUSY;
    }

    /// A parent that is stopped takes nothing; one that is gone is called again.
    pub fn not_handed(&mut self, error: &io::Error, book: &mut Book) {
        if error.kind() != io::ErrorKind::WouldBlock {
            self.client = None;
            return;
        }
        self.is_busy();
        if !std::mem::replace(&mut self.complained, true) {
            book.error(format_args!("{} takes no more connections: {UNREAD}", self.program));
        }
    }
}

/// The word for a kind of delivery in the log and in the names of control files.
pub fn channel(is_local: bool) -> &'static str {
    if is_local { "local" } else { "remote" }
}
