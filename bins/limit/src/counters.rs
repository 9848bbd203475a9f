//! The counts of this machine: for each kind of limit a table from key to [`Window`].
//!
//! What it does: kinds are told apart by the rule's identity, so that a count survives a change of the rule's number, action
//! or line. Keys are addresses, networks, accounts, senders: text, as the admin sees and names them.
//!
//! How it fails: not. There is room for [`MOST`] keys; beyond that the least valuable are forgotten, an eighth at once:
//! those that nothing counts any more, then those furthest below their limit.
//!
//! Known limits: 130 bytes for a key of usual length, so 35 MB when full.

use crate::window::{self, Window};
use std::collections::HashMap;

/// Keys at most.
pub const MOST: usize = 250_000;

/// A kind of limit, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind(usize);

/// All counts.
#[derive(Debug)]
pub struct Counters {
    kinds: Vec<Table>,
    held: usize,
    most: usize,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters { kinds: Vec::new(), held: 0, most: MOST }
    }
}

/// The counts of one kind.
#[derive(Debug)]
struct Table {
    identity: String,
    period: u64,
    /// What the limit is now, to tell which keys matter; 0 where no rule uses the kind.
    limit: u32,
    counts: HashMap<Box<str>, Window>,
}

/// One count, for people.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The rule's identity.
    pub identity: &'a str,
    /// Who.
    pub key: &'a str,
    /// How much.
    pub count: u64,
    /// Of how much; 0 where the rule is gone.
    pub limit: u32,
}

impl Counters {
    /// The kind of a rule, with its period in milliseconds.
    pub fn kind(&mut self, identity: &str, period: u64, limit: u32) -> Kind {
        if let Some(index) = self.kinds.iter().position(|table| table.identity == identity) {
            if let Some(table) = self.kinds.get_mut(index) {
                table.limit = limit;
            }
            return Kind(index);
        }
        self.kinds.push(Table { identity: identity.to_owned(), period, limit, counts: HashMap::new() });
        Kind(self.kinds.len() - 1)
    }

    /// Forgets which kinds are in use, before the rules are read again.
    pub fn disown(&mut self) {
        self.kinds.iter_mut().for_each(|table| table.limit = 0);
    }

    /// The count of a key.
    pub fn total(&self, kind: Kind, key: &str, now: u64) -> u64 {
        self.kinds.get(kind.0).map_or(0, |table| table.total(key, now))
    }

    /// Counts.
    pub fn add(&mut self, kind: Kind, key: &str, count: u32, now: u64) {
        if self.held >= self.most {
            self.make_room(now);
        }
        let Some(table) = self.kinds.get_mut(kind.0) else { return };
        let step = window::step(now, table.period);
        match table.counts.get_mut(key) {
            Some(window) => window.add(step, count),
            None => {
                let mut window = Window::default();
                window.add(step, count);
                table.counts.insert(key.into(), window);
                self.held += 1;
            }
        }
    }

    /// Takes back what was counted.
    pub fn take_back(&mut self, kind: Kind, key: &str, count: u32, now: u64) {
        if let Some(table) = self.kinds.get_mut(kind.0) {
            let step = window::step(now, table.period);
            table.counts.get_mut(key).into_iter().for_each(|window| window.take_back(step, count));
        }
    }

    /// Forgets all counts of a key; how many there were.
    pub fn reset(&mut self, key: &str) -> usize {
        let gone = self.kinds.iter_mut().filter_map(|table| table.counts.remove(key)).count();
        self.held -= gone;
        gone
    }

    /// Puts a window back that was kept elsewhere.
    pub fn restore(&mut self, kind: Kind, key: &str, window: Window) {
        if self.held < self.most
            && let Some(table) = self.kinds.get_mut(kind.0)
            && table.counts.insert(key.into(), window).is_none()
        {
            self.held += 1;
        }
    }

    /// Every kind: identity, period in milliseconds, and its windows by key.
    pub fn all(&self) -> impl Iterator<Item = (&str, u64, &HashMap<Box<str>, Window>)> {
        self.kinds.iter().map(|table| (table.identity.as_str(), table.period, &table.counts))
    }

    /// Every count that is not over.
    pub fn shown(&self, now: u64) -> impl Iterator<Item = Shown<'_>> {
        self.kinds.iter().flat_map(move |table| {
            let (identity, limit, step) = (table.identity.as_str(), table.limit, window::step(now, table.period));
            let counts = table.counts.iter().map(move |(key, window)| Shown { identity, key, count: window.total(step), limit });
            counts.filter(|shown| shown.count > 0)
        })
    }

    /// How many keys there are.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Forgets what nothing counts any more.
    pub fn sweep(&mut self, now: u64) {
        self.retain(now, |score| score > 0);
    }

    fn make_room(&mut self, now: u64) {
        self.sweep(now);
        let wanted = self.most - self.most / 8;
        if self.held <= wanted {
            return;
        }
        let mut scores: Vec<u64> = Vec::with_capacity(self.held);
        self.retain(now, |score| {
            scores.push(score);
            true
        });
        let mut excess = self.held - wanted;
        let border = *scores.select_nth_unstable(excess - 1).1;
        let below = scores.iter().filter(|score| **score < border).count();
        excess -= below;
        self.retain(now, |score| {
            let spare = score == border && excess > 0;
            excess -= usize::from(spare);
            score >= border && !spare
        });
    }

    /// A score is how far a count has come on the way to its limit, in millionths; 0 where it is over.
    fn retain(&mut self, now: u64, mut keep: impl FnMut(u64) -> bool) {
        for table in &mut self.kinds {
            let (step, limit) = (window::step(now, table.period), u64::from(table.limit));
            table.counts.retain(|_, window| match window.total(step) {
                0 => keep(0),
                total => keep((total * 1_000_000).checked_div(limit).unwrap_or(1)),
            });
        }
        self.held = self.kinds.iter().map(|table| table.counts.len()).sum();
    }
}

impl Table {
    fn total(&self, key: &str, now: u64) -> u64 {
        self.counts.get(key).map_or(0, |window| window.total(window::step(now, self.period)))
    }
}

#[cfg(test)]
#[path = "counters_test.rs"]
mod counters_test;
