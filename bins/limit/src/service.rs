//! The service: takes questions, keeps rules and memory, and tells the admin's tool what there is.
//!
//! Security stance: events may be asked by smtpd; to see, to forget and to unlock is for our own user and root.
//!
//! How it fails: a question that makes no sense is answered with Z and a sentence, never with K.

use crate::clock::Clock;
use crate::judge::{Judge, store_key};
use crate::memory::Memory;
use crate::request::{Event, Request, key};
use crate::rules::Settings;
use crate::show;
use crate::store::Store;
use stafett_ask::{Answer, Question, Service, Verdict};
use stafett_control::{Control, Watch};
use stafett_log::{Log, safe};
use stafett_start::renewed;
use stafett_sys::user::Uid;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The service.
#[derive(Debug)]
pub struct Limit {
    log: Log,
    control: Control,
    watch: Watch,
    settings: Settings,
    memory: Memory,
    store: Option<Store>,
    clock: Clock,
}

impl Limit {
    /// Puts it together; the settings are used from here on.
    pub fn new(log: Log, (control, watch): (Control, Watch), settings: Settings, (memory, clock): (Memory, Clock)) -> Limit {
        let mut limit = Limit { log, control, watch, settings: Settings::default(), memory, store: None, clock };
        limit.use_settings(settings);
        limit
    }

    fn use_settings(&mut self, mut settings: Settings) {
        settings.own(&mut self.memory.counters);
        if settings.store != self.settings.store {
            self.store = settings.store.as_deref().and_then(|line| match Store::new(self.log, line) {
                Ok(store) => Some(store),
                Err(error) => {
                    self.log.error(format_args!("control/limitstore:1: {error}; this machine counts for itself"));
                    None
                }
            });
        }
        self.settings = settings;
    }

    fn judge(&mut self) -> Judge<'_> {
        Judge {
            log: self.log,
            settings: &self.settings,
            memory: &mut self.memory,
            store: self.store.as_mut(),
            now: self.clock.now(),
            minute: stafett_sys::clock::minute_of_day(),
        }
    }

    fn answer(&mut self, question: &mut Question) -> Answer {
        let descriptor = question.descriptor.take();
        if let Some(event) = Event::from_verb(question.verb()) {
            return match Request::parse(question) {
                Ok(request) => self.judge().judge(event, &request, descriptor),
                Err(reason) => Answer::new(Verdict::Temporary, reason),
            };
        }
        if question.uid != Uid::effective() && !question.uid.is_root() {
            return Answer::new(Verdict::Permanent, "only root and the service's own user may ask for that");
        }
        let subject = question.text(1).map(key).unwrap_or_default();
        match (question.verb(), descriptor) {
            ("show", Some(out)) => show::all(&self.settings, &self.memory, self.store.as_mut(), self.clock.now(), &out),
            ("reset", _) if !subject.is_empty() => self.reset(&subject),
            ("lock", _) if !subject.is_empty() => {
                self.judge().lock(&subject, "admin");
                Answer::new(Verdict::Ok, "locked")
            }
            ("unlock", _) if !subject.is_empty() => self.unlock(&subject),
            _ => Answer::new(Verdict::Permanent, "not a question that is known here"),
        }
    }

    /// Forgets every count of a key, and whether a network is trusted.
    fn reset(&mut self, key: &str) -> Answer {
        let here = self.memory.counters.reset(key) + usize::from(self.memory.grey.reset(key));
        self.memory.counted();
        self.memory.greylisted();
        let mut keys: Vec<String> = self.memory.counters.all().map(|(identity, ..)| store_key(identity, key)).collect();
        keys.push(Store::trust_key(key));
        let there = self.store.as_mut().map(|store| store.forget(&keys));
        self.log.line(format_args!("reset {} {}", safe(key.as_bytes()), here));
        match there {
            Some(None) => Answer::new(Verdict::Temporary, "forgotten on this machine; the shared store does not answer"),
            Some(Some(0)) | None if here == 0 => Answer::new(Verdict::Permanent, "nothing is counted for that key"),
            _ => Answer::new(Verdict::Ok, "forgotten"),
        }
    }

    fn unlock(&mut self, account: &str) -> Answer {
        let there = self.store.as_mut().map(|store| store.unlock(account));
        let here = match self.memory.locks.unlock(account) {
            Ok(here) => here,
            Err(error) => return Answer::new(Verdict::Temporary, format!("unable to write the locks: {error}")),
        };
        if there == Some(None) {
            return Answer::new(
                Verdict::Temporary,
                "unlocked on this machine; the shared store does not answer, so ask again when it does",
            );
        }
        if !here && there.flatten() != Some(true) {
            return Answer::new(Verdict::Permanent, "that account is not locked");
        }
        self.log.line(format_args!("unlock {}", safe(account.as_bytes())));
        Answer::new(Verdict::Ok, "unlocked")
    }

    /// The store is back: it hears of the locks that were made without it.
    fn share_locks(&mut self) {
        let Some(store) = self.store.as_mut() else { return };
        let news = self.memory.locks.all().iter().filter(|(_, lock)| lock.is_news);
        let told: Vec<bool> = news.map(|(account, lock)| store.lock(account, &lock.rule)).collect();
        if told.is_empty() || told.contains(&false) {
            return;
        }
        if let Err(error) = self.memory.locks.told() {
            self.log.error(format_args!("unable to write the locks: {error}"));
        }
    }
}

impl Service for Limit {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced {
            return;
        }
        if let Some(settings) = renewed(self.log, Settings::read(&self.control)) {
            self.use_settings(settings);
        }
    }

    fn take(&mut self, mut question: Question) {
        let answer = self.answer(&mut question);
        question.answer(&answer);
    }

    fn rest(&mut self) -> Option<Duration> {
        if self.store.as_mut().is_some_and(Store::revive) {
            self.share_locks();
        }
        let again = self.store.as_ref().and_then(Store::next_try);
        [self.memory.write_due(self.clock.now()), again].into_iter().flatten().min()
    }

    fn also_waits_for(&self) -> Option<BorrowedFd<'_>> {
        Some(self.memory.slots.as_group())
    }

    fn woken(&mut self) {
        self.memory.slots.collect();
    }

    fn end(&mut self) {
        self.memory.write_all(self.clock.now());
    }
}
