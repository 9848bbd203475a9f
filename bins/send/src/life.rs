//! The life of a message in memory: a pass over its recipients, then it is done or waits on disk.
//!
//! An outcome is in the journal before its message is left, a bounce is in the queue before its
//! failure counts as told, a file is removed only when every recipient is delivered or its sender told.

use crate::delay::late;
use crate::message::Message;
use crate::scheduler::{OWN_TROUBLE, Scheduler, domain, now};
use crate::work::Work;
use stafett_queue_store::journal::{self, Event};
use stafett_queue_store::{Id, Listed, Place};
use stafett_wire::delivery::Destination;
use std::collections::{BTreeMap, HashSet};
use std::io;

/// Said of a recipient whose domain no name can have.
const NOWHERE: &str = "Sorry, that domain is not one that can exist. (#5.1.2)";

impl Scheduler {
    /// Gives the recipients to their destinations; `most` is how much work a destination may have
    /// in memory. `due` is what the line said of the message, `FORCED` or `WOKEN` when it is due whatever its file says.
    pub(crate) fn begin_pass(&mut self, mut message: Message, due: u64, most: usize) {
        let (mut groups, mut nowhere): (BTreeMap<Destination, Vec<usize>>, Vec<usize>) = Default::default();
        let (mut held, mut is_kept) = (false, HashSet::new());
        for index in self.let_rest(&mut message, due) {
            let domain = domain(message.address(index)).unwrap_or(&self.settings.me);
            if self.settings.held.look_up(domain).is_some() {
                held = true;
                continue;
            }
            let destination = self.settings.destination(message.address(index), message.standings.get(index));
            if !destination.is_usable() {
                nowhere.push(index);
                continue;
            }
            if self.settings.keeps(domain) {
                is_kept.insert(destination.clone());
            }
            groups.entry(destination).or_default().push(index);
        }
        // Others of it that rest have a time, which those who are held have not.
        let is_all_held = held && groups.is_empty() && nowhere.is_empty() && message.resting_until.is_none();
        if is_all_held && message.lines.is_empty() && message.untold().next().is_none() {
            let Message { id, size, place, .. } = message;
            self.held.insert(id, Listed { id, size, place, due });
            return;
        }
        if nowhere.is_empty() && message.lines.is_empty() && self.park(&message, due, &groups, most) {
            return;
        }
        if message.place == Place::New && message.standings.iter().all(|standing| standing.event.is_none()) {
            self.book.new_message(message.id, message.size, &message.envelope.sender, message.envelope.uid.unwrap_or(0));
        }
        nowhere.into_iter().for_each(|index| message.note(index, Event::Failed, NOWHERE, now()));
        message.open = groups.values().map(Vec::len).sum();
        message.grouped_by = self.generation;
        let (id, is_old) = (message.id, message.place != Place::New);
        self.messages.insert(id, message);
        let work = |recipients| Work { id, recipients, is_old };
        let numbers: Vec<u64> =
            groups.into_iter().map(|(destination, recipients)| self.destinations.add(destination, work(recipients))).collect();
        is_kept.iter().for_each(|destination| self.destinations.keep(destination));
        numbers.into_iter().for_each(|number| self.put_off_if_down(number));
        self.finish_if_idle(id);
    }

    /// Gives recipients to other destinations for which control/ has named another since they were given to this one.
    pub(crate) fn regroup_moved(&mut self, work: &mut Work, number: u64) {
        let Some(message) = self.messages.get_mut(&work.id).filter(|message| message.grouped_by != self.generation) else { return };
        let Some(destination) = self.destinations.state(number).map(|state| state.name.clone()) else { return };
        let (id, is_old) = (work.id, work.is_old);
        let moved = message.take_moved(&mut work.recipients, &self.settings, &destination);
        let mut numbers = Vec::new();
        for index in &moved {
            let destination = self.settings.destination(message.address(*index), message.standings.get(*index));
            if destination.is_usable() {
                numbers.push(self.destinations.add(destination, Work { id, recipients: vec![*index], is_old }));
            } else {
                message.note(*index, Event::Failed, NOWHERE, now());
                message.open = message.open.saturating_sub(1);
            }
        }
        numbers.into_iter().for_each(|number| self.put_off_if_down(number));
        if !moved.is_empty() {
            self.finish_if_idle(id);
        }
    }

    /// Leaves a message on disk when all that waits of it is for one destination that is busy enough.
    pub(crate) fn park(&mut self, message: &Message, due: u64, groups: &BTreeMap<Destination, Vec<usize>>, most: usize) -> bool {
        let Message { id, size, place, .. } = *message;
        let mut names = groups.keys();
        let listed = Listed { id, size, place, due };
        matches!((names.next(), names.next()), (Some(only), None) if message.untold().next().is_none() && self.destinations.park(only, listed, most))
    }

