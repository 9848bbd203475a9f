//! Everything that is shared: what is known, who waits for what, and the hosts that are being asked.
//!
//! One lock around all of it, held for look-ups only, never while a host is waited for. Callers wait as long as their
//! domain's rule says; a finding that comes later is kept for the next one.
//! Security stance: recipients come from strangers. Those who wait, the questions for one host and the threads are
//! bounded; a question for a recipient that is being asked for already costs no second one.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stafett_ask::{Answer, Question};
use stafett_control::form::callout::Callout;
use stafett_wire::delivery::Destination;

use crate::answers::{self, Source};
use crate::memory::{Known, Memory, Said, Seconds};
use crate::settings::Settings;
use crate::store::Store;

/// Callers that wait at once; each holds a descriptor.
const MOST_WAITING: usize = 2000;
/// Hosts that are known at once; those that are only remembered as away are forgotten beyond that.
const MOST_HOSTS: usize = 10_000;
/// Recipients in line for one host.
const MOST_IN_LINE: usize = 500;
/// Threads at once.
const MOST_THREADS: usize = 200;

/// Whom to ask, and as whom: what one connection can serve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The next hop.
    pub destination: Destination,
    /// The sender of the question.
    pub sender: String,
}

impl Target {
    /// A number that is the same for the same target while this process lives.
    pub fn number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// A recipient that a host is to be asked for.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The address, its domain in lower case.
    pub address: String,
    /// What control/callout says about its domain.
    pub rule: Callout,
    /// All control files, as they were when the question came.
    pub settings: Arc<Settings>,
}

impl Inquiry {
    /// The key under which is known whether the host takes everybody in this domain.
    pub fn everybody(&self) -> String {
        everybody(&self.address)
    }
}

/// A host.
#[derive(Debug, Default)]
pub struct Host {
    /// What it is to be asked.
    pub line: VecDeque<Inquiry>,
    /// Threads that ask it.
    pub threads: usize,
    /// Those of them that wait for something to ask.
    pub idle: usize,
    /// Wakes them.
    pub wake: Arc<Condvar>,
    /// It cannot be asked.
    pub away: Option<Away>,
    /// That has been logged.
    pub is_reported: bool,
}

/// For how long a host is not tried again, and what callers hear.
#[derive(Clone, Debug)]
pub struct Away {
    /// When it may be tried again.
    pub until: Instant,
    /// What is wrong for good with the domain, as a reply; otherwise it is for now.
    pub for_good: Option<String>,
}

/// A caller that waits.
#[derive(Debug)]
struct Waiter {
    question: Question,
    until: Instant,
}

/// A recipient that is being asked for.
#[derive(Debug)]
struct Pending {
    inquiry: Inquiry,
    target: Target,
    waiters: Vec<Waiter>,
}

/// What is to be done for a question.
#[derive(Debug)]
pub enum Next {
    /// Nothing: it is answered, or somebody is on it.
    Nothing,
    /// One more thread for this target.
    Thread(Target),
}

/// The shared state.
#[derive(Debug)]
pub struct State {
    memory: Memory,
    store: Store,
    hosts: HashMap<Target, Host>,
    pending: HashMap<String, Pending>,
    waiting: usize,
    threads: usize,
    next_look: Option<Instant>,
}

impl State {
    /// Nothing is being asked yet.
    pub fn new(memory: Memory, store: Store) -> Self {
        State { memory, store, hosts: HashMap::new(), pending: HashMap::new(), waiting: 0, threads: 0, next_look: None }
    }

    /// Answers a question from what is known, or puts it into a line.
    pub fn take(&mut self, question: Question, inquiry: Inquiry) -> Next {
        let target = Target { destination: inquiry.settings.destination(domain(&inquiry.address)), sender: inquiry.rule.sender.clone() };
        if let Some(answer) = self.known(&inquiry, &target) {
            question.answer(&answer);
            return Next::Nothing;
        }
        if self.waiting >= MOST_WAITING {
            question.answer(&self.fallback(&inquiry, &target, Source::Busy));
            return Next::Nothing;
        }
        let waiter = Waiter { until: Instant::now() + inquiry.rule.wait, question };
        if let Some(pending) = self.pending.get_mut(&inquiry.address) {
            self.next_look = Some(self.next_look.map_or(waiter.until, |look| look.min(waiter.until)));
            pending.waiters.push(waiter);
            self.waiting += 1;
            return Next::Nothing;
        }
        if let Some(answer) = self.unreachable(&inquiry, &target) {
            waiter.question.answer(&answer);
            return Next::Nothing;
        }
        self.line_up(waiter, inquiry, target)
    }

