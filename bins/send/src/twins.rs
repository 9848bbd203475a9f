//! One id in two places: a restored copy beside the message itself. Both would be delivered.
//!
//! The one whose journal is longer knows more, and counts; of equals the one that lies further on. The other is removed
//! when it is the same to the last byte, else set aside in queue/bad. What is damaged never counts.
//! Known limits: a copy that comes back after its message is done is a message.

use crate::scheduler::{Scheduler, now};
use stafett_queue_store::{Entry, Id, Listed, Place};
use std::fs::File;
use std::io::{self, Read};

/// A copy that was looked at. The order says which one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Twin {
    is_whole: bool,
    length: u64,
    /// A message goes from new to waiting; what is held was held by the admin.
    place: Place,
}

impl Scheduler {
    /// The one of all copies of this message that is to be read now; `None` when that is to wait.
    pub(crate) fn only_one(&mut self, listed: Listed) -> Option<Listed> {
        let Listed { id, size, place, .. } = listed;
        let is_there = |other: &Place| *other != place && self.store.path(id, size, *other).symlink_metadata().is_ok();
        let others: Vec<Place> = [Place::New, Place::Waiting, Place::Held].into_iter().filter(is_there).collect();
        if others.is_empty() {
            return Some(listed);
        }
        let Some(own) = self.look_at(listed, place) else { return Some(listed) };
        let copies: Vec<Twin> = others.into_iter().filter_map(|place| self.look_at(listed, place)).chain([own]).collect();
        let best = copies.iter().copied().max().unwrap_or(own);
        for copy in copies.iter().filter(|copy| copy.place != best.place) {
            self.drop_copy(listed, copy.place, best.place);
        }
        self.go_on_with(listed, best.place)
    }

    /// A copy in queue/new of a message that is being worked on: that one goes on.
    pub(crate) fn drop_copy_of_active(&mut self, id: Id, size: u64) {
        let Some(place) = self.messages.get(&id).map(|message| message.place).filter(|place| *place != Place::New) else { return };
        if self.store.path(id, size, place).symlink_metadata().is_ok() {
            self.drop_copy(Listed { id, size, place: Place::New, due: 0 }, Place::New, place);
        }
    }

    fn go_on_with(&mut self, listed: Listed, best: Place) -> Option<Listed> {
        if best == listed.place {
            return Some(listed);
        }
        let found = self.store.find(listed.id, listed.size).ok().flatten()?;
        let is_due = found.due <= now() || listed.due == 0 && listed.place == Place::Waiting;
        match best {
            Place::Held => None,
            Place::Waiting if !is_due => {
                self.put_in_line(found);
                None
            }
            _ => Some(found),
        }
    }

    fn look_at(&self, listed: Listed, place: Place) -> Option<Twin> {
        let file = self.store.open_message(listed.id, listed.size, place).ok()?;
        let length = file.metadata().ok()?.len();
        let is_whole = Entry::read(&file, listed.id, listed.size).is_ok_and(|entry| entry.is_ok());
        Some(Twin { is_whole, length, place })
    }

    fn drop_copy(&mut self, listed: Listed, place: Place, best: Place) {
        let Listed { id, size, .. } = listed;
        let dropped = match self.are_same(listed, place, best) {
            Ok(true) => self.store.remove(id, size, place).map(|()| "removed, because it is the same".to_owned()),
            _ => self.store.set_aside(id, size, place).map(|path| format!("set aside as {}", path.display())),
        };
        let (one, other) = (word(place), word(best));
        match dropped {
            Ok(done) => {
                self.touch(place, id);
                self.book.error(format_args!("msg {id} lies in {one} and {other}; that in {one} was {done}"));
            }
            Err(error) => self.book.error(format_args!("msg {id} lies in {one} and {other}; unable to set that in {one} aside: {error}")),
        }
    }

    fn are_same(&self, listed: Listed, one: Place, other: Place) -> io::Result<bool> {
        let open = |place| self.store.open_message(listed.id, listed.size, place);
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
