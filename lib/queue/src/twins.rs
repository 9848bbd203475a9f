//! One id in several places: a restored copy beside the message itself. All would be delivered.
//!
//! The one whose journal is longer knows more, and counts; of equals the one that lies further on. The others are removed
//! when they are the same to the last byte, else set aside in queue/bad. What is damaged never counts.
//! Whoever is the scheduler, and nobody else, does this.
//! Known limits: a copy that comes back after its message is done is a message.

use crate::{Entry, Id, Listed, Place, Store};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// A copy that was looked at. The order says which one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Twin {
    is_whole: bool,
    length: u64,
    /// A message goes from new to waiting; what is held was held by the admin.
    place: Place,
}

/// What became of a copy that does not count.
#[derive(Debug)]
pub struct Dropped {
    /// The message.
    pub id: Id,
    /// Where the copy lay.
    pub place: Place,
    /// Where the one lies that counts.
    pub best: Place,
    /// Where it lies now, or nowhere because it was the same; or why it is still there.
    pub outcome: io::Result<Option<PathBuf>>,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = (word(self.place), word(self.best));
        write!(f, "msg {} lies in {one} and {other}; ", self.id)?;
        match &self.outcome {
            Ok(None) => write!(f, "that in {one} was removed, because it is the same"),
            Ok(Some(path)) => write!(f, "that in {one} was set aside as {}", path.display()),
            Err(error) => write!(f, "unable to set that in {one} aside: {error}"),
        }
    }
}

impl Store {
    /// The place of the one copy that counts, and what became of the others. Without others nothing is read.
    pub fn only_place(&self, listed: Listed) -> (Place, Vec<Dropped>) {
        let others = self.other_places(listed);
        let own = if others.is_empty() { None } else { self.look_at(listed, listed.place) };
        let Some(own) = own else { return (listed.place, Vec::new()) };
        let copies: Vec<Twin> = others.into_iter().filter_map(|place| self.look_at(listed, place)).chain([own]).collect();
        let best = copies.iter().copied().max().unwrap_or(own).place;
        let worse = copies.iter().map(|copy| copy.place).filter(|place| *place != best);
        (best, worse.map(|place| self.drop_copy(listed, place, best)).collect())
    }

    /// Drops the other copies of a message that is being worked on where it was listed.
    pub fn drop_others(&self, listed: Listed) -> Vec<Dropped> {
        if self.path(listed.id, listed.size, listed.place).symlink_metadata().is_err() {
            return Vec::new();
        }
        self.other_places(listed).into_iter().map(|place| self.drop_copy(listed, place, listed.place)).collect()
    }

    fn other_places(&self, listed: Listed) -> Vec<Place> {
        let Listed { id, size, place, .. } = listed;
        let is_there = |other: &Place| *other != place && self.path(id, size, *other).symlink_metadata().is_ok();
        [Place::New, Place::Waiting, Place::Held].into_iter().filter(is_there).collect()
    }

    fn look_at(&self, listed: Listed, place: Place) -> Option<Twin> {
        let file = self.open_message(listed.id, listed.size, place).ok()?;
        let length = file.metadata().ok()?.len();
        let is_whole = Entry::read(&file, listed.id, listed.size).is_ok_and(|entry| entry.is_ok());
        Some(Twin { is_whole, length, place })
    }

    fn drop_copy(&self, listed: Listed, place: Place, best: Place) -> Dropped {
        let Listed { id, size, .. } = listed;
        let outcome = match self.are_same(listed, place, best) {
            Ok(true) => self.remove(id, size, place).map(|()| None),
            _ => self.set_aside(id, size, place).map(Some),
        };
        Dropped { id, place, best, outcome }
    }

    fn are_same(&self, listed: Listed, one: Place, other: Place) -> io::Result<bool> {
        let open = |place| self.open_message(listed.id, listed.size, place);
        same_bytes(open(one)?, open(other)?)
    }
}

fn same_bytes(mut one: File, mut other: File) -> io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let count = one.read(&mut left)?;
        let (Some(left), Some(right)) = (left.get(..count), right.get_mut(..count)) else { return Ok(false) };
        other.read_exact(right)?;
        if left != right {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

fn word(place: Place) -> &'static str {
    match place {
        Place::New => "queue/new",
        Place::Waiting => "queue/cur",
        Place::Held => "queue/hold",
    }
}