    fn line_up(&mut self, waiter: Waiter, inquiry: Inquiry, target: Target) -> Next {
        let host = self.hosts.entry(target.clone()).or_default();
        let may_grow = host.threads < inquiry.rule.connections && self.threads < MOST_THREADS;
        if host.line.len() >= MOST_IN_LINE || (host.threads == 0 && !may_grow) {
            waiter.question.answer(&self.fallback(&inquiry, &target, Source::Busy));
            return Next::Nothing;
        }
        host.line.push_back(inquiry.clone());
        host.wake.notify_one();
        let grows = may_grow && host.line.len() > host.idle;
        if grows {
            host.threads += 1;
            self.threads += 1;
        }
        self.next_look = Some(self.next_look.map_or(waiter.until, |look| look.min(waiter.until)));
        self.waiting += 1;
        self.pending.insert(inquiry.address.clone(), Pending { inquiry, target: target.clone(), waiters: vec![waiter] });
        if grows { Next::Thread(target) } else { Next::Nothing }
    }

    /// The answer that needs no question.
    fn known(&self, inquiry: &Inquiry, target: &Target) -> Option<Answer> {
        let (rule, now, by) = (&inquiry.rule, now(), target.number());
        match self.memory.known(&inquiry.address, now, by, rule.yes, rule.no) {
            Some(Known::Valid) => return Some(answers::yes(Source::Known, &target.destination)),
            Some(Known::Unknown(reply)) => return Some(answers::no(Source::Known, &target.destination, reply)),
            None => {}
        }
        match self.memory.known(&inquiry.everybody(), now, by, rule.everybody, rule.everybody) {
            Some(Known::Valid) => Some(answers::yes(Source::Everybody, &target.destination)),
            _ => None,
        }
    }

    /// The answer while the host is away.
    fn unreachable(&self, inquiry: &Inquiry, target: &Target) -> Option<Answer> {
        let away = self.hosts.get(target)?.away.as_ref().filter(|away| away.until > Instant::now())?;
        Some(match &away.for_good {
            Some(reply) => answers::no(Source::Away, &target.destination, reply),
            None => self.fallback(inquiry, target, Source::Away),
        })
    }

    /// The answer without a finding: who was valid stays valid, and who was not there is not. How long, counts to the time when the
    /// host went away: however long that lasts, nothing is forgotten meanwhile.
    fn fallback(&self, inquiry: &Inquiry, target: &Target, source: Source) -> Answer {
        let (rule, at) = (&inquiry.rule, self.memory.away_since(&away(target)).unwrap_or_else(now));
        let was_valid = |key: &str| self.memory.was_valid(key, at, rule.remember);
        if was_valid(&inquiry.address) {
            return answers::yes(Source::Remembered, &target.destination);
        }
        if self.memory.was_unknown(&inquiry.address, at, rule.refuse) {
            return answers::no(Source::Remembered, &target.destination, answers::REMEMBERED);
        }
        if was_valid(&inquiry.everybody()) {
            return answers::yes(Source::Remembered, &target.destination);
        }
        if source == Source::Away && rule.accepts_unknown {
            return answers::yes(source, &target.destination);
        }
        answers::later(source, &target.destination, answers::without_finding(source))
    }

    /// Answers those who have waited for long enough; when to look again.
    pub fn expire(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.next_look.is_some_and(|look| look <= now) {
            self.answer_late(now);
        }
        self.next_look.map(|look| look.saturating_duration_since(now))
    }

    fn answer_late(&mut self, now: Instant) {
        let mut late = Vec::new();
        for (address, pending) in &mut self.pending {
            let (over, left): (Vec<Waiter>, Vec<Waiter>) =
                std::mem::take(&mut pending.waiters).into_iter().partition(|one| one.until <= now);
            pending.waiters = left;
            late.extend(over.into_iter().map(|waiter| (address.clone(), waiter)));
        }
        self.next_look = self.pending.values().flat_map(|pending| &pending.waiters).map(|waiter| waiter.until).min();
        self.waiting = self.waiting.saturating_sub(late.len());
        for (address, waiter) in late {
            if let Some(pending) = self.pending.get(&address) {
                waiter.question.answer(&self.fallback(&pending.inquiry, &pending.target, Source::Late));
            }
        }
    }

    /// Writes what is to outlive the process.
    pub fn write(&mut self) {
        if self.store.has_pending() {
            self.store.write(self.memory.count(), self.memory.all());
        }
    }

    /// Whether something is being asked, which may bring news to write.
    pub fn is_asking(&self) -> bool {
        self.threads > 0 || self.store.has_pending()
    }

    /// Forgets an address, or `@domain`; whether anything was known.
    pub fn forget(&mut self, key: &str) -> bool {
        let known = self.memory.forget(key);
        if known {
            self.store.note(Said::Nothing, key);
        }
        known
    }

