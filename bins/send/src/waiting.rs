//! The messages that are not being worked on: fresh ones not yet read, and those that wait for
//! their next attempt. A few bytes each; their content stays on disk.
//!
//! When the scheduler starts, those that wait come in as they are found. What was put in line
//! meanwhile is newer than what was found, and stays.

use crate::mark::Mark;
use stafett_queue_store::{Id, Listed, Place};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};

/// Fresh messages that are read for each one whose time has come again.
const FRESH_FOR_EACH_OLD: u32 = 4;

/// In the place of a time: due now, whatever its file says, with all its recipients.
pub const FORCED: u32 = 0;
/// In the place of a time: due now, whatever its file says, for those recipients whose destination was asked for.
pub const WOKEN: u32 = 1;

/// The messages that are not being worked on.
#[derive(Debug, Default)]
pub struct Waiting {
    fresh: VecDeque<(Id, u64)>,
    later: BinaryHeap<Reverse<Record>>,
    streak: u32,
    /// While the queue is being read: those that were put in line since.
    newer: Option<HashSet<Id>>,
    /// While the queue is being read: what is found is due at once.
    all_now: bool,
}

/// A message that waits, in 24 bytes. The order is that of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    due: u32,
    id: Id,
    /// The size, and in the last two bits the place.
    rest: u64,
    mark: Mark,
}

impl Record {
    fn new(listed: Listed, mark: Mark) -> Record {
        let place = match listed.place {
            Place::New => 0,
            Place::Waiting => 1,
            Place::Held => 2,
        };
        // Seconds that do not fit come after the year 2106, sizes beyond 2^62 in no file system.
        Record { due: u32::try_from(listed.due).unwrap_or(u32::MAX), id: listed.id, rest: listed.size << 2 | place, mark }
    }

    /// What it waits for.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Its id.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl From<Listed> for Record {
    fn from(listed: Listed) -> Record {
        Record::new(listed, Mark::default())
    }
}

impl From<Record> for Listed {
    fn from(record: Record) -> Listed {
        let place = match record.rest & 3 {
            0 => Place::New,
            1 => Place::Waiting,
            _ => Place::Held,
        };
        Listed { id: record.id, size: record.rest >> 2, place, due: record.due.into() }
    }
}

impl Waiting {
    /// A line into which messages will be found.
    pub fn to_be_read() -> Waiting {
        Waiting { newer: Some(HashSet::new()), ..Waiting::default() }
    }

    /// Replaces the fresh ones by those that a look into queue/new found.
    pub fn replace_fresh(&mut self, mut found: Vec<(Id, u64)>) {
        found.sort_unstable();
        self.fresh = found.into();
    }

    /// Adds a message with its next attempt.
    pub fn add(&mut self, message: Listed) {
        self.add_marked(message, Mark::default());
    }

    /// Adds a message with its next attempt and what it waits for.
    pub fn add_marked(&mut self, message: Listed, mark: Mark) {
        if let Some(newer) = &mut self.newer {
            newer.insert(message.id);
        }
        self.push(Record::new(message, mark));
    }

    /// Adds a message that was found on disk, unless it was put in line since.
    pub fn found(&mut self, message: Listed) {
        if !self.newer.as_ref().is_some_and(|newer| newer.contains(&message.id)) {
            self.push(if self.all_now { Listed { due: FORCED.into(), ..message } } else { message }.into());
        }
    }

    /// All that waits on disk has been found.
    pub fn is_read(&mut self) {
        self.newer = None;
        self.all_now = false;
    }

    fn push(&mut self, record: Record) {
        if self.later.len() == self.later.capacity() {
            // A quarter more, not twice as much: there may be millions.
            self.later.reserve_exact((self.later.len() / 4).max(1024));
        }
        self.later.push(Reverse(record));
    }

    /// The next message to work on at `now` (seconds since 1970): fresh before old, yet old ones
    /// are not starved.
    pub fn next(&mut self, now: u64) -> Option<Listed> {
        let is_due = self.next_due().is_some_and(|due| due <= now);
        if is_due && (self.fresh.is_empty() || self.streak >= FRESH_FOR_EACH_OLD) {
            self.streak = 0;
            return self.later.pop().map(|Reverse(record)| record.into());
        }
        let (id, size) = self.fresh.pop_front()?;
        self.streak += 1;
        Some(Listed { id, size, place: Place::New, due: 0 })
    }

    /// When the next waiting message is due; `None` when none waits.
    pub fn next_due(&self) -> Option<u64> {
        self.later.peek().map(|Reverse(record)| record.due.into())
    }

    /// Whether fresh messages are to be read.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Takes out the messages that `is_wrong` says of.
    pub fn take_if(&mut self, is_wrong: impl Fn(&Listed) -> bool) -> Vec<Listed> {
        let mut taken = Vec::new();
        self.later.retain(|Reverse(record)| {
            let listed = (*record).into();
            let wrong = is_wrong(&listed);
            taken.extend(Some(listed).filter(|_| wrong));
            !wrong
        });
        taken
    }