    /// Ends the pass of a message of which nothing is under way any more.
    pub(crate) fn finish_if_idle(&mut self, id: Id) {
        let after = self.delay_notice();
        let Some(message) = self.messages.get_mut(&id) else { return };
        if message.open > 0 || message.bouncing {
            return;
        }
        if let Some(wish) = message.wish.take() {
            self.fulfil(id, wish);
            return;
        }
        let has_news = message.untold().next().is_some() || !late(message, after, now()).is_empty();
        if has_news && !message.bounce_later && !self.ending {
            self.tell_sender(id);
        } else {
            self.settle(id);
        }
    }

    /// Notes on disk that something begins that a crash would leave with an unknown outcome.
    pub(crate) fn begin_attempts(&mut self, ids: impl Iterator<Item = Id>) {
        for id in ids {
            let Some(message) = self.messages.get_mut(&id) else { continue };
            message.begun = true;
            if std::mem::take(&mut message.suspect) {
                self.book.possible_duplicate(id, "an earlier attempt had no known outcome");
            }
            self.attempts.begin(id);
        }
        if let Err(error) = self.attempts.flush() {
            self.book.error(format_args!(
                "unable to write {}/attempts: {error}; a crash now could hide a duplicate",
                self.store.root().display()
            ));
        }
    }

    /// Removes a message that is done; lets the others wait on disk.
    pub(crate) fn settle(&mut self, id: Id) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        let (size, place) = (message.size, message.place);
        if message.is_done() {
            match self.store.remove(id, size, place) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.book
                        .error(format_args!("unable to remove msg {id}, which is done: {error}; trying again in {OWN_TROUBLE} seconds"));
                    self.wait(id, now() + OWN_TROUBLE);
                    return;
                }
            }
            self.touch(place, id);
            self.suspects.ids.remove(&id);
            self.book.end_message(id);
            self.messages.remove(&id);
        } else {
            let is_untold = message.untold().next().is_some();
            let attempt = self.messages.get(&id).map_or(0, |message| self.next_pass(message));
            // Only the bounce is tried again that soon; who waits beside it rests.
            self.wait(id, if is_untold { attempt.min(now() + OWN_TROUBLE) } else { attempt });
        }
    }

    pub(crate) fn wait(&mut self, id: Id, due: u64) {
        self.wait_in_line(id, due, due);
    }

    /// Lets a message wait on disk until it is due, and in the line as what `in_line` says.
    pub(crate) fn wait_in_line(&mut self, id: Id, due: u64, in_line: u64) {
        self.write_lines(id);
        let Some(message) = self.messages.remove(&id) else { return };
        let mark = self.mark_of(&message);
        let Message { size, place, uncertain, begun, lines, .. } = message;
        let uncertain = uncertain || !lines.is_empty();
        let moved = self.store.wait_until(id, size, place, due);
        match moved {
            Ok(()) => {
                // Not synced: what a power cut undoes here is tried again too early.
                self.keep_unwritten(id, lines);
                self.waiting.add_marked(Listed { id, size, place: Place::Waiting, due: in_line }, mark);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.book.error(format_args!("msg {id} has vanished from the queue while it was worked on"));
                // It may lie further on, and its place in the line may have been passed over meanwhile.
                if let Ok(Some(found)) = self.store.find(id, size)
                    && found.place != Place::Held
                {
                    self.waiting.add(found);
                }
            }
            Err(error) => {
                self.book.error(format_args!("unable to move msg {id} to queue/cur: {error}; it stays where it is"));
                self.keep_unwritten(id, lines);
                self.waiting.add(Listed { id, size, place, due: in_line });
            }
        }
        self.leave_attempt(id, uncertain, begun);
    }

    /// Notes whether the outcome of what was begun is known to the journal.
    pub(crate) fn leave_attempt(&mut self, id: Id, uncertain: bool, begun: bool) {
        if uncertain {
            self.suspects.ids.insert(id);
        } else if begun {
            self.suspects.ids.remove(&id);
            self.attempts.end(id);
        }
    }

    /// What was delivered or told must not be done again because the disk was full: memory keeps it
    /// until the next pass writes it.
    pub(crate) fn keep_unwritten(&mut self, id: Id, lines: String) {
        if !lines.is_empty() {
            self.unwritten.insert(id, lines);
        }
    }

    /// Appends what is not yet in the journal of a message.
    pub(crate) fn write_lines(&mut self, id: Id) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        if message.lines.is_empty() {
            return;
        }
        match self.store.append(id, message.size, message.place, &message.lines) {
            Ok(file) => {
                let lines = std::mem::take(&mut message.lines);
                if journal::lines(lines.as_bytes()).any(|line| line.event != Event::Deferred) {
                    self.unsynced.mark(file);
                }
            }
            Err(error) => self.book.error(format_args!(
                "unable to write to the journal of msg {id}: {error}; a crash before it is written could cause duplicates"
            )),
        }
    }

    pub(crate) fn touch(&mut self, place: Place, id: Id) {
        match place {
            Place::Waiting => drop(self.unsynced.shards.insert((id.0 & 0xff) as u8, id)),
            Place::Held => self.unsynced.held = true,
            Place::New => self.unsynced.new = true,
        }
    }
}
