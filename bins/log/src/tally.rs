//! Counting things whose number of kinds nobody bounds, in bounded memory.
//!
//! Known limits: beyond [`MOST`] kinds the rarest are put together as others, so that a frequent
//! one that comes late is still seen; its count then lacks what came before.

use std::collections::HashMap;

/// Kinds that are counted one by one.
const MOST: usize = 10_000;

/// Something that can be given up, the least first.
pub trait Weight {
    /// How much it stands for.
    fn weight(&self) -> u64;
}

impl Weight for u64 {
    fn weight(&self) -> u64 {
        *self
    }
}

/// What is known of each kind.
#[derive(Debug, Default)]
pub struct Tally<T> {
    kinds: HashMap<String, T>,
    others: u64,
}

impl<T: Weight + Default> Tally<T> {
    /// What is known of this kind.
    pub fn entry(&mut self, kind: &str) -> &mut T {
        if !self.kinds.contains_key(kind) {
            if self.kinds.len() >= MOST {
                self.give_up_half();
            }
            self.kinds.insert(kind.to_owned(), T::default());
        }
        self.kinds.entry(kind.to_owned()).or_default()
    }

    /// All kinds, in the order of their names.
    pub fn kinds(&self) -> Vec<(&str, &T)> {
        let mut kinds: Vec<(&str, &T)> = self.kinds.iter().map(|(name, one)| (name.as_str(), one)).collect();
        kinds.sort_by_key(|(name, _)| *name);
        kinds
    }

    /// What those that were given up stood for.
    pub fn others(&self) -> u64 {
        self.others
    }

    fn give_up_half(&mut self) {
        let mut weights: Vec<u64> = self.kinds.values().map(Weight::weight).collect();
        weights.sort_unstable();
        let middle = weights.get(weights.len() / 2).copied().unwrap_or_default();
        let mut room = self.kinds.len() / 2;
        self.kinds.retain(|_, one| {
            let goes = one.weight() <= middle && room > 0;
            if goes {
                room -= 1;
                self.others += one.weight();
            }
            !goes
        });
    }
}

impl Tally<u64> {
    /// Counts one.
    pub fn count(&mut self, kind: &str) {
        *self.entry(kind) += 1;
    }

    /// The most frequent ones.
    pub fn top(&self, most: usize) -> Vec<(&str, u64)> {
        let mut kinds: Vec<(&str, u64)> = self.kinds().into_iter().map(|(name, count)| (name, *count)).collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kinds.truncate(most);
        kinds
    }

    /// How many kinds there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.kinds.values().sum::<u64>() + self.others
    }
}

/// How long something took, many times: counted in steps of a tenth.
#[derive(Debug, Default)]
pub struct Delays {
    steps: Vec<u32>,
    count: u64,
    longest: i64,
}

/// The first step ends at a thousandth of a second.
const FIRST: f64 = 1000.0;
const RATIO: f64 = 1.1;
/// The last step is above a hundred days.
const MOST_STEPS: usize = 260;

impl Delays {
    /// Counts one, in microseconds.
    pub fn count(&mut self, microseconds: i64) {
        let step = step(microseconds);
        if self.steps.len() <= step {
            self.steps.resize(step + 1, 0);
        }
        if let Some(count) = self.steps.get_mut(step) {
            *count = count.saturating_add(1);
        }
        self.count += 1;
        self.longest = self.longest.max(microseconds);
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.count
    }

    /// The longest, in microseconds.
    pub fn longest(&self) -> i64 {
        self.longest
    }

    /// The time, in microseconds, that so many of a hundred did not exceed; up to a tenth too long.
    pub fn percentile(&self, percent: u64) -> i64 {
        let wanted = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        for (step, count) in self.steps.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return upper_end(step).min(self.longest);
            }
        }
        self.longest
    }
}

impl Weight for Delays {
    fn weight(&self) -> u64 {
        self.count
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a small number of steps; an estimate anyway"
)]
fn step(microseconds: i64) -> usize {
    let steps = (microseconds.max(1) as f64 / FIRST).ln() / RATIO.ln();
    (steps.ceil().max(0.0) as usize).min(MOST_STEPS)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most a few months; an estimate anyway")]
fn upper_end(step: usize) -> i64 {
    (FIRST * RATIO.powf(step as f64)).round() as i64
}

#[cfg(test)]
#[path = "tally_test.rs"]
mod tests;