    /// Makes those due now that `is_meant`, at most `most`, for the recipients that were asked for; says how many.
    pub fn wake(&mut self, most: usize, is_meant: impl Fn(&Record) -> bool) -> usize {
        if !self.any(&is_meant) {
            return 0;
        }
        let mut all = std::mem::take(&mut self.later).into_vec();
        let meant = all.iter_mut().filter(|Reverse(record)| is_meant(record)).take(most);
        let woken = meant.map(|Reverse(record)| record.due = record.due.min(WOKEN)).count();
        self.later = all.into();
        woken
    }

    /// Whether any `is_meant`.
    pub fn any(&self, is_meant: impl Fn(&Record) -> bool) -> bool {
        self.later.iter().any(|Reverse(record)| is_meant(record))
    }

    /// How many `is_meant`.
    pub fn count(&self, is_meant: impl Fn(&Record) -> bool) -> usize {
        self.later.iter().filter(|Reverse(record)| is_meant(record)).count()
    }

    /// Those that `is_meant`.
    pub fn select(&self, is_meant: impl Fn(&Record) -> bool) -> Vec<Listed> {
        self.later.iter().map(|Reverse(record)| *record).filter(|record| is_meant(record)).map(Listed::from).collect()
    }

    /// Nobody knows any more what messages wait for: the routes have changed.
    pub fn forget_marks(&mut self) {
        let mut all = std::mem::take(&mut self.later).into_vec();
        all.iter_mut().for_each(|Reverse(record)| record.mark = Mark::default());
        self.later = all.into();
    }

    /// Makes every waiting message due now, whatever its file says.
    pub fn all_now(&mut self) {
        let mut all = std::mem::take(&mut self.later).into_vec();
        all.iter_mut().for_each(|Reverse(record)| record.due = FORCED);
        self.later = all.into();
        self.all_now = self.newer.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, Waiting};
    use crate::mark::Mark;
    use stafett_queue_store::{Id, Listed, Place};
    use stafett_wire::delivery::{Destination, Kind};

    fn listed(id: u64, due: u64) -> Listed {
        Listed { id: Id(id), size: 1, place: Place::Waiting, due }
    }

    #[test]
    fn fresh_mail_goes_first_but_does_not_starve_the_old() {
        let mut waiting = Waiting::default();
        waiting.replace_fresh((0..10).map(|n| (Id(n), 1)).collect());
        for id in [100, 101] {
            waiting.add(listed(id, 50));
        }
        let order: Vec<u64> = std::iter::from_fn(|| waiting.next(50)).map(|listed| listed.id.0).collect();
        assert_eq!(order, [0, 1, 2, 3, 100, 4, 5, 6, 7, 101, 8, 9]);
    }

    #[test]
    fn nothing_is_worked_on_before_its_time_but_an_alarm_makes_all_due() {
        let mut waiting = Waiting::default();
        waiting.add(listed(1, 50));
        assert!(waiting.next(49).is_none());
        waiting.all_now();
        assert!(waiting.next(49).is_some());
    }

    #[test]
    fn what_was_put_in_line_since_is_not_found_again() {
        let mut waiting = Waiting::to_be_read();
        waiting.add(listed(1, 50));
        waiting.found(listed(1, 40));
        waiting.all_now();
        waiting.found(listed(2, 40));
        waiting.is_read();
        waiting.found(listed(3, 40));
        let order: Vec<u64> = std::iter::from_fn(|| waiting.next(49)).map(|listed| listed.id.0).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn what_waits_for_one_destination_is_woken_and_nothing_else() {
        let mut waiting = Waiting::default();
        let marks = ["a.example", "b.example"].map(|name| Mark::of(&Destination::plain(Kind::Mx, name, 25)).because_it_is_down());
        for id in 0..6 {
            waiting.add_marked(listed(id, 50 + id), marks[(id % 2) as usize]);
        }
        waiting.add(listed(6, 60));
        assert_eq!(waiting.wake(usize::MAX, |record| record.mark() == marks[1]), 3);
        let order: Vec<u64> = std::iter::from_fn(|| waiting.next(49)).map(|listed| listed.id.0).collect();
        assert_eq!(order, [1, 3, 5]);
        assert_eq!((waiting.wake(1, |record| record.mark() == marks[0]), waiting.wake(9, |record| record.mark() == marks[1])), (1, 0));
        assert_eq!(waiting.next(49).map(|listed| listed.due), Some(super::WOKEN.into()));
        assert_eq!(waiting.select(|record| record.mark().is_unknown()).len(), 1);
        waiting.forget_marks();
        assert_eq!(waiting.select(|record| record.mark().is_unknown()).len(), 3);
    }

    #[test]
    fn a_record_is_small_and_loses_nothing() {
        assert_eq!(size_of::<Record>(), 24);
        for place in [Place::New, Place::Waiting, Place::Held] {
            let one = Listed { id: Id(9_999_999_999_999_999), size: (1 << 62) - 1, place, due: u32::MAX.into() };
            assert_eq!(Listed::from(Record::from(one)), one);
        }
    }
}
