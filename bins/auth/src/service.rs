//! The service: takes questions, bounds the work that they make, and hands it to threads.
//!
//! Security stance: passwords and proofs may be asked by smtpd; what an account may do, without either, by root and our own
//! user alone.
//!
//! How it fails: a question that makes no sense is answered with Z and a sentence, never with K.

use crate::answer::{ACCOUNTS, Fault};
use crate::counts::Counts;
use crate::external::PATIENCE;
use crate::judge;
use crate::pool::Pool;
use crate::request::Request;
use crate::scram;
use crate::seal::Seal;
use crate::settings::Settings;
use crate::throttle::{ASKED_AT_ONCE, AT_ONCE, Barred};
use stafett_ask::{Answer, Question, Service, Verdict};
use stafett_control::{Control, Watch};
use stafett_log::Log;
use stafett_start::renewed;
use stafett_sys::user::Uid;
use stafett_verifiers::{Key, Workplace};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Hashes at once at most; each takes 19 MiB.
const HASHERS: usize = 4;
/// Questions to others at once; who asks does little but wait.
const ASKERS: usize = 64;
/// Passwords that wait for either.
const WAITING: usize = 64;

/// The service.
pub struct Auth {
    log: Log,
    control: Control,
    watch: Watch,
    settings: Arc<Settings>,
    counts: Arc<Mutex<Counts>>,
    seal: Seal,
    secret: Key,
    hashers: Pool<Job>,
    askers: Pool<Job>,
}

/// A password that is to be looked at.
struct Job {
    question: Question,
    request: Request,
    settings: Arc<Settings>,
    since: Instant,
}

impl Auth {
    /// Starts its threads.
    ///
    /// # Errors
    /// When the system gives no threads or random numbers.
    pub fn new(log: Log, (control, watch): (Control, Watch), settings: Settings, (secret, counts): (Key, Counts)) -> Result<Auth, String> {
        let counts = Arc::new(Mutex::new(counts));
        let work = {
            let counts = Arc::clone(&counts);
            move |job: Job, place: &mut Workplace| look(log, job, place, &counts)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(HASHERS);
        let hashers = Pool::start("hash", threads, WAITING, work.clone())?;
        let askers = Pool::start("ask", ASKERS, WAITING, work)?;
        Ok(Auth { log, control, watch, settings: Arc::new(settings), counts, seal: Seal::new()?, secret, hashers, askers })
    }

    fn password(&self, question: Question, request: Request) {
        // the same for all names, or it would tell which of them have a verifier here
        let at_once = if self.settings.source.is_some() { ASKED_AT_ONCE } else { AT_ONCE };
        let pool = if judge::asks(&self.settings, &request) { &self.askers } else { &self.hashers };
        if let Err(answer) = begin(&self.counts, &self.settings, (&request, at_once), &request.name) {
            return question.answer(&answer);
        }
        let job = Job { question, request, settings: Arc::clone(&self.settings), since: Instant::now() };
        if let Err(Job { question, request, .. }) = pool.give(job) {
            lock(&self.counts).end(request.ip, &request.name.to_lowercase(), None);
            question.answer(&Fault::Busy.answer(ACCOUNTS));
        }
    }

    fn proof(&self, request: &Request) -> Answer {
        let name = scram::name_of(&self.seal, request);
        if let Err(answer) = begin(&self.counts, &self.settings, (request, AT_ONCE), &name) {
            return answer;
        }
        let (judged, answer) = scram::last(&self.settings, (&self.seal, &self.secret), request);
        lock(&self.counts).end(request.ip, &name, judge::was_right(&judged));
        answer
    }

    /// What an account may do, for who explains it.
    fn account(&self, request: &Request) -> Answer {
        let listed = request.account().and_then(|name| self.settings.account(&name));
        let judged = listed.map_or_else(|| Err((Fault::Unknown, ACCOUNTS.to_owned())), |listed| judge::admit(listed, request.ip));
        judge::answer(&judged, &self.settings.me)
    }
}

impl Service for Auth {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced {
            return;
        }
        if let Some(settings) = renewed(self.log, Settings::read(&self.control)) {
            self.settings = Arc::new(settings);
        }
    }

    fn take(&mut self, mut question: Question) {
        let verb = question.verb().to_owned();
        let request = match Request::parse(&mut question) {
            Ok(request) => request,
            Err(reason) => return question.answer(&Answer::new(Verdict::Temporary, reason)),
        };
        let answer = match verb.as_str() {
            "password" => return self.password(question, request),
            "first" => scram::first(&self.settings, (&self.seal, &self.secret), &request),
            "proof" => self.proof(&request),
            "account" if question.uid == Uid::effective() || question.uid.is_root() => self.account(&request),
            "account" => Answer::new(Verdict::Temporary, "only root and the service's own user may ask for that"),
            _ => Answer::new(Verdict::Temporary, "not a question that is known here"),
        };
        question.answer(&answer);
    }
}

/// What a thread does.
fn look(log: Log, job: Job, place: &mut Workplace, counts: &Mutex<Counts>) {
    let Job { question, request, settings, since } = job;
    if since.elapsed() >= PATIENCE {
        // whoever has asked is about to give up, and would wait in vain for another's answer
        lock(counts).end(request.ip, &request.name.to_lowercase(), None);
        return question.answer(&Fault::Busy.answer(ACCOUNTS));
    }
    let judged = judge::password(log, &settings, &request, place);
    lock(counts).end(request.ip, &request.name.to_lowercase(), judge::was_right(&judged));
    question.answer(&judge::answer(&judged, &settings.me));
}

fn begin(counts: &Mutex<Counts>, settings: &Settings, (request, at_once): (&Request, u32), name: &str) -> Result<(), Answer> {
    let begun = lock(counts).begin(request.ip, &name.to_lowercase(), (settings.failures, at_once));
    begun.map_err(|barred| match barred {
        Barred::Wrong => Fault::Throttled.answer("control/authfailures"),
        Barred::Busy => Fault::Busy.answer(ACCOUNTS),
    })
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