    /// The host that threads ask; made when there is none.
    pub fn host(&mut self, target: &Target) -> &mut Host {
        self.hosts.entry(target.clone()).or_default()
    }

    /// A thread ends.
    pub fn leave(&mut self, target: &Target) {
        self.threads = self.threads.saturating_sub(1);
        let host = self.host(target);
        host.threads = host.threads.saturating_sub(1);
        let is_over = host.threads == 0 && host.line.is_empty() && !host.is_reported;
        if is_over {
            self.hosts.remove(target);
        }
        if self.hosts.len() > MOST_HOSTS {
            self.hosts.retain(|_, host| host.threads > 0 || !host.line.is_empty());
        }
    }

    /// Notes that a host cannot be asked from now on.
    pub fn has_gone(&mut self, target: &Target) {
        let key = away(target);
        if self.memory.away_since(&key).is_none() {
            self.memory.is_valid(&key, now(), None);
            self.store.note(Said::Valid(now()), &key);
        }
    }

    /// Notes that a host can be asked.
    pub fn has_come(&mut self, target: &Target) {
        let key = away(target);
        if self.memory.forget(&key) {
            self.store.note(Said::Nothing, &key);
        }
    }

    /// Notes what a host has said, and answers all who wait for it.
    pub fn settle(&mut self, inquiry: &Inquiry, target: &Target, valid: Result<(), &str>) {
        match valid {
            Ok(()) => self.is_valid(&inquiry.address, target),
            Err(reply) => self.is_unknown(&inquiry.address, now(), target, reply),
        }
        let answer = match valid {
            Ok(()) => answers::yes(Source::Asked, &target.destination),
            Err(reply) => answers::no(Source::Asked, &target.destination, reply),
        };
        self.answer_all(&inquiry.address, |_| answer.clone());
    }

    /// Answers all who wait for a recipient that the host has put off.
    pub fn put_off(&mut self, inquiry: &Inquiry, target: &Target, reply: &str) {
        self.answer_all(&inquiry.address, |_| answers::later(Source::Asked, &target.destination, reply));
    }

    /// Answers all who wait for a recipient whose host cannot be asked.
    pub fn give_up(&mut self, inquiry: &Inquiry, target: &Target) {
        let answer = self.unreachable(inquiry, target).unwrap_or_else(|| self.fallback(inquiry, target, Source::Away));
        self.answer_all(&inquiry.address, |_| answer.clone());
    }

    /// Whether it is to be found out if the host takes everybody in this domain.
    pub fn is_open_question(&self, inquiry: &Inquiry, target: &Target) -> bool {
        let everybody = inquiry.rule.everybody;
        self.memory.known(&inquiry.everybody(), now(), target.number(), everybody, everybody).is_none()
    }

    /// Notes whether it does; `None` when it could not be found out, then it is tried again in `retry`.
    pub fn note_everybody(&mut self, inquiry: &Inquiry, target: &Target, takes: Option<bool>, retry: Duration) {
        let key = inquiry.everybody();
        let lifetime = inquiry.rule.everybody.as_secs();
        match takes {
            Some(true) => self.is_valid(&key, target),
            Some(false) => self.is_unknown(&key, now(), target, ""),
            None => self.is_unknown(&key, now().saturating_sub(lifetime.saturating_sub(retry.as_secs())), target, ""),
        }
    }

    fn is_valid(&mut self, key: &str, target: &Target) {
        let now = now();
        self.memory.is_valid(key, now, Some(target.number()));
        self.store.note(Said::Valid(now), key);
    }

    fn is_unknown(&mut self, key: &str, said: Seconds, target: &Target, reply: &str) {
        let was_valid = self.memory.is_unknown(key, said, Some(target.number()), reply);
        match key.starts_with('@') {
            false => self.store.note(Said::Unknown(said), key),
            true if was_valid => self.store.note(Said::Nothing, key),
            true => {}
        }
    }

    fn answer_all(&mut self, address: &str, answer: impl Fn(&Question) -> Answer) {
        let Some(pending) = self.pending.remove(address) else { return };
        self.waiting = self.waiting.saturating_sub(pending.waiters.len());
        for waiter in pending.waiters {
            let answer = answer(&waiter.question);
            waiter.question.answer(&answer);
        }
    }
}

/// The domain of an address, or all of a text without one.
pub fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

/// The key under which is known since when a host cannot be asked.
fn away(target: &Target) -> String {
    format!("@@{}", target.destination)
}

fn everybody(address: &str) -> String {
    format!("@{}", domain(address))
}

/// Seconds since 1970.
pub fn now() -> Seconds {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
