//! The messages that are not being worked on: fresh ones not yet read, and those that wait for
//! their next attempt. A few bytes each; their content stays on disk.

use stafett_queue_store::{Id, Listed, Place};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Fresh messages that are read for each one whose time has come again.
const FRESH_FOR_EACH_OLD: u32 = 4;

/// The messages that are not being worked on.
#[derive(Debug, Default)]
pub struct Waiting {
    fresh: VecDeque<(Id, u64)>,
    later: BinaryHeap<Reverse<(u64, Id, u64, Place)>>,
    streak: u32,
}

impl Waiting {
    /// Replaces the fresh ones by those that a look into queue/new found.
    pub fn replace_fresh(&mut self, mut found: Vec<(Id, u64)>) {
        found.sort_unstable();
        self.fresh = found.into();
    }

    /// Adds a message with its next attempt.
    pub fn add(&mut self, message: Listed) {
        self.later.push(Reverse((message.due, message.id, message.size, message.place)));
    }

    /// The next message to work on at `now` (seconds since 1970): fresh before old, yet old ones
    /// are not starved.
    pub fn next(&mut self, now: u64) -> Option<Listed> {
        let is_due = self.next_due().is_some_and(|due| due <= now);
        if is_due && (self.fresh.is_empty() || self.streak >= FRESH_FOR_EACH_OLD) {
            self.streak = 0;
            return self.later.pop().map(|Reverse((due, id, size, place))| Listed { id, size, place, due });
        }
        let (id, size) = self.fresh.pop_front()?;
        self.streak += 1;
        Some(Listed { id, size, place: Place::New, due: 0 })
    }

    /// When the next waiting message is due; `None` when none waits.
    pub fn next_due(&self) -> Option<u64> {
        self.later.peek().map(|Reverse((due, ..))| *due)
    }

    /// Whether fresh messages are to be read.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Takes out the messages that `is_wrong` says of.
    pub fn take_if(&mut self, is_wrong: impl Fn(&Listed) -> bool) -> Vec<Listed> {
        let mut taken = Vec::new();
        self.later.retain(|Reverse((due, id, size, place))| {
            let listed = Listed { id: *id, size: *size, place: *place, due: *due };
            let wrong = is_wrong(&listed);
            taken.extend(Some(listed).filter(|_| wrong));
            !wrong
        });
        taken
    }

    /// Makes every waiting message due now, whatever its file says.
    pub fn all_now(&mut self) {
        let all = std::mem::take(&mut self.later).into_vec();
        self.later = all.into_iter().map(|Reverse((_, id, size, place))| Reverse((0, id, size, place))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::Waiting;
    use stafett_queue_store::{Id, Listed, Place};

    #[test]
    fn fresh_mail_goes_first_but_does_not_starve_the_old() {
        let mut waiting = Waiting::default();
        waiting.replace_fresh((0..10).map(|n| (Id(n), 1)).collect());
        for id in [100, 101] {
            waiting.add(Listed { id: Id(id), size: 1, place: Place::Waiting, due: 50 });
        }
        let order: Vec<u64> = std::iter::from_fn(|| waiting.next(50)).map(|listed| listed.id.0).collect();
        assert_eq!(order, [0, 1, 2, 3, 100, 4, 5, 6, 7, 101, 8, 9]);
    }

    #[test]
    fn nothing_is_worked_on_before_its_time_but_an_alarm_makes_all_due() {
        let mut waiting = Waiting::default();
        waiting.add(Listed { id: Id(1), size: 1, place: Place::Waiting, due: 50 });
        assert!(waiting.next(49).is_none());
        waiting.all_now();
        assert!(waiting.next(49).is_some());
    }
}
