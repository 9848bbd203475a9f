//! What comes into memory: arrivals that queued tells, and what is due on disk.
//!
//! Names and times of all that waits are held; contents are read when it is their turn, as long as
//! memory holds little. What is damaged or in a wrong place is said and set aside, never dropped.

use crate::message::Message;
use crate::scheduler::{OWN_TROUBLE, SETTLE, Scheduler, TURN, now};
use crate::waiting::WOKEN;
use stafett_envelope::Envelope;
use stafett_queue_store::journal::Standing;
use stafett_queue_store::{Entry, Id, Listed, Place};
use stafett_wire::arrival::Arrival;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Work for one destination in memory at most, when queued tells of one more message.
const MOST_TOLD: usize = 2_000;
/// Work for one destination in memory at most, when a message for it was read from disk.
const MOST_READ: usize = 500;
/// Messages that are read from disk in one turn of the loop.
const LOADS: usize = 50;
/// How often queue/new is looked into though nobody said so: an admin may have put a message there.
const LOOK_EVERY: Duration = Duration::from_secs(300);

impl Scheduler {
    /// What an admin's program did while no scheduler ran belongs into the log, too.
    pub(crate) fn log_notes(&mut self) {
        match self.store.take_notes() {
            Ok(notes) => {
                notes.lines().for_each(|line| self.book.noted(line));
                self.book.flush();
            }
            Err(error) => self.book.error(format_args!("unable to read {}/admin: {error}", self.store.root().display())),
        }
    }

    /// Takes what queued tells.
    pub fn arrival(&mut self, packet: &[u8]) {
        let parsed = match Arrival::parse(packet) {
            Ok(Arrival::Message { id, size, envelope }) => Envelope::parse(envelope).ok().map(|envelope| (Id(id), size, envelope)),
            Ok(Arrival::Scan) => None,
            Err(error) => {
                self.book.error(error);
                None
            }
        };
        match parsed {
            Some((id, size, envelope)) if self.messages.have_room() && !self.ending => {
                if !self.messages.contains_key(&id) {
                    let standings = vec![Standing::default(); envelope.recipients.len()];
                    self.begin_pass(Message::new(id, size, Place::New, envelope, standings), now(), MOST_TOLD);
                }
            }
            _ => self.look_again(),
        }
    }

    /// Looks into queue/new soon: a message may lie there that was not told.
    pub fn look_again(&mut self) {
        self.rescan = Some(Instant::now());
    }

    /// Reads what is due from disk, as long as memory holds little.
    pub fn load(&mut self) {
        if self.ending {
            return;
        }
        self.heed_clock();
        if self.rescan.is_some_and(|at| at <= Instant::now()) && self.messages.are_few() {
            self.rescan = None;
            if let Err(error) = self.scan_new() {
                self.book.error(format_args!("unable to read {}/new: {error}", self.store.root().display()));
                self.rescan = Some(Instant::now() + Duration::from_secs(OWN_TROUBLE));
            }
        }
        for parked in self.destinations.unpark(LOADS) {
            if !self.messages.contains_key(&parked.id) {
                self.read(parked);
            }
        }
        let begun = Instant::now();
        for _ in 0..LOADS {
            if !self.messages.are_few() || begun.elapsed() >= TURN {
                return;
            }
            match self.waiting.next(now()) {
                Some(listed) if !self.messages.contains_key(&listed.id) => self.read(listed),
                Some(_) => {}
                None => return,
            }
        }
    }

    pub(crate) fn scan_new(&mut self) -> io::Result<()> {
        let id_at = |time: SystemTime| Id(u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()).unwrap_or(0));
        let (settled, now) = (id_at(SystemTime::now() - SETTLE), id_at(SystemTime::now()));
        let (mut found, mut copies, mut young) = (Vec::new(), Vec::new(), false);
        let Scheduler { store, messages, destinations, held, book, .. } = self;
        let mut take = |listed: Listed| {
            // Ids run ahead of a clock that went back; those would be young for ever.
            if listed.id > settled && listed.id <= now {
                young = true;
            } else if messages.get(&listed.id).is_some_and(|message| message.place != Place::New) {
                copies.push((listed.id, listed.size));
            } else if !messages.contains_key(&listed.id) && !destinations.is_parked(listed.id) && !held.contains_key(&listed.id) {
                found.push((listed.id, listed.size));
            }
        };
        store.list(Place::New, &mut take, &mut |odd| book.error(format_args!("{} is no message; move it away", odd.display())))?;
        copies.into_iter().for_each(|(id, size)| self.drop_copy_of_active(id, size));
        self.waiting.replace_fresh(found);
        self.rescan = Some(Instant::now() + if young { SETTLE } else { LOOK_EVERY });
        Ok(())
    }

    pub(crate) fn read(&mut self, listed: Listed) {
        if listed.place == Place::Waiting
            && listed.due > WOKEN.into()
            && let Some(later) = self.put_off_until(listed)
        {
            // Most often another entry of the line says so, too; one too many is better than none.
            self.waiting.add(Listed { due: later, ..listed });
            return;
        }
        let Some(listed) = self.only_one(listed) else { return };
        let Listed { id, size, place, due } = listed;
        match self.store.read(id, size, place) {
            Ok(Ok(entry)) => {
                if entry.unusable_lines > 0 {
                    self.book
                        .error(format_args!("msg {id}: {} lines of its journal cannot be read; going by the others", entry.unusable_lines));
                }
                let message = self.prepare(listed, entry);
                self.begin_pass(message, due, MOST_READ);
            }
            Ok(Err(damage)) => self.set_aside(listed, &damage.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                self.book.error(format_args!("unable to read msg {id}: {error}; trying again in {OWN_TROUBLE} seconds"));
                self.waiting.add(Listed { due: now() + OWN_TROUBLE, ..listed });
            }
        }
    }

    /// The time of a message that waits until later than this entry of the line says.
    fn put_off_until(&self, listed: Listed) -> Option<u64> {
        let seen = self.store.find(listed.id, listed.size).ok().flatten()?;
        Some(seen.due).filter(|due| seen.place == Place::Waiting && *due > now().max(listed.due))
    }

    /// A message with all that the disk and memory know of it.
    pub(crate) fn prepare(&mut self, listed: Listed, entry: Entry) -> Message {
        let Listed { id, size, place, .. } = listed;
        let mut message = Message::new(id, size, place, entry.envelope, entry.standings);
        let unwritten = self.unwritten.remove(&id);
        let is_known = unwritten.is_some();
        unwritten.into_iter().for_each(|lines| message.remember(lines));
        message.suspect = !is_known && self.suspects.ids.contains(&id);
        self.is_still_queued(id);
        message
    }

    /// Adds a message to those that wait.
    pub(crate) fn put_in_line(&mut self, listed: Listed) {
        self.waiting.add(listed);
    }

    pub(crate) fn set_aside(&mut self, listed: Listed, damage: &str) {
        let Listed { id, size, place, .. } = listed;
        match self.store.set_aside(id, size, place) {
            Ok(path) => self.book.error(format_args!("msg {id} is damaged: {damage}; it was set aside as {}", path.display())),
            Err(error) => {
                let root = self.store.root().display();
                self.book.error(format_args!("msg {id} is damaged: {damage}; unable to set it aside in {root}/bad: {error}"));
            }
        }
    }
}
