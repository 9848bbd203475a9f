//! Everything that is shared: what is known, who waits for what, and what is being looked up.
//!
//! One lock around all of it, never held while a host is waited for. A policy at hand is answered with at once, and looked
//! after behind it; only a domain that nothing is known of keeps its caller waiting.
//! Security stance: those who wait and what is in line are bounded. What nothing is known of goes before what is looked at
//! again, so that the many policies at hand hold up no mail; now and then it is the other way round, so that a crowd of new
//! domains lets no policy expire.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stafett_ask::{Answer, Question, Verdict};
use stafett_log::{Log, safe};
use stafett_sts::{Known, Mode, Policy};

use crate::disk::Disk;
use crate::fetch::Found;
use crate::memory::{Kept, Memory, Seconds, Without};

/// Look-ups under way and in line.
const MOST_OPEN: usize = 2000;
/// Callers that wait at once; each holds a descriptor.
const MOST_WAITING: usize = 3000;
/// How long a caller is kept waiting; stafett-remote waits a little longer.
const WAIT: Duration = Duration::from_secs(15);
/// How long a record that was looked at counts.
const LOOKED: Duration = Duration::from_secs(600);
/// How long it counts for whoever says that a host did not keep the policy.
const LOOKED_LATELY: Duration = Duration::from_secs(60);
/// How long a host that did not give its policy is left alone (RFC 8461 §3.3: five minutes or longer).
const RETRY: Duration = Duration::from_secs(300);
/// How long a domain whose record cannot be had counts as without a policy.
const UNSURE: Duration = Duration::from_secs(60);
/// One look-up in so many is again one of a policy at hand, though others wait.
const AGAIN: usize = 4;
/// How often policies that are old or have expired are looked for.
const SWEEP: Duration = Duration::from_secs(30);

/// What is shared.
#[derive(Debug)]
pub struct State {
    log: Log,
    memory: Memory,
    disk: Disk,
    open: HashMap<String, Vec<Waiting>>,
    /// Domains without a policy.
    line: VecDeque<String>,
    /// Domains whose policy is at hand.
    again: VecDeque<String>,
    /// Look-ups that were begun.
    begun: usize,
    waiting: usize,
    /// Threads at work.
    pub threads: usize,
    next_sweep: Instant,
}

/// A caller that waits.
#[derive(Debug)]
struct Waiting {
    question: Question,
    is_tested: bool,
    until: Instant,
}

impl State {
    /// With what is remembered.
    pub fn new(log: Log, memory: Memory, disk: Disk) -> State {
        let (open, line, again) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        State { log, memory, disk, open, line, again, begun: 0, waiting: 0, threads: 0, next_sweep: Instant::now() }
    }

    /// Answers a question, or keeps it until something is known. `is_tested`: what is enforced is only tested.
    pub fn take(&mut self, question: Question, domain: &str, is_tested: bool) {
        if let Some(known) = self.known(domain) {
            return question.answer(&answer(known, is_tested));
        }
        if self.waiting >= MOST_WAITING || !self.look_after(domain) {
            return question.answer(&Answer::new(Verdict::Temporary, "too many policies are being fetched"));
        }
        self.waiting += 1;
        let waiting = Waiting { question, is_tested, until: Instant::now() + WAIT };
        self.open.entry(domain.to_owned()).or_default().push(waiting);
    }

    /// What is known; a record that was not looked at for long is looked at again.
    fn known(&mut self, domain: &str) -> Option<Known> {
        let (now, at) = (clock(), Instant::now());
        if let Some(kept) = self.memory.policy(domain, now) {
            kept.asked += 1;
            kept.last_asked = at;
            let (is_due, known) = (kept.next_look <= at, told(kept, now));
            if is_due {
                self.look_after(domain);
            }
            return Some(known);
        }
        let without = self.memory.without(domain, at)?;
        Some(Known { trouble: without.trouble.clone(), ..Known::nothing(without.words.clone()) })
    }

    /// A host did not keep the policy: perhaps there is a new one (RFC 8461 §5.1).
    pub fn failed(&mut self, domain: &str) {
        let at = Instant::now();
        let kept = self.memory.policy(domain, clock());
        if kept.is_some_and(|kept| kept.next_look.saturating_duration_since(at) <= LOOKED - LOOKED_LATELY) {
            self.look_after(domain);
        }
    }

    /// Forgets a domain; whether anything was known.
    pub fn forget(&mut self, domain: &str) -> bool {
        self.disk.remove(domain);
        self.memory.forget(domain)
    }

    /// Puts a domain in line, unless it is there; whether there was room.
    fn look_after(&mut self, domain: &str) -> bool {
        let is_new = self.memory.policy(domain, clock()).is_none();
        if self.open.contains_key(domain) {
            self.hurry(domain, is_new);
            return true;
        }
        if self.open.len() >= MOST_OPEN {
            return false;
        }
        self.open.insert(domain.to_owned(), Vec::new());
        if is_new { &mut self.line } else { &mut self.again }.push_back(domain.to_owned());
        true
    }

    /// What has expired while it was in line to be looked at again is new.
    fn hurry(&mut self, domain: &str, is_new: bool) {
        let place = is_new.then(|| self.again.iter().position(|other| other == domain)).flatten();
        self.line.extend(place.and_then(|place| self.again.remove(place)));
    }

