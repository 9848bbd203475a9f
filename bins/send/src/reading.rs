//! The start: finding all that waits, while fresh mail is served already.
//!
//! A thread looks through queue/cur and tells of messages as it finds them; each goes into the line, after its time was
//! judged and after it was seen whether a former run left its outcome open.
//! How it fails: a queue that cannot be read ends the scheduler, as it would have at the start.
//! Known limits: until the end of the reading, a message that is not found yet is not tried, whoever asks for all.

use crate::pace::{Step, latest_attempt};
use crate::schedule::attempt_after;
use crate::scheduler::{Scheduler, now};
use crate::waiting::FORCED;
use stafett_queue_store::{Id, Listed, Place};
use std::collections::HashSet;
use std::io;
use std::path::Path;

/// What is known only while the queue is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Suspects that may be delivered and gone.
    unsettled: HashSet<Id>,
    found: usize,
    mended: usize,
}

impl Scheduler {
    /// Looks into the small places at once and lets a thread look through queue/cur.
    pub(crate) fn begin_reading(&mut self) -> io::Result<()> {
        self.reading = Some(Reading { unsettled: self.suspects.ids.clone(), found: 0, mended: 0 });
        if self.suspects.all_due || !self.suspects.ids.is_empty() {
            for place in [Place::New, Place::Held] {
                let mut seen = Vec::new();
                self.store.list(place, &mut |listed| seen.push(listed), &mut |_| {})?;
                seen.into_iter().for_each(|listed| self.settle_suspect(listed));
            }
        }
        self.chores.read(self.store.again()?)
    }

    /// Takes messages that were found in queue/cur.
    pub(crate) fn found(&mut self, messages: Vec<Listed>) {
        let now = now();
        for listed in messages {
            self.settle_suspect(listed);
            let wrong = listed.due > latest_attempt(listed.id.birth_seconds(), now);
            let listed = if wrong { self.mend_time(listed, now) } else { listed };
            self.waiting.found(listed);
            if let Some(reading) = &mut self.reading {
                reading.found += 1;
                reading.mended += usize::from(wrong);
            }
        }
    }

    pub(crate) fn found_odd(&mut self, file: &Path) {
        self.book.error(format_args!("{} is no message, or not where its message belongs; move it away, or to queue/new", file.display()));
    }

    /// All that waits is in line now.
    pub(crate) fn read_to_the_end(&mut self, read: io::Result<()>) {
        if let Err(error) = read {
            self.broken = Some(format!("unable to read the queue: {error}"));
            return;
        }
        self.waiting.is_read();
        let Some(reading) = self.reading.take() else { return };
        self.say_mended(reading.mended);
        self.suspects.ids.retain(|id| !reading.unsettled.contains(id));
        let worked_on: Vec<Id> = self.worked_on().collect();
        if let Err(error) = self.attempts.restart(self.suspects.ids.iter().copied().chain(worked_on)) {
            self.book
                .error(format_args!("unable to begin {}/attempts anew: {error}; going on with the old one", self.store.root().display()));
        }
        self.book.queue_read(reading.found);
        self.probe_kept();
    }

    /// Most of what was under way when a scheduler was killed is delivered and gone; after a crash of
    /// the machine, all that was due is suspected.
    fn settle_suspect(&mut self, listed: Listed) {
        let id = listed.id;
        self.is_still_queued(id);
        if self.suspects.all_due && listed.due <= self.started && id.birth_seconds() < self.started {
            self.suspects.ids.insert(id);
        }
    }

    /// Notes that a suspect is not gone.
    pub(crate) fn is_still_queued(&mut self, id: Id) {
        if let Some(reading) = &mut self.reading {
            reading.unsettled.remove(&id);
        }
    }

    /// Brings attempts forward that only a wrong clock can have put off that far.
    pub(crate) fn mend_times(&mut self) {
        let now = now();
        let wrong = self.waiting.take_if(|listed| listed.due > latest_attempt(listed.id.birth_seconds(), now));
        self.say_mended(wrong.len());
        for listed in wrong {
            let mended = self.mend_time(listed, now);
            self.waiting.add(mended);
        }
    }

    fn mend_time(&mut self, listed: Listed, now: u64) -> Listed {
        let mut due = attempt_after(listed.id, Step::Remote, 0, now);
        if let Err(error) = self.store.wait_until(listed.id, listed.size, listed.place, due) {
            self.book.error(format_args!("unable to set the time of msg {}: {error}; trying it now", listed.id));
            due = FORCED.into();
        }
        self.touch(Place::Waiting, listed.id);
        Listed { place: Place::Waiting, due, ..listed }
    }

    fn say_mended(&mut self, number: usize) {
        if number > 0 {
            self.book
                .error(format_args!("{number} messages were put off by a wrong clock; they are tried as if they had been tried last now"));
        }
    }
}
