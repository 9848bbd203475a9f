//! Who is connected to a service, and for how long that is kept up.

use stafett_sys::poll::Group;
use stafett_sys::user::Uid;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Callers at once; a further one takes the place of the one that has said nothing for longest.
const MOST: usize = 512;
/// How long a caller may say nothing, before its first question and between two of them.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);
/// How often is looked for those that have been silent for too long.
const SWEEP: Duration = Duration::from_secs(1);

/// One of them.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Shared with the question that it waits for an answer to.
    pub socket: Arc<OwnedFd>,
    /// Who it is.
    pub uid: Uid,
    /// When it will have been silent for too long.
    pub until: Instant,
}

/// All of them, by numbers that are never used again.
#[derive(Debug)]
pub(crate) struct Callers {
    pub table: HashMap<u64, Caller>,
    /// What is waited for, the callers under their numbers.
    pub group: Group,
    next: u64,
    sweep: Option<Instant>,
}

impl Callers {
    pub fn new() -> io::Result<Callers> {
        Ok(Callers { table: HashMap::new(), group: Group::new()?, next: 0, sweep: None })
    }

    /// One more.
    pub fn add(&mut self, socket: OwnedFd, uid: Uid, now: Instant) -> io::Result<u64> {
        if self.table.len() >= MOST
            && let Some(number) = self.table.iter().min_by_key(|(_, caller)| caller.until).map(|(number, _)| *number)
        {
            self.remove(number);
        }
        let number = self.next;
        self.group.add(socket.as_fd(), number)?;
        self.next += 1;
        self.table.insert(number, Caller { socket: Arc::new(socket), uid, until: now + SILENCE });
        self.sweep.get_or_insert(now + SWEEP);
        Ok(number)
    }

    /// One less. A question of it that is not answered yet still will be.
    pub fn remove(&mut self, number: u64) {
        if let Some(caller) = self.table.remove(&number) {
            self.group.remove(caller.socket.as_fd());
        }
    }

    /// Forgets who has been silent for too long.
    pub fn expire(&mut self, now: Instant) {
        if self.sweep.is_none_or(|sweep| sweep > now) {
            return;
        }
        let silent: Vec<u64> = self.table.iter().filter(|(_, caller)| caller.until <= now).map(|(number, _)| *number).collect();
        silent.into_iter().for_each(|number| self.remove(number));
        self.sweep = (!self.table.is_empty()).then_some(now + SWEEP);
    }

    /// How long to wait until the next look at that, when there is one.
    pub fn next_expiry(&self, now: Instant) -> Option<Duration> {
        self.sweep.map(|sweep| sweep.saturating_duration_since(now))
    }
}
