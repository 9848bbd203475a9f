//! When a message is tried again: qmail's times, spread a little, and within the life of its recipients.
//!
//! The times of qmail are the earliest, but for the last: that is when the life of a recipient ends. What failed together would
//! come together again with them, at every attempt; so each attempt is put off by up to an eighth of its interval, by a number
//! that is made from the id and the count of attempts.
//! The same message gets the same times whoever computes them, so nothing about them needs to be remembered.

use crate::message::Message;
use crate::pace::{Step, latest_attempt, next_attempt};
use crate::scheduler::{Scheduler, domain, now};
use crate::waiting::{FORCED, WOKEN};
use stafett_queue_store::Id;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// An attempt is put off by its interval divided by this at most.
pub(crate) const SPREAD: u64 = 8;

/// The attempt after the one that ended at `tried`, the `attempts`th, in seconds since 1970.
pub(crate) fn attempt_after(id: Id, step: Step, attempts: u32, tried: u64) -> u64 {
    let base = next_attempt(id.birth_seconds(), tried, step);
    base + spread(id, attempts, base - tried)
}

/// By how many seconds an attempt is put off whose interval is that long.
fn spread(id: Id, attempts: u32, interval: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, attempts).hash(&mut hasher);
    hasher.finish() % (interval / SPREAD + 1)
}

impl Scheduler {
    /// When a message whose pass has ended is tried next.
    pub(crate) fn next_pass(&self, message: &Message) -> u64 {
        let now = now();
        let of_all = || [Step::Local, Step::Remote].into_iter().filter_map(|step| self.attempt_of_all(message, step, now)).min();
        let of_each = || message.waiting().filter_map(|index| self.attempt_of(message, index, now)).filter(|due| *due > now).min();
        let scheduled = match message.resting_until {
            None => of_all().unwrap_or_else(|| attempt_after(message.id, Step::Remote, 0, now)),
            Some(rest) => of_each().map_or(rest, |due| due.min(rest)),
        };
        // Whose life ends before, also while its destination is left alone, fails then and not hours later.
        let last = message.waiting().map(|index| self.last_attempt(message, index)).filter(|last| *last > now).min();
        // A pause that was set while the clock was ahead must not last until then.
        scheduled.max(message.not_before).min(last.unwrap_or(u64::MAX)).min(latest_attempt(message.id.birth_seconds(), now))
    }

    /// Lets those recipients rest whose time has not come, in a pass that is early because a bounce could not be queued, because
    /// users of this host are tried more often than other hosts, because the life of others ends, or because the destination of
    /// others was asked for; `due` is what the line said of the message. Returns those that are to be tried.
    pub(crate) fn let_rest(&self, message: &mut Message, due: u64) -> Vec<usize> {
        let waiting: Vec<usize> = message.waiting().collect();
        let is_woken = due == WOKEN.into();
        if due == FORCED.into() || !(is_woken || message.untold().next().is_some() || self.is_mixed(message, &waiting)) {
            return waiting;
        }
        let asked_for = if is_woken { self.asked_for(message, &waiting) } else { HashSet::new() };
        if !waiting.is_empty() && asked_for.len() == waiting.len() {
            return waiting;
        }
        let now = now();
        // Whose earliest time has come goes along: the spread is for messages, and would have each recipient tried alone.
        let is_early = |index: usize| self.earliest_of(message, index).is_some_and(|due| due > now);
        let is_resting = |index: &usize| !asked_for.contains(index) && self.last_attempt(message, *index) > now && is_early(*index);
        let (resting, tried): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(is_resting);
        message.resting_until = resting.into_iter().filter_map(|index| self.attempt_of(message, index, now)).min();
        tried
    }

    /// The next attempt of those waiting recipients of that kind that were all tried in the pass that ends `now`.
    fn attempt_of_all(&self, message: &Message, step: Step, now: u64) -> Option<u64> {
        let waiting = || message.waiting().filter(|index| self.step(message, *index) == step);
        let standings = waiting().filter_map(|index| message.standings.get(index));
        let attempts = standings.map(|standing| standing.deferrals).max()?;
        Some(attempt_after(message.id, step, attempts, now))
    }

    /// The next attempt of a recipient by its own last one; `None` for one that was never tried.
    fn attempt_of(&self, message: &Message, index: usize, now: u64) -> Option<u64> {
        let standing = message.standings.get(index)?;
        standing.event?;
        Some(attempt_after(message.id, self.step(message, index), standing.deferrals, standing.time.min(now)))
    }

    /// The earliest next attempt of a recipient by its own last one; `None` for one that was never tried.
    fn earliest_of(&self, message: &Message, index: usize) -> Option<u64> {
        let standing = message.standings.get(index)?;
        standing.event?;
        Some(next_attempt(message.id.birth_seconds(), standing.time.min(now()), self.step(message, index)))
    }

    fn step(&self, message: &Message, index: usize) -> Step {
        let is_local = self.settings.is_local(message.address(index), message.standings.get(index));
        if is_local { Step::Local } else { Step::Remote }
    }

    /// Whether some of them have other times: users of this host beside others, or those in a domain with a lifetime of its own.
    fn is_mixed(&self, message: &Message, waiting: &[usize]) -> bool {
        let mut times = waiting.iter().map(|index| (self.step(message, *index), self.life_end(message, *index)));
        let first = times.next();
        times.any(|time| Some(time) != first)
    }

    /// When a recipient is tried for the last time: its life is over then.
    fn last_attempt(&self, message: &Message, index: usize) -> u64 {
        self.life_end(message, index).saturating_add(1)
    }

    /// Where the life of a recipient ends.
    pub(crate) fn life_end(&self, message: &Message, index: usize) -> u64 {
        let domain = domain(message.address(index)).unwrap_or_default();
        message.id.birth_seconds().saturating_add(self.settings.lifetime_of(&message.envelope.sender, domain))
    }
}

#[cfg(test)]
#[path = "schedule_test.rs"]
mod schedule_test;
