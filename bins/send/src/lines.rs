//! Destinations that wait for a connection: in which line each stands, and whose turn it is among the lines.
//!
//! Known limits: a destination that is forgotten leaves its place behind, until that comes to the front.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Of two lines that wait: connections for the first one, for each for the second.
const FOUR_TO_ONE: u32 = 4;

/// What a destination waits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Fresh mail, and it had no order since it came.
    New,
    /// More fresh mail.
    More,
    /// But messages that were tried before.
    Retries,
}

/// Where a destination stands, until it leaves.
pub type Place = (Class, u64);

/// The lines of one kind of destinations, in the order of their coming.
#[derive(Debug, Default)]
pub struct Lines {
    new: BTreeMap<u64, u64>,
    more: BTreeMap<u64, u64>,
    retries: BTreeMap<u64, u64>,
    last: u64,
    /// Connections for new ones since the last for one with more.
    since_more: u32,
    /// Connections for those with fresh mail since the last for a retry.
    since_retry: u32,
}

impl Lines {
    /// Puts a destination at the end of a line; one that stands in it keeps its place.
    pub fn join(&mut self, number: u64, class: Class, place: &mut Option<Place>) {
        if place.is_some_and(|(of, _)| of == class) {
            return;
        }
        self.leave(place);
        self.last += 1;
        let last = self.last;
        self.line(class).insert(last, number);
        *place = Some((class, last));
    }

    /// Takes a destination out of its line.
    pub fn leave(&mut self, place: &mut Option<Place>) {
        if let Some((class, at)) = place.take() {
            self.line(class).remove(&at);
        }
    }

    /// The first of a line behind a place, with its own place.
    pub fn next(&mut self, class: Class, behind: u64) -> Option<(u64, u64)> {
        let rest = (Bound::Excluded(behind), Bound::Unbounded);
        self.line(class).range(rest).next().map(|(place, number)| (*place, *number))
    }

    /// The last place that was given away.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.more.is_empty() && self.retries.is_empty()
    }

    /// The lines, that whose turn it is first.
    pub fn turns(&self) -> [Class; 3] {
        match (self.since_retry >= FOUR_TO_ONE, self.since_more >= FOUR_TO_ONE) {
            (false, false) => [Class::New, Class::More, Class::Retries],
            (false, true) => [Class::More, Class::New, Class::Retries],
            (true, false) => [Class::Retries, Class::New, Class::More],
            (true, true) => [Class::Retries, Class::More, Class::New],
        }
    }

    /// One of that line has got a connection.
    pub fn given(&mut self, class: Class) {
        let (more, retry) = match class {
            Class::New => (self.since_more.saturating_add(1), self.since_retry.saturating_add(1)),
            Class::More => (0, self.since_retry.saturating_add(1)),
            Class::Retries => (self.since_more, 0),
        };
        (self.since_more, self.since_retry) = (more, retry);
    }

    fn line(&mut self, class: Class) -> &mut BTreeMap<u64, u64> {
        match class {
            Class::New => &mut self.new,
            Class::More => &mut self.more,
            Class::Retries => &mut self.retries,
        }
    }
}

#[cfg(test)]
#[path = "lines_test.rs"]
mod lines_test;
