//! The resident service: what is known is answered at once, what is not on a thread of its own.
//!
//! How it fails: a question that does not parse, or one too many, is answered Z; smtpd tells its client to come back.

use crate::LOG;
use crate::examine::examine;
use crate::lookups::{FromMemory, FromNetwork, Memory};
use crate::parts::{Inquiry, LOOK, answer};
use crate::settings::Settings;
use stafett_ask::{Answer, Question, Service, Verdict};
use stafett_control::{Control, Watch};
use stafett_start::renewed;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Look-ups at once.
pub const MOST_LOOKUPS: usize = 512;
/// Descriptors that we want: each question to a list takes one, and another when it is asked again.
pub const DESCRIPTORS: u64 = 16_384;
/// Descriptors for all but questions to name servers.
const BESIDE: u64 = 900;
/// Descriptors that a question to a name server may come to, on the average.
const EACH: u64 = 3;
/// Room for a thread: resolver and parsers are flat.
const STACK: usize = 256 * 1024;

/// The service.
#[derive(Debug)]
pub struct Lister {
    control: Control,
    watch: Watch,
    settings: Arc<Settings>,
    memory: Arc<Memory>,
    load: Arc<Load>,
    /// Questions to name servers that may be open at once.
    most_questions: usize,
}

/// What is under way.
#[derive(Debug, Default)]
struct Load {
    lookups: AtomicUsize,
    questions: AtomicUsize,
}

/// A share of the load; given back when dropped.
#[derive(Debug)]
struct Share {
    load: Arc<Load>,
    questions: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.lookups.fetch_sub(1, Ordering::Relaxed);
        self.load.questions.fetch_sub(self.questions, Ordering::Relaxed);
    }
}

impl Lister {
    /// A service that may have so many descriptors.
    pub fn new(control: Control, watch: Watch, settings: Settings, memory: Arc<Memory>, descriptors: u64) -> Lister {
        let most_questions = usize::try_from(descriptors.saturating_sub(BESIDE) / EACH).unwrap_or(usize::MAX).max(64);
        Lister { control, watch, settings: Arc::new(settings), memory, load: Arc::default(), most_questions }
    }

    /// A share of the load for so many questions; nothing when that would be too much.
    fn share(&self, questions: usize) -> Option<Share> {
        let lookups = self.load.lookups.fetch_add(1, Ordering::Relaxed);
        let open = self.load.questions.fetch_add(questions, Ordering::Relaxed);
        let share = Share { load: Arc::clone(&self.load), questions };
        (lookups < MOST_LOOKUPS && (open == 0 || open + questions <= self.most_questions)).then_some(share)
    }

    fn look_up(&self, inquiry: Inquiry, question: Question) {
        let most = inquiry.parts.len() * (self.settings.addresses.entries.len().max(self.settings.domains.entries.len()) + 2);
        let Some(share) = self.share(most) else {
            LOG.warning("too many look-ups at once; a client is told to come back");
            return question.answer(&Answer::new(Verdict::Temporary, "too many look-ups at once"));
        };
        let (settings, memory) = (Arc::clone(&self.settings), Arc::clone(&self.memory));
        let work = move || {
            let deadline = Instant::now() + settings.within;
            let mut network = FromNetwork { memory: &memory, resolver: &settings.resolver, deadline };
            if let Some(findings) = examine(&inquiry, &settings, &mut network) {
                question.answer(&answer(&findings));
            }
            drop(share);
        };
        // a question that is dropped tells its caller that there is no answer
        if let Err(error) = std::thread::Builder::new().stack_size(STACK).spawn(work) {
            LOG.error(format_args!("unable to start a thread: {error}"));
        }
    }

    /// Tries lists again that are left out and whose pause is over.
    fn probe(&self) {
        let probes = self.memory.probes(Instant::now());
        if probes.is_empty() {
            return;
        }
        let (settings, memory) = (Arc::clone(&self.settings), Arc::clone(&self.memory));
        let zones: Vec<Arc<str>> = probes.iter().filter_map(|asked| asked.zone.clone()).collect();
        let work = move || memory.probe(&probes, &settings.resolver, settings.within);
        if let Err(error) = std::thread::Builder::new().stack_size(STACK).spawn(work) {
            LOG.error(format_args!("unable to start a thread: {error}"));
            self.memory.unasked(zones.iter(), Instant::now());
        }
    }
}

impl Service for Lister {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced && !self.settings.are_stale() {
            return;
        }
        let Some(settings) = renewed(LOG, Settings::read(&self.control)) else { return };
        let is_asked = |zone: &str| {
            let entries = settings.addresses.entries.iter().chain(&settings.domains.entries);
            entries.into_iter().any(|entry| &*entry.zone == zone)
        };
        if forced || settings.resolver.servers() != self.settings.resolver.servers() {
            self.memory.forget();
        } else {
            self.memory.keep_lists(is_asked);
        }
        self.settings = Arc::new(settings);
    }

    fn take(&mut self, question: Question) {
        if question.verb() != LOOK {
            return question.answer(&Answer::new(Verdict::Permanent, "this service knows no such question"));
        }
        let inquiry = match Inquiry::read(&question) {
            Ok(inquiry) => inquiry,
            Err(reason) => {
                LOG.error(format_args!("unable to understand a question: {reason}"));
                return question.answer(&Answer::new(Verdict::Temporary, reason));
            }
        };
        match examine(&inquiry, &self.settings, &mut FromMemory(&self.memory)) {
            Some(findings) => question.answer(&answer(&findings)),
            None => self.look_up(inquiry, question),
        }
    }

    fn rest(&mut self) -> Option<Duration> {
        self.probe();
        self.memory.next_probe().map(|due| due.saturating_duration_since(Instant::now()))
    }
}
