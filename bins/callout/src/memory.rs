//! What is known of recipients: who is there, who is not, and when that was said.
//!
//! A key is an address, or `@domain` for "its host takes everybody" (or, as a no, "it does not"), or `@@host` for a host that
//! cannot be asked, since the time that is noted. Both kinds are bounded: when half of the room is full the other half, which holds what is older, is given up.
//! Known limits: times are those of the wall clock, because they outlive the process; an entry from the future, after the
//! clock was set back, is as fresh as can be for a day and unknown beyond.

use std::collections::HashMap;
use std::time::Duration;

/// Recipients that are there, at most.
const MOST_VALID: usize = 200_000;
/// Recipients that are not, at most.
const MOST_UNKNOWN: usize = 50_000;
/// How far in the future an entry may lie, in seconds.
const CLOCK_STEP: u64 = 24 * 3600;

/// A point in time, in seconds since 1970.
pub type Seconds = u64;

/// What was said of somebody, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is there.
    Valid(Seconds),
    /// It is not.
    Unknown(Seconds),
    /// Nothing counts any more.
    Nothing,
}

/// Everything that is known.
#[derive(Debug)]
pub struct Memory {
    valid: Generations<Valid>,
    unknown: Generations<Unknown>,
}

/// A recipient that is there.
#[derive(Clone, Debug)]
struct Valid {
    said: Seconds,
    /// Who said so; nobody knows after a restart.
    by: Option<u64>,
}

/// A recipient that is not.
#[derive(Clone, Debug)]
struct Unknown {
    said: Seconds,
    /// Who said so; nobody knows after a restart.
    by: Option<u64>,
    reply: String,
}

/// What counts without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// It is there.
    Valid,
    /// It is not; the reply for the client.
    Unknown(&'a str),
}

impl Default for Memory {
    fn default() -> Self {
        Memory { valid: Generations::new(MOST_VALID), unknown: Generations::new(MOST_UNKNOWN) }
    }
}

impl Memory {
    /// Notes that a recipient is there.
    pub fn is_valid(&mut self, key: &str, said: Seconds, by: Option<u64>) {
        self.unknown.remove(key);
        self.valid.insert(key, Valid { said, by });
    }

    /// Notes that it is not; whether it was valid until now.
    pub fn is_unknown(&mut self, key: &str, said: Seconds, by: Option<u64>, reply: &str) -> bool {
        self.unknown.insert(key, Unknown { said, by, reply: reply.to_owned() });
        self.valid.remove(key)
    }

    /// Forgets a recipient; whether anything was known.
    pub fn forget(&mut self, key: &str) -> bool {
        let was_valid = self.valid.remove(key);
        self.unknown.remove(key) || was_valid
    }

    /// What `by` has said of it so lately that it need not be asked again.
    pub fn known(&self, key: &str, now: Seconds, by: u64, yes: Duration, no: Duration) -> Option<Known<'_>> {
        if let Some(valid) = self.valid.find(key)
            && valid.by.is_none_or(|said_by| said_by == by)
            && is_within(valid.said, now, yes)
        {
            return Some(Known::Valid);
        }
        let unknown = self.unknown.find(key).filter(|unknown| unknown.by == Some(by) && is_within(unknown.said, now, no));
        unknown.map(|unknown| Known::Unknown(&unknown.reply))
    }

    /// Whether it was there the last time that somebody could be asked, no longer ago than that.
    pub fn was_valid(&self, key: &str, now: Seconds, remember: Duration) -> bool {
        self.valid.find(key).is_some_and(|valid| is_within(valid.said, now, remember))
    }

    /// The same of one that was not there.
    pub fn was_unknown(&self, key: &str, now: Seconds, refuse: Duration) -> bool {
        self.unknown.find(key).is_some_and(|unknown| is_within(unknown.said, now, refuse))
    }

    /// When a host went away that is away; the time of what is remembered stands still meanwhile.
    pub fn away_since(&self, host: &str) -> Option<Seconds> {
        self.valid.find(host).map(|away| away.said)
    }

    /// How many lines it takes to write down what is to outlive the process.
    pub fn count(&self) -> usize {
        self.valid.len() + self.unknown.len()
    }

    /// All that is to outlive the process: when it was said, and of whom.
    pub fn all(&self) -> impl Iterator<Item = (Said, &str)> {
        let unknown = self.unknown.iter().filter(|(key, _)| !key.starts_with('@'));
        let unknown = unknown.map(|(key, unknown)| (Said::Unknown(unknown.said), key));
        self.valid.iter().map(|(key, valid)| (Said::Valid(valid.said), key)).chain(unknown)
    }
}

/// Whether something that was said then still counts.
pub fn is_within(said: Seconds, now: Seconds, lifetime: Duration) -> bool {
    said <= now.saturating_add(CLOCK_STEP) && now.saturating_sub(said) < lifetime.as_secs()
}

/// A table in two halves; the older one is dropped when the younger is full.
#[derive(Debug)]
struct Generations<V> {
    young: HashMap<String, V>,
    old: HashMap<String, V>,
    half: usize,
}

impl<V> Generations<V> {
    fn new(most: usize) -> Self {
        Generations { young: HashMap::new(), old: HashMap::new(), half: most / 2 }
    }

    fn insert(&mut self, key: &str, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(key);
        self.young.insert(key.to_owned(), value);
    }

    fn find(&self, key: &str) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn remove(&mut self, key: &str) -> bool {
        let was_young = self.young.remove(key).is_some();
        self.old.remove(key).is_some() || was_young
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// The older half first, so that a table filled in this order has the same halves.
    fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.old.iter().chain(&self.young).map(|(key, value)| (key.as_str(), value))
    }
}

#[cfg(test)]
#[path = "memory_test.rs"]
mod memory_test;
