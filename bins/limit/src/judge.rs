//! The judgement of one event: greylist, then every limit that it touches; nothing is counted unless all let it pass.
//!
//! How it fails: when the shared store does not answer, by the memory of this machine, which has gone along.

use crate::clock::seconds;
use crate::grey::{Triplet, evened};
use crate::locks::Lock;
use crate::memory::Memory;
use crate::request::{Event, Request, network};
use crate::rules::{Check, Limit, Settings};
use crate::slots::Place;
use crate::store::{Count, Counted, Store};
use crate::{verdict, window};
use stafett_ask::{Answer, Verdict};
use stafett_control::form::limits::{Action, Per, Span};
use stafett_log::Log;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

/// Who judges, by what, and when.
pub struct Judge<'a> {
    /// For what the admin must know.
    pub log: Log,
    /// The rules.
    pub settings: &'a Settings,
    /// What this machine remembers.
    pub memory: &'a mut Memory,
    /// What all machines remember.
    pub store: Option<&'a mut Store>,
    /// The service's clock.
    pub now: u64,
    /// The minute of the day.
    pub minute: u16,
}

impl Judge<'_> {
    /// Judges, and counts what passes. The connection's end is held as long as it counts.
    pub fn judge(&mut self, event: Event, request: &Request, end: Option<OwnedFd>) -> Answer {
        let settings = self.settings;
        let holding: Vec<&Limit> = settings.holding(request, self.minute).collect();
        let checks = |periods: bool| {
            let touched = holding.iter().filter_map(|limit| limit.touched(event, request));
            touched.filter(move |check| check.limit.kind.is_some() == periods).collect::<Vec<Check<'_>>>()
        };
        let (whole, counted) = (checks(false), checks(true));
        if event == Event::Back {
            self.take_back(&counted);
            return yes();
        }
        // before the password was right nobody hears of a lock
        let locked = if event == Event::Authentication { None } else { request.account.as_deref() };
        if let Some(rule) = locked.and_then(|account| self.lock_of(account)) {
            return verdict::locked(event, &rule);
        }
        if let Some(check) = whole.iter().find(|check| self.is_reached(check, event, request)) {
            return self.refuse(check.limit, event, request);
        }
        if event == Event::Refused {
            return self.refused(&counted, request);
        }
        let wait = if event == Event::Recipient { self.grey(request) } else { 0 };
        if wait > 0 {
            return verdict::greylisted(wait, settings.grey.as_ref().and_then(|grey| grey.text.as_deref()));
        }
        match self.count(&counted, &Request { account: locked.map(str::to_owned), ..request.clone() }) {
            Counted::Passed => self.hold(&whole, request, end),
            Counted::Reached(place) => counted.get(place).map_or_else(unsure, |check| self.refuse(check.limit, event, request)),
            Counted::Locked => {
                let account = request.account.as_deref().unwrap_or_default();
                let rule = self.learn_lock(account);
                verdict::locked(event, &rule)
            }
        }
    }

    /// Limits of one connection or message, whose count the question carries, and of what is open at once.
    fn is_reached(&self, check: &Check<'_>, event: Event, request: &Request) -> bool {
        let most = check.limit.rule.most;
        match (check.limit.rule.span, event) {
            (Span::Once, _) => self.memory.slots.count(&place(check)) >= most,
            (_, Event::Refused) => request.number >= most,
            // refused recipients have barred the connection already, when they were reported
            _ if check.add == 0 => false,
            (_, Event::Recipient) if check.limit.rule.per == Per::Connection => request.recipients > most,
            _ => request.number > most,
        }
    }

    fn refuse(&mut self, limit: &Limit, event: Event, request: &Request) -> Answer {
        let account = request.account.as_deref().filter(|_| limit.rule.action == Action::Lock);
        if let (Some(account), false) = (account, request.dry) {
            self.lock(account, &format!("control/limits:{}", limit.line));
        }
        verdict::beyond(limit, event, account.is_some())
    }

    /// Counts a refused recipient, and says whether that was the last that is borne.
    fn refused(&mut self, checks: &[Check<'_>], request: &Request) -> Answer {
        if !request.dry {
            self.add(checks);
        }
        let look: Vec<Check<'_>> = checks.iter().map(|check| Check { add: 0, ..check.clone() }).collect();
        match self.count(&look, &Request { dry: true, account: None, ..request.clone() }) {
            Counted::Reached(place) => look.get(place).map_or_else(unsure, |check| self.refuse(check.limit, Event::Refused, request)),
            Counted::Passed | Counted::Locked => yes(),
        }
    }

    /// For how many seconds the mail must wait.
    fn grey(&mut self, request: &Request) -> u32 {
        let Some(rules) = self.settings.grey.as_ref().filter(|_| request.grey) else { return 0 };
        let (network, sender) = (network(request.ip, rules.prefixes), evened(&request.sender));
        let triplet = Triplet { network: &network, sender: &sender, recipient: &request.recipient };
        let now = seconds(self.now);
        let times = [rules.wait, rules.window, rules.lifetime].map(|time| time.as_secs());
        let name = format!("{network} {sender} {}", request.recipient);
        let shared = self.store.as_mut().and_then(|store| store.grey(&name, &network, times, rules.trust, request.dry));
        if !request.dry {
            self.memory.greylisted();
        }
        match (shared, request.dry) {
            (Some(wait), true) => wait,
            (Some(wait), false) => {
                self.memory.grey.learn(triplet, wait == 0, now, rules);
                wait
            }
            (None, true) => self.memory.grey.foresee(triplet, now, rules),
            (None, false) => self.memory.grey.judge(triplet, now, rules),
        }
    }

    /// Tests all limits with a period and counts if none is reached.
    fn count(&mut self, checks: &[Check<'_>], request: &Request) -> Counted {
        if checks.is_empty() && request.account.is_none() {
            return Counted::Passed;
        }
        let counts: Vec<Count> = checks.iter().map(|check| shared(check, Some(check.limit.rule.most), i64::from(check.add))).collect();
        let answer = self.store.as_mut().and_then(|store| store.count(&counts, request.account.as_deref(), request.dry));
        let reached = || checks.iter().position(|check| self.is_over(check)).map_or(Counted::Passed, Counted::Reached);
        let counted = answer.unwrap_or_else(reached);
        if counted == Counted::Passed && !request.dry {
            checks.iter().for_each(|check| self.add_here(check));
        }
        counted
    }

    fn is_over(&self, check: &Check<'_>) -> bool {
        let total = check.limit.kind.map_or(0, |kind| self.memory.counters.total(kind, &check.key, self.now));
        total + u64::from(check.add.max(1)) > u64::from(check.limit.rule.most)
    }

    /// Counts without a test.
    fn add(&mut self, checks: &[Check<'_>]) {
        let counts: Vec<Count> = checks.iter().map(|check| shared(check, None, i64::from(check.add))).collect();
        if let Some(store) = self.store.as_mut().filter(|_| !counts.is_empty()) {
            store.count(&counts, None, false);
        }
        checks.iter().for_each(|check| self.add_here(check));
    }

    fn add_here(&mut self, check: &Check<'_>) {
        if let (Some(kind), 1..) = (check.limit.kind, check.add) {
            self.memory.counters.add(kind, &check.key, check.add, self.now);
            self.memory.counted();
        }
    }

    fn take_back(&mut self, checks: &[Check<'_>]) {
        let counts: Vec<Count> = checks.iter().map(|check| shared(check, None, -i64::from(check.add))).collect();
        if let Some(store) = self.store.as_mut().filter(|_| !counts.is_empty()) {
            store.count(&counts, None, false);
        }
        for (check, kind) in checks.iter().filter_map(|check| Some((check, check.limit.kind?))) {
            self.memory.counters.take_back(kind, &check.key, check.add, self.now);
            self.memory.counted();
        }
    }

    /// Counts what is open until it is over.
    fn hold(&mut self, whole: &[Check<'_>], request: &Request, end: Option<OwnedFd>) -> Answer {
        let places: Vec<Place> = whole.iter().filter(|check| check.limit.rule.span == Span::Once).map(place).collect();
        let Some(end) = end.filter(|_| !places.is_empty() && !request.dry) else { return yes() };
        match self.memory.slots.hold(end, places) {
            Ok(()) => yes(),
            Err(error) => {
                self.log.error(format_args!("unable to count an open connection: {error}"));
                Answer::new(Verdict::Temporary, "421 4.3.2 too many connections, try again later").with("control/limits")
            }
        }
    }

    /// The reason of an account's lock. A shared store has the last word, where it knows of the lock at all.
    fn lock_of(&mut self, account: &str) -> Option<String> {
        let Lock { rule, is_news, .. } = self.memory.locks.of(account)?.clone();
        match self.store.as_mut().and_then(|store| store.lock_of(account)) {
            Some(None) if !is_news => {
                self.forget_lock(account);
                None
            }
            _ => Some(rule),
        }
    }

    fn forget_lock(&mut self, account: &str) {
        if let Err(error) = self.memory.locks.unlock(account) {
            self.log.error(format_args!("unable to write the locks: {error}"));
        }
    }

    /// Locks an account, for all machines if possible.
    pub fn lock(&mut self, account: &str, rule: &str) {
        let is_known = self.store.as_mut().is_some_and(|store| store.lock(account, rule));
        self.log.line(format_args!("lock {} by {rule}", stafett_log::safe(account.as_bytes())));
        self.write_lock(account, rule, !is_known);
    }

    fn learn_lock(&mut self, account: &str) -> String {
        let rule = self.store.as_mut().and_then(|store| store.lock_of(account)).flatten();
        let rule = rule.unwrap_or_else(|| "control/limitstore".to_owned());
        self.write_lock(account, &rule, false);
        rule
    }

    fn write_lock(&mut self, account: &str, rule: &str, is_news: bool) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if let Err(error) = self.memory.locks.lock(account, Lock { since, rule: rule.to_owned(), is_news }) {
            self.log.error(format_args!("unable to write the locks: {error}; the lock holds until this service ends"));
        }
    }
}

/// The keys of a check's count in the store.
pub fn store_key(identity: &str, key: &str) -> String {
    let kind = crate::siphash::hash(crate::siphash::Secret(0, 0), &[identity.as_bytes()]);
    format!("stafett:count:{kind:016x}:{key}")
}

fn shared(check: &Check<'_>, most: Option<u32>, add: i64) -> Count {
    let period = match check.limit.rule.span {
        Span::Period(period) => period.as_millis() as u64,
        Span::Whole | Span::Once => 0,
    };
    Count { key: store_key(&check.limit.rule.identity, &check.key), step: window::length(period), most, add }
}

fn place(check: &Check<'_>) -> Place {
    (check.limit.rule.identity.clone(), check.key.clone())
}

fn yes() -> Answer {
    Answer::new(Verdict::Ok, "")
}

/// The store has answered what cannot be.
fn unsure() -> Answer {
    Answer::new(Verdict::Temporary, "451 4.3.0 the limits cannot be looked up, try again later").with("control/limitstore")
}

#[cfg(test)]
#[path = "judge_test.rs"]
mod judge_test;