    /// The next in line, with the id of its policy where that need not be fetched again.
    pub fn next(&mut self) -> Option<(String, Option<String>)> {
        let is_turn = self.begun % AGAIN == AGAIN - 1;
        let lines = if is_turn { [&mut self.again, &mut self.line] } else { [&mut self.line, &mut self.again] };
        let domain = lines.into_iter().find_map(VecDeque::pop_front)?;
        self.begun = self.begun.wrapping_add(1);
        let now = clock();
        let known = self.memory.policy(&domain, now).filter(|kept| !kept.is_old(now)).map(|kept| kept.id.clone());
        Some((domain, known))
    }

    /// How many wait in line.
    pub fn in_line(&self) -> usize {
        self.line.len() + self.again.len()
    }

    /// Takes what was found, and tells those who wait.
    pub fn found(&mut self, domain: &str, found: Found) {
        match found {
            Found::Policy { id, policy } => self.take_policy(domain, id, policy),
            Found::Same => self.put_off(domain, LOOKED, None),
            Found::Nothing(lifetime) => self.has_none(domain, lifetime, None, "the domain announces no policy".to_owned()),
            Found::Unsure(words) => {
                self.has_none(domain, UNSURE, None, format!("unable to find out whether the domain has a policy: {words}"));
            }
            Found::Trouble { result, words } => {
                let words = format!("the domain announces a policy that cannot be had: {}", safe(words.as_bytes()));
                self.has_none(domain, RETRY, Some(result), words);
            }
        }
        self.tell_waiting(domain);
    }

    /// A policy counts until it expires, whether or not its record or its host is there (RFC 8461 §5.1).
    fn has_none(&mut self, domain: &str, lifetime: Duration, trouble: Option<&str>, words: String) {
        let now = Instant::now();
        if let Some(kept) = self.memory.policy(domain, clock()) {
            if trouble.is_some() && kept.trouble.is_none() {
                let left = kept.expires().saturating_sub(clock());
                self.log.warning(format_args!("domain {domain}: {words}; the one of id {} counts for another {left} seconds", kept.id));
            }
            return self.put_off(domain, lifetime, trouble);
        }
        let until = now + lifetime;
        self.memory.keep_without(domain, Without { until, trouble: trouble.map(str::to_owned), words }, now);
    }

    fn put_off(&mut self, domain: &str, lifetime: Duration, trouble: Option<&str>) {
        if let Some(kept) = self.memory.policy(domain, clock()) {
            kept.next_look = Instant::now() + lifetime;
            kept.trouble = trouble.map(str::to_owned);
        }
    }

    fn take_policy(&mut self, domain: &str, id: String, policy: Policy) {
        let old = self.memory.policy(domain, clock()).cloned();
        if old.as_ref().is_none_or(|old| old.policy != policy) {
            let weaker = if old.as_ref().is_some_and(|old| policy.is_weaker_than(&old.policy)) { ", weaker than before" } else { "" };
            let (mode, age, mx) = (policy.mode, policy.max_age, policy.mx.join(","));
            self.log.line(format_args!("domain {domain}: policy mode={mode} id={id} max_age={age} mx={mx}{weaker}"));
        }
        let mut kept = Kept::new(id, policy, clock(), old.as_ref().map_or(1, |old| old.asked));
        kept.last_asked = old.map_or(kept.last_asked, |old| old.last_asked);
        kept.next_look += LOOKED;
        self.disk.write(domain, &kept);
        if let Some(other) = self.memory.keep(domain, kept) {
            self.disk.remove(&other);
            self.log.warning(format_args!("more policies than we keep: that of {other} was forgotten, it was asked for least"));
        }
    }

    fn tell_waiting(&mut self, domain: &str) {
        let waiting = self.open.remove(domain).unwrap_or_default();
        self.waiting -= waiting.len();
        for Waiting { question, is_tested, .. } in waiting {
            let known = self.known(domain).unwrap_or_else(|| Known::nothing("the domain has no policy"));
            question.answer(&answer(known, is_tested));
        }
    }

    /// Answers those who have waited long enough, and looks after what is old; when that is due again.
    pub fn rest(&mut self) -> Duration {
        let now = Instant::now();
        self.expire_waiting(now);
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
        let next = self.open.values().flatten().map(|waiting| waiting.until).min();
        next.unwrap_or(self.next_sweep).min(self.next_sweep).saturating_duration_since(now)
    }

    fn expire_waiting(&mut self, now: Instant) {
        for waiting in self.open.values_mut() {
            for late in waiting.extract_if(.., |waiting| waiting.until <= now) {
                self.waiting -= 1;
                // RFC 8461 §5.1: without a policy at hand nothing is held up.
                late.question.answer(&Known::nothing("the policy has not been fetched yet").answer());
            }
        }
    }

    fn sweep(&mut self, at: Instant) {
        let now = clock();
        for (domain, kept) in self.memory.expired(now) {
            self.disk.remove(&domain);
            if kept.policy.mode == Mode::Enforce {
                self.log.warning(format_args!("domain {domain}: the policy of id {} has expired; mail goes out as without it", kept.id));
            }
        }
        for domain in self.memory.old(now, at) {
            self.look_after(&domain);
        }
    }
}

fn told(kept: &Kept, now: Seconds) -> Known {
    let left = kept.expires().saturating_sub(now);
    let text = format!("the policy of mode {} and id {} counts for another {left} seconds", kept.policy.mode, kept.id);
    Known { policy: kept.policy.clone(), id: kept.id.clone(), trouble: kept.trouble.clone(), text }
}

fn answer(mut known: Known, is_tested: bool) -> Answer {
    if is_tested && known.policy.mode == Mode::Enforce {
        known.policy.mode = Mode::Testing;
        known.text.push_str("; control/mtasts says test");
    }
    known.answer()
}

fn clock() -> Seconds {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "state_test.rs"]
mod state_test;
