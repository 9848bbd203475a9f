//! The questions and their answers; stafett-protocols(7) has them for others.
//!
//! `spf ip helo sender`: K, and the fields verdict, domain, reason, explanation, then the lines of Received-SPF.
//! `message ip helo sender verdict domain` with the message as descriptor, verdict and domain as `spf` told them or empty: K, and the
//! fields verdict of DMARC, published policy, policy in force, author's domain, place of the policy, forged places as
//! `from-to` with spaces between, then the lines of Authentication-Results. Z when it cannot be told now, D when never.
//!
//! Security stance: the caller's words are bounded by the packet; an address that is none, or a question that is none, is
//! answered D.

use crate::LOG;
use crate::dns::{Asker, Dns};
use crate::message::{self, Envelope, Judged, Trouble};
use crate::pool::{Budget, Pool};
use crate::settings::Settings;
use crate::signatures::Verifier;
use crate::spf::{self, Outcome, check, received};
use stafett_ask::{Answer, Question, Verdict};
use stafett_control::{Control, Watch};
use stafett_start::renewed;
use std::fs::File;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long SPF may take; RFC 7208 §4.6.4 asks for 20 seconds at least.
const SPF_WITHIN: Duration = Duration::from_secs(20);
/// How long a message may take.
const MESSAGE_WITHIN: Duration = Duration::from_secs(40);
/// How often resolv.conf is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// What the main thread holds.
pub struct Service {
    control: Control,
    watch: Watch,
    shared: Arc<Shared>,
    pool: Pool<Question>,
    looked: Instant,
}

/// What all threads use.
struct Shared {
    settings: Mutex<Arc<Settings>>,
    dns: Arc<Dns>,
    verifier: Verifier,
    budget: Budget,
}

impl Service {
    /// Prepares it; starts no thread yet.
    ///
    /// # Errors
    /// When the crypto library cannot be prepared.
    pub fn new(control: Control, watch: Watch, settings: Settings) -> Result<Service, String> {
        let dns = Arc::new(Dns::new(settings.servers.servers.clone()));
        let settings = Mutex::new(Arc::new(settings));
        let shared = Arc::new(Shared { settings, dns, verifier: Verifier::new()?, budget: Budget::default() });
        let theirs = Arc::clone(&shared);
        let pool = Pool::new(move |question| theirs.answer(question));
        Ok(Service { control, watch, shared, pool, looked: Instant::now() })
    }

    /// Whether another resolv.conf must be read.
    fn must_ask_others(&mut self) -> bool {
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        self.shared.settings().servers.is_stale()
    }
}

impl stafett_ask::Service for Service {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced && !self.must_ask_others() {
            return;
        }
        if let Some(settings) = renewed(LOG, Settings::read(&self.control)) {
            self.shared.dns.ask_others(settings.servers.servers.clone());
            *self.shared.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        }
    }

    fn take(&mut self, question: Question) {
        if let Some(answer) = self.shared.remembered(&question) {
            return question.answer(&answer);
        }
        if let Err(question) = self.pool.give(question) {
            question.answer(&Answer::new(Verdict::Temporary, "too many questions at once"));
        }
    }
}

impl Shared {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn asker(&self, within: Duration) -> Asker {
        Asker { dns: Arc::clone(&self.dns), deadline: Instant::now() + within, lacks: None }
    }

    /// The answer about a sender for which the DNS need not be asked. It takes microseconds, as the terms of SPF are bounded, and
    /// spares most questions the way to a thread and back.
    fn remembered(&self, question: &Question) -> Option<Answer> {
        let settings = self.settings();
        let asked = asked(question, &settings.me).filter(|_| question.verb() == "spf")?;
        let asker = Asker { lacks: Some(AtomicBool::new(false)), ..self.asker(SPF_WITHIN) };
        let answer = Self::spf(&asker, &asked, &settings);
        (!asker.lacks?.into_inner()).then_some(answer)
    }

    fn answer(&self, mut question: Question) {
        let settings = self.settings();
        let file = question.descriptor.take().map(File::from);
        let answer = match (question.verb(), asked(&question, &settings.me), file) {
            ("spf", Some(asked), _) => Self::spf(&self.asker(SPF_WITHIN), &asked, &settings),
            ("message", Some(asked), Some(file)) => {
                let known = known(question.text(4), question.text(5));
                self.message(&asked, known, &file, &settings)
            }
            _ => Answer::new(Verdict::Permanent, "not a question of this service"),
        };
        question.answer(&answer);
    }

    fn spf(asker: &Asker, asked: &spf::Question<'_>, settings: &Settings) -> Answer {
        let outcome = check::check(asker, asked, &settings.additions);
        let lines = received::lines(asked, &outcome);
        let answer = Answer::new(Verdict::Ok, format!("spf {} {}", outcome.verdict, outcome.domain))
            .with(outcome.verdict.word())
            .with(outcome.domain)
            .with(outcome.reason)
            .with(outcome.explanation.unwrap_or_default());
        lines.into_iter().fold(answer, Answer::with)
    }

    fn message(&self, asked: &spf::Question<'_>, known: Option<Outcome>, file: &File, settings: &Settings) -> Answer {
        let asker = self.asker(MESSAGE_WITHIN);
        let outcome = known.unwrap_or_else(|| check::check(&asker, asked, &settings.additions));
        let envelope = Envelope { ours: &settings.me, sender: asked.sender, spf: &outcome };
        match message::judge(file, &envelope, &self.verifier, &asker, &self.budget) {
            Ok(judged) => told(judged),
            Err(Trouble::Permanent(reason)) => Answer::new(Verdict::Permanent, reason),
            Err(Trouble::Temporary(reason)) => Answer::new(Verdict::Temporary, reason),
        }
    }
}

/// Who sends what, of either question.
fn asked<'a>(question: &'a Question, ours: &'a str) -> Option<spf::Question<'a>> {
    let ip = question.text(1)?.parse().ok()?;
    Some(spf::Question { ip, helo: question.text(2)?, sender: question.text(3)?, receiver: ours })
}

/// What was said of SPF before.
fn known(verdict: Option<&str>, domain: Option<&str>) -> Option<Outcome> {
    let verdict = spf::Verdict::from_word(verdict?)?;
    Some(Outcome { verdict, domain: domain?.to_owned(), reason: String::new(), explanation: None })
}

fn told(judged: Judged) -> Answer {
    let places: Vec<String> = judged.forged.iter().map(|place| format!("{}-{}", place.start, place.end)).collect();
    let first = judged.judgements.first();
    let word = |of: fn(&crate::dmarc::Judgement) -> &str| first.map(of).unwrap_or_default().to_owned();
    let (verdict, domain) = (word(|first| first.verdict.word()), word(|first| &first.domain));
    let answer = Answer::new(Verdict::Ok, format!("dmarc {verdict} {domain}"))
        .with(verdict)
        .with(word(|first| first.policy.word()))
        .with(word(|first| first.wanted.word()))
        .with(domain)
        .with(word(|first| &first.source))
        .with(places.join(" "));
    judged.lines.into_iter().fold(answer, Answer::with)
}
