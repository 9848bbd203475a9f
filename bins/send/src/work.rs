//! What waits in memory for one destination: fresh mail before what was tried before, yet neither starves the other.

use stafett_queue_store::Id;
use std::collections::VecDeque;

/// Pieces of fresh work that are taken for each one that was tried before.
const FRESH_FOR_EACH_OLD: u32 = 4;

/// Recipients of one message for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The message.
    pub id: Id,
    /// The recipients' numbers in its envelope, not empty.
    pub recipients: Vec<usize>,
    /// Whether the message was tried before.
    pub is_old: bool,
}

/// The work of one destination.
#[derive(Debug, Default)]
pub struct Queued {
    fresh: VecDeque<Work>,
    old: VecDeque<Work>,
    streak: u32,
}

impl Queued {
    /// Puts a piece at the end of those of its kind.
    pub fn push(&mut self, work: Work) {
        let queue = if work.is_old { &mut self.old } else { &mut self.fresh };
        queue.push_back(work);
    }

    /// Takes the next piece.
    pub fn take(&mut self) -> Option<Work> {
        if self.is_old() {
            self.streak = 0;
            return self.old.pop_front();
        }
        self.streak += 1;
        self.fresh.pop_front()
    }

    /// The piece that [`Queued::take`] takes next.
    pub fn peek(&self) -> Option<&Work> {
        if self.is_old() { self.old.front() } else { self.fresh.front() }
    }

    /// Whether any piece is of a message that was not tried before.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Whether the next piece was tried before.
    fn is_old(&self) -> bool {
        !self.old.is_empty() && (self.fresh.is_empty() || self.streak >= FRESH_FOR_EACH_OLD)
    }

    /// How many pieces there are.
    pub fn len(&self) -> usize {
        self.fresh.len() + self.old.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All pieces.
    pub fn iter(&self) -> impl Iterator<Item = &Work> {
        self.fresh.iter().chain(&self.old)
    }

    /// Takes out what is of a message; says of how many recipients.
    pub fn withdraw(&mut self, id: Id) -> usize {
        let mut recipients = 0;
        for queue in [&mut self.fresh, &mut self.old] {
            queue.retain(|work| {
                recipients += if work.id == id { work.recipients.len() } else { 0 };
                work.id != id
            });
        }
        recipients
    }
}

#[cfg(test)]
mod tests {
    use super::{Queued, Work};
    use stafett_queue_store::Id;

    #[test]
    fn fresh_work_goes_first_and_does_not_starve_the_old() {
        let mut queued = Queued::default();
        for (id, is_old) in [(1, true), (2, true), (11, false), (12, false), (13, false), (14, false), (15, false)] {
            queued.push(Work { id: Id(id), recipients: vec![0], is_old });
        }
        assert_eq!((queued.withdraw(Id(12)), queued.len()), (1, 6));
        let order: Vec<u64> = std::iter::from_fn(|| queued.take()).map(|work| work.id.0).collect();
        assert_eq!(order, [11, 13, 14, 15, 1, 2]);
    }
}
