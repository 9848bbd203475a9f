//! What comes into memory: arrivals that queued tells, and what is due on disk.
//!
//! Names and times of all that waits are held; contents are read when it is their turn, as long as
//! memory holds little. What is damaged or in a wrong place is said and set aside, never dropped.

use crate::message::Message;
use crate::pace::latest_attempt;
use crate::schedule::attempt_after;
use crate::scheduler::{ENOUGH_ACTIVE, OWN_TROUBLE, SETTLE, Scheduler, now};
use stafett_envelope::Envelope;
use stafett_queue_store::journal::Standing;
use stafett_queue_store::{Entry, Id, Listed, Place};
use stafett_wire::arrival::Arrival;
use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Messages in memory at most; further ones stay in queue/new until there is room.
const MOST_ACTIVE: usize = 16_000;
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

    /// Settles who is suspected, for as long as it takes: most of what was under way when a scheduler
    /// was killed is delivered and gone; after a crash of the machine, all that was due is suspected.
    pub(crate) fn settle_suspects(&mut self) -> io::Result<()> {
        let (all_due, started) = (self.suspects.all_due, self.started);
        if all_due || !self.suspects.ids.is_empty() {
            let (mut queued, mut due) = (HashSet::new(), Vec::new());
            for place in [Place::New, Place::Waiting, Place::Held] {
                let mut look = |listed: Listed| {
                    queued.insert(listed.id);
                    due.extend(Some(listed.id).filter(|id| all_due && listed.due <= started && id.birth_seconds() < started));
                };
                self.store.list(place, &mut look, &mut |_| {})?;
            }
            self.suspects.ids.retain(|id| queued.contains(id));
            self.suspects.ids.extend(due);
        }
        if let Err(error) = self.attempts.restart(self.suspects.ids.iter().copied()) {
            self.book
                .error(format_args!("unable to begin {}/attempts anew: {error}; going on with the old one", self.store.root().display()));
        }
        Ok(())
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
            Some((id, size, envelope)) if self.messages.len() < MOST_ACTIVE && !self.ending => {
                if !self.messages.contains_key(&id) {
                    let standings = vec![Standing::default(); envelope.recipients.len()];
                    self.begin_pass(Message::new(id, size, Place::New, envelope, standings), 1, MOST_TOLD);
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
        if self.rescan.is_some_and(|at| at <= Instant::now()) && self.messages.len() < ENOUGH_ACTIVE {
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
        for _ in 0..LOADS {
            if self.messages.len() >= ENOUGH_ACTIVE {
                return;
            }
            match self.waiting.next(now()) {
                Some(listed) if !self.messages.contains_key(&listed.id) => self.read(listed),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Brings attempts forward that only a wrong clock can have put off that far.
    pub(crate) fn mend_times(&mut self) {
        let now = now();
        let wrong = self.waiting.take_if(|listed| listed.due > latest_attempt(listed.id.birth_seconds(), now));
        if !wrong.is_empty() {
            self.book.error(format_args!(
                "{} messages were put off by a wrong clock; they are tried as if they had been tried last now",
                wrong.len()
            ));
        }
        for listed in wrong {
            let mut due = attempt_after(listed.id, 0, now, std::iter::empty());
            if let Err(error) = self.store.wait_until(listed.id, listed.size, listed.place, due) {
                self.book.error(format_args!("unable to set the time of msg {}: {error}; trying it now", listed.id));
                due = 0;
            }
            self.touch(Place::Waiting, listed.id);
            self.waiting.add(Listed { place: Place::Waiting, due, ..listed });
        }
    }

    pub(crate) fn scan_waiting(&mut self) -> io::Result<()> {
        let Scheduler { store, waiting, book, .. } = self;
        store.list(Place::Waiting, &mut |listed| waiting.add(listed), &mut |odd| {
            book.error(format_args!("{} is no message, or not where its message belongs; move it away, or to queue/new", odd.display()));
        })
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
            && listed.due > 0
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
