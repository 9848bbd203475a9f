//! Where answers come from: what is known already, or the network.
//!
//! How it fails: a question that nobody answers has a temporary outcome, and its list is left out from then on. A lock that
//! a thread died with is taken all the same: what is below it is whole after every step.

use crate::cache::Cache;
use crate::health::{Change, Fault, Health, listing};
use stafett_dns::{Failure, Outcome, Question, Reason, Resolver, Timed};
use stafett_log::Log;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A question, and the zone of the list that it is put to.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// The list; none where it is put to the DNS at large.
    pub zone: Option<Arc<str>>,
}

/// Somebody who answers questions.
pub trait Asking {
    /// The outcomes in the order of the questions; nothing when that would take longer than this one may.
    fn ask(&mut self, asked: &[Asked]) -> Option<Vec<Outcome>>;
}

/// What all look-ups share.
#[derive(Debug)]
pub struct Memory {
    log: Log,
    cache: Mutex<Cache>,
    health: Mutex<Health>,
}

/// Answers at once or not at all.
#[derive(Debug)]
pub struct FromMemory<'a>(pub &'a Memory);

/// Answers by the deadline.
#[derive(Debug)]
pub struct FromNetwork<'a> {
    /// What is known, and remembers what comes.
    pub memory: &'a Memory,
    /// Whom to ask.
    pub resolver: &'a Resolver,
    /// When the answers must be there.
    pub deadline: Instant,
}

impl Memory {
    /// Nothing is known yet.
    pub fn new(log: Log) -> Memory {
        Memory { log, cache: Mutex::default(), health: Mutex::default() }
    }

    /// Forgets everything.
    pub fn forget(&self) {
        hold(&self.cache).clear();
        self.keep_lists(|_| false);
    }

    /// Forgets the state of lists that are not asked any more.
    pub fn keep_lists(&self, is_asked: impl Fn(&str) -> bool) {
        hold(&self.health).keep(is_asked);
    }

    /// When the next list that is left out is to be tried again.
    pub fn next_probe(&self) -> Option<Instant> {
        hold(&self.health).next()
    }

    /// The lists to be tried again now.
    pub fn probes(&self, now: Instant) -> Vec<Asked> {
        let due = hold(&self.health).due(now);
        due.into_iter().map(|(zone, question)| Asked { question, zone: Some(zone) }).collect()
    }

    /// Lists could not be tried again.
    pub fn unasked<'a>(&self, zones: impl Iterator<Item = &'a Arc<str>>, now: Instant) {
        let mut health = hold(&self.health);
        zones.for_each(|zone| health.unasked(zone, now));
    }

    /// Asks lists that are left out whether they are back.
    pub fn probe(&self, probes: &[Asked], resolver: &Resolver, within: Duration) {
        let outcomes = ask(resolver, probes.iter(), within);
        probes.iter().zip(&outcomes).for_each(|(asked, timed)| self.learn(asked, timed));
    }

    /// What is known of each question; what a list that is left out would have said counts as a failure.
    fn known(&self, asked: &[Asked], now: Instant) -> Vec<Option<Outcome>> {
        let (mut cache, health) = (hold(&self.cache), hold(&self.health));
        let known = |one: &Asked| {
            let outcome = cache.known(&one.question, now).cloned();
            outcome.or_else(|| one.zone.as_ref().filter(|zone| health.is_ill(zone)).map(|_| left_out()))
        };
        asked.iter().map(known).collect()
    }

    fn learn(&self, asked: &Asked, timed: &Timed) {
        let now = Instant::now();
        if let Some(zone) = &asked.zone {
            let change = hold(&self.health).take(zone, &asked.question, listing(&timed.outcome), now);
            self.tell(zone, change);
        }
        hold(&self.cache).remember(asked.question.clone(), timed, now);
    }

    fn tell(&self, zone: &str, change: Option<Change>) {
        match change {
            None => {}
            Some(Change::Fails(fault @ Fault::Silent(_))) => {
                self.log.warning(format_args!("the list {zone} is left out for now: {fault}"));
            }
            Some(Change::Fails(fault)) => self.log.error(format_args!("the list {zone} is left out for now: {fault}")),
            Some(Change::Serves(seconds)) => {
                self.log.note(format_args!("the list {zone} serves again, after {seconds} seconds"));
            }
        }
    }
}

impl Asking for FromMemory<'_> {
    fn ask(&mut self, asked: &[Asked]) -> Option<Vec<Outcome>> {
        self.0.known(asked, Instant::now()).into_iter().collect()
    }
}

impl Asking for FromNetwork<'_> {
    fn ask(&mut self, asked: &[Asked]) -> Option<Vec<Outcome>> {
        let now = Instant::now();
        let known = self.memory.known(asked, now);
        let open = asked.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(asked, _)| asked);
        // a list that is silent must not take the time of what the others have led to
        let within = self.deadline.saturating_duration_since(now) * 3 / 4;
        let mut answers = ask(self.resolver, open, within).into_iter();
        let outcomes = asked.iter().zip(known).map(|(asked, known)| match known {
            Some(outcome) => outcome,
            None => {
                let timed = answers.next().unwrap_or_else(|| Timed { outcome: left_out(), lifetime: None, secure: false });
                self.memory.learn(asked, &timed);
                timed.outcome
            }
        });
        Some(outcomes.collect())
    }
}

fn ask<'a>(resolver: &Resolver, asked: impl Iterator<Item = &'a Asked>, within: Duration) -> Vec<Timed> {
    let questions: Vec<Question> = asked.map(|asked| asked.question.clone()).collect();
    if questions.is_empty() { Vec::new() } else { resolver.ask_all_timed(&questions, within) }
}

fn left_out() -> Outcome {
    Outcome::Temporary(Failure { server: None, reason: Reason::Timeout })
}

fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
