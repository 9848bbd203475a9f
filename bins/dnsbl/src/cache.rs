//! What is known of the DNS, for as long as it says.
//!
//! Two generations of a bounded size: what is young becomes old when there is no more room, and what was old and not asked
//! for again is forgotten. So memory is bounded, and nobody walks over the entries.
//! Known limits: 2 × [`GENERATION`] entries of 150 to 400 bytes, about 12 MiB when full.

use stafett_dns::{Kind, Outcome, Question, Timed};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Entries of a generation.
pub const GENERATION: usize = 16_384;
/// The longest life of an entry.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest life of "there is none" (RFC 2308 §5 has one to three hours).
const HOUR: Duration = Duration::from_secs(3600);
/// Its life where the server does not say.
const MINUTE: Duration = Duration::from_secs(60);
/// How long a failure is remembered, where that spares the next client a wait (RFC 2308 §7.1 allows five minutes).
const FAILURE: Duration = Duration::from_secs(30);

/// Outcomes by question.
#[derive(Debug, Default)]
pub struct Cache {
    young: HashMap<Question, Entry>,
    old: HashMap<Question, Entry>,
}

#[derive(Debug)]
struct Entry {
    outcome: Outcome,
    until: Instant,
}

impl Cache {
    /// What is known and still true.
    pub fn known(&mut self, question: &Question, now: Instant) -> Option<&Outcome> {
        if !self.young.contains_key(question)
            && let Some((question, entry)) = self.old.remove_entry(question)
        {
            self.insert(question, entry);
        }
        self.young.get(question).filter(|entry| entry.until > now).map(|entry| &entry.outcome)
    }

    /// Remembers an outcome for as long as it may be.
    pub fn remember(&mut self, question: Question, timed: &Timed, now: Instant) {
        if let Some(life) = life(question.kind, timed) {
            self.insert(question, Entry { outcome: timed.outcome.clone(), until: now + life });
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    fn insert(&mut self, question: Question, entry: Entry) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(question, entry);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// How long an outcome counts; nothing when it does not beyond its question. A list that fails is left out as a whole, so
/// failures are kept of the other kinds alone.
fn life(kind: Kind, timed: &Timed) -> Option<Duration> {
    let life = match (&timed.outcome, kind) {
        (Outcome::Answer(_), _) => timed.lifetime.unwrap_or(MINUTE).min(DAY),
        (Outcome::NoSuchName | Outcome::NoData, _) => timed.lifetime.unwrap_or(MINUTE).min(HOUR),
        (Outcome::Temporary(_), Kind::A | Kind::Txt) => return None,
        (Outcome::Temporary(_), _) => FAILURE,
    };
    (!life.is_zero()).then_some(life)
}

#[cfg(test)]
#[path = "cache_test.rs"]
mod cache_test;
