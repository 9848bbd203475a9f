//! Destinations that wait for a connection: in which line each stands, and whose turn it is among the lines.
//!
//! Known limits: a destination that is forgotten leaves its place behind, until that comes to the front.

use std::collections::BTreeSet;

/// Of two lines that wait: connections for the first one, for each for the second.
const FOUR_TO_ONE: u32 = 4;

/// What a destination waits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Fresh mail, and it had no order since it came.
    New,
    /// More fresh mail.
    More,
    /// Mail for a user of whom nothing is known, while users cannot be looked up.
    Try,
    /// But messages that were tried before, and it takes mail.
    Retry,
    /// The same, and nothing is known of it.
    Unproven,
    /// The same, and it took long to fail.
    Slow,
}

const RETRIES: [Class; 3] = [Class::Retry, Class::Unproven, Class::Slow];

/// Where a destination stands, until it leaves.
pub type Place = (Class, i64);

/// The lines of one kind of destinations, in the order of their coming.
#[derive(Debug, Default)]
pub struct Lines {
    /// Places, each with a destination.
    places: BTreeSet<(Class, i64, u64)>,
    /// The first and the last place that was given away.
    ends: (i64, i64),
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
        self.leave(number, place);
        self.ends.1 += 1;
        self.take(number, (class, self.ends.1), place);
    }

    /// Puts a destination at the begin of a line: it had a connection that was none.
    pub fn join_first(&mut self, number: u64, class: Class, place: &mut Option<Place>) {
        self.leave(number, place);
        self.ends.0 -= 1;
        self.take(number, (class, self.ends.0), place);
    }

    fn take(&mut self, number: u64, (class, at): Place, place: &mut Option<Place>) {
        self.places.insert((class, at, number));
        *place = Some((class, at));
    }

    /// Takes a destination out of its line.
    pub fn leave(&mut self, number: u64, place: &mut Option<Place>) {
        if let Some((class, at)) = place.take() {
            self.places.remove(&(class, at, number));
        }
    }

    /// The first of a line behind a place, with its own place.
    pub fn next(&self, class: Class, behind: i64) -> Option<(i64, u64)> {
        self.places
            .range((class, behind.saturating_add(1), 0)..=(class, i64::MAX, u64::MAX))
            .next()
            .map(|(_, place, number)| (*place, *number))
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The lines, that whose turn it is first.
    pub fn turns(&self) -> [Class; 6] {
        let [retry, unproven, slow] = RETRIES;
        let [first, second] = if self.since_more >= FOUR_TO_ONE { [Class::More, Class::New] } else { [Class::New, Class::More] };
        if self.since_retry >= FOUR_TO_ONE {
            [retry, unproven, slow, first, second, Class::Try]
        } else {
            [first, second, Class::Try, retry, unproven, slow]
        }
    }

    /// One of that line has got a connection.
    pub fn given(&mut self, class: Class) {
        if RETRIES.contains(&class) {
            self.since_retry = 0;
            return;
        }
        self.since_retry = self.since_retry.saturating_add(1);
        self.since_more = if class == Class::More { 0 } else { self.since_more.saturating_add(1) };
    }
}

#[cfg(test)]
#[path = "lines_test.rs"]
mod lines_test;
