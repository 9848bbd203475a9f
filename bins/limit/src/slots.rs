//! Connections that are open now.
//!
//! What it does: whoever serves a connection keeps the other end of a pipe; when that end is closed, by will or by death,
//! the connection is over. All ends are waited for as one group.
//!
//! How it fails: when no further end can be held, the connection is not counted and the caller is told so.

use stafett_sys::poll::Group;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A rule's identity and a key.
pub type Place = (String, String);

/// The open connections.
#[derive(Debug)]
pub struct Slots {
    group: Group,
    held: HashMap<u64, Slot>,
    counts: HashMap<Place, u32>,
    next: u64,
    most: usize,
}

#[derive(Debug)]
struct Slot {
    end: OwnedFd,
    places: Vec<Place>,
}

impl Slots {
    /// No connection; at most so many will be held.
    ///
    /// # Errors
    /// When the system has no room for a group.
    pub fn new(most: usize) -> io::Result<Slots> {
        Ok(Slots { group: Group::new()?, held: HashMap::new(), counts: HashMap::new(), next: 0, most })
    }

    /// How many are open.
    pub fn count(&self, place: &Place) -> u32 {
        self.counts.get(place).copied().unwrap_or(0)
    }

    /// All counts.
    pub fn all(&self) -> &HashMap<Place, u32> {
        &self.counts
    }

    /// Counts one at these places until its end is closed.
    ///
    /// # Errors
    /// When it cannot be held.
    pub fn hold(&mut self, end: OwnedFd, places: Vec<Place>) -> io::Result<()> {
        if self.held.len() >= self.most {
            return Err(io::Error::other("too many connections are open to count one more"));
        }
        let token = self.next;
        self.group.add(end.as_fd(), token)?;
        self.next += 1;
        places.iter().for_each(|place| *self.counts.entry(place.clone()).or_insert(0) += 1);
        self.held.insert(token, Slot { end, places });
        Ok(())
    }

    /// What must be waited for.
    pub fn as_group(&self) -> BorrowedFd<'_> {
        self.group.as_fd()
    }

    /// Lets go of those that are over.
    pub fn collect(&mut self) {
        loop {
            let ready = self.group.ready();
            if ready.is_empty() {
                return;
            }
            for token in ready {
                if let Some(slot) = self.held.remove(&token) {
                    self.group.remove(slot.end.as_fd());
                    slot.places.iter().for_each(|place| self.release(place));
                }
            }
        }
    }

    fn release(&mut self, place: &Place) {
        if let Some(count) = self.counts.get_mut(place) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(place);
            }
        }
    }
}

#[cfg(test)]
#[path = "slots_test.rs"]
mod slots_test;
