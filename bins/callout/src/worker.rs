//! A thread that asks one host: takes what is in its line, keeps the connection for the next question, and ends when
//! nobody has asked for a while.
//!
//! Security stance: everything the host says is hostile. It is parsed by memory-safe code with bounds on every length and
//! a deadline on every wait, and can decide about nothing but the recipients that control/ sends to it.
//! How it fails: a host that cannot be asked is left alone for [`AWAY`]; that is logged once, and once when it is over.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stafett_log::{Log, safe};
use stafett_smtp_client::judgement::Place;
use stafett_smtp_client::session::quit;
use stafett_smtp_client::tls::Secrecy;
use stafett_smtp_client::{NoSession, Session, Way};
use stafett_wire::Verdict;

use crate::probe::{self, Finding, Lost};
use crate::state::{Away, Inquiry, State, Target, domain};

/// How long a connection is kept without a question.
const IDLE: Duration = Duration::from_secs(10);
/// Questions on one connection.
const MOST_QUESTIONS: usize = 100;
/// How long a host that cannot be asked is left alone.
const AWAY: Duration = Duration::from_secs(20);
/// How long one question may take in all, with connection and look-ups.
const WHOLE: Duration = Duration::from_secs(180);
/// When a host that did not say whether it takes everybody is asked for that again.
const UNSURE: Duration = Duration::from_secs(600);

/// What the threads share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// All state.
    pub state: Arc<Mutex<State>>,
    /// The program's voice.
    pub log: Log,
}

impl Shared {
    /// The state, for a moment. No thread leaves it half changed: what happens under the lock does not panic.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread for a target.
    pub fn spawn(&self, target: Target) {
        let (shared, its_target) = (self.clone(), target.clone());
        let thread = std::thread::Builder::new().name("asker".to_owned()).stack_size(256 * 1024);
        let started = thread.spawn(move || Worker { shared, target: its_target, line: None }.run());
        if let Err(error) = started {
            self.log.error(format_args!("unable to start a thread: {error}"));
            self.refuse_line(&target);
            self.lock().leave(&target);
        }
    }

    /// Gives up all that is in line for a target.
    fn refuse_line(&self, target: &Target) {
        let mut state = self.lock();
        for inquiry in std::mem::take(&mut state.host(target).line) {
            state.give_up(&inquiry, target);
        }
    }
}

struct Worker {
    shared: Shared,
    target: Target,
    line: Option<Line>,
}

/// A connection and how often it has been used.
struct Line {
    session: Session,
    questions: usize,
}

impl Worker {
    fn run(mut self) {
        while let Some(inquiry) = self.next() {
            self.serve(&inquiry);
        }
        if let Some(line) = self.line.take() {
            quit(line.session);
        }
    }

    /// The next in line; nothing when there was none for a while, and the thread is not counted any more then.
    fn next(&self) -> Option<Inquiry> {
        let end = Instant::now() + IDLE;
        let mut state = self.shared.lock();
        loop {
            let host = state.host(&self.target);
            if let Some(inquiry) = host.line.pop_front() {
                return Some(inquiry);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.line.is_none() {
                state.leave(&self.target);
                return None;
            }
            host.idle += 1;
            let wake: Arc<Condvar> = Arc::clone(&host.wake);
            state = wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            let host = state.host(&self.target);
            host.idle = host.idle.saturating_sub(1);
        }
    }

    fn serve(&mut self, inquiry: &Inquiry) {
        match self.ask(inquiry, &inquiry.address) {
            Ok(finding) => self.found(inquiry, finding),
            Err(away) => self.is_away(inquiry, away),
        }
    }

    fn found(&mut self, inquiry: &Inquiry, finding: Finding) {
        if let Finding::Unwilling(reason) = finding {
            return self.is_away(inquiry, NotAsked { reason, for_good: None });
        }
        // Before anybody hears an answer, so that whoever asks next finds things as they are.
        self.is_back();
        let mut state = self.shared.lock();
        match &finding {
            Finding::Valid => state.settle(inquiry, &self.target, Ok(())),
            Finding::Unknown(reply) => state.settle(inquiry, &self.target, Err(reply)),
            Finding::Later(reply) => state.put_off(inquiry, &self.target, reply),
            Finding::Unwilling(_) => {}
        }
        let probes = finding == Finding::Valid && state.is_open_question(inquiry, &self.target);
        drop(state);
        if probes {
            self.probe_everybody(inquiry);
        }
    }

    /// Asks for somebody whom nobody knows. Clients do not wait for this.
    fn probe_everybody(&mut self, inquiry: &Inquiry) {
        let domain = domain(&inquiry.address);
        let takes = match self.ask(inquiry, &format!("{}@{domain}", nobody())) {
            Ok(Finding::Valid) => Some(true),
            Ok(Finding::Unknown(_)) => Some(false),
            Ok(Finding::Later(_) | Finding::Unwilling(_)) | Err(_) => None,
        };
        self.shared.lock().note_everybody(inquiry, &self.target, takes, UNSURE);
        if takes == Some(true) {
            self.shared.log.warning(format_args!(
                "every recipient of {} is accepted by {}: unknown ones will bounce; it is not asked for them for {} seconds",
                safe(domain.as_bytes()),
                self.target.destination,
                inquiry.rule.everybody.as_secs()
            ));
        }
    }

    /// The finding for one address. A host that puts us off, or is lost, leads to the next one as in a delivery; where that knows
    /// no better, the words of the first count.
    fn ask(&mut self, inquiry: &Inquiry, address: &str) -> Result<Finding, NotAsked> {
        let target = self.target.clone();
        let until = Instant::now() + WHOLE;
        let mut attempt = Attempt { inquiry, target: &target, until, way: None, place: None };
        let first = self.ask_host(&mut attempt, address);
        if is_known(&first) || !self.moves_on(&mut attempt) {
            return first;
        }
        let second = self.ask_host(&mut attempt, address);
        // The next question begins with the best host again.
        if let Some(line) = self.line.take() {
            quit(line.session);
        }
        if is_known(&second) { second } else { first }
    }

    /// The finding of one host, on the connection at hand or a new one.
    fn ask_host(&mut self, attempt: &mut Attempt<'_>, address: &str) -> Result<Finding, NotAsked> {
        let patience = &attempt.inquiry.settings.client.patience;
        let mut may_reconnect = true;
        loop {
            let mut line = self.ready_line(attempt)?;
            line.questions += 1;
            attempt.place = Some(line.session.place.clone());
            match probe::ask(&mut line.session, &self.target.sender, address, patience) {
                Ok(finding) => {
                    self.line = Some(line);
                    return Ok(finding);
                }
                Err(Lost::Stale) if may_reconnect => may_reconnect = false,
                Err(Lost::Stale) => return Err(NotAsked::failed("it closes each connection".to_owned())),
                Err(Lost::Failed(reason)) => return Err(NotAsked::failed(format!("{}: {reason}", line.session.place))),
            }
        }
    }

    fn ready_line(&mut self, attempt: &mut Attempt<'_>) -> Result<Line, NotAsked> {
        if let Some(mut line) = self.line.take() {
            if line.questions < MOST_QUESTIONS {
                line.session.peer.end_at(attempt.until);
                return Ok(line);
            }
            quit(line.session);
        }
        let mut way = attempt.way.take().map_or_else(|| attempt.find(), Ok)?;
        let session = way.next(attempt.until);
        for note in way.take_notes() {
            self.shared.log.line(format_args!("tls: {}", safe(note.as_bytes())));
        }
        attempt.way = Some(way);
        Ok(Line { session: session?, questions: 0 })
    }

    /// Leaves the host that was asked; whether there is another one.
    fn moves_on(&mut self, attempt: &mut Attempt<'_>) -> bool {
        let Some(place) = attempt.place.take() else { return false };
        if let Some(way) = &mut attempt.way {
            if !way.has_another_host() {
                return false;
            }
            way.leave_host();
        } else {
            // It was asked on the connection of an earlier question.
            let Ok(mut way) = attempt.find() else { return false };
            if !way.leave_host_at(&place) {
                return false;
            }
            attempt.way = Some(way);
        }
        if let Some(line) = self.line.take() {
            quit(line.session);
        }
        true
    }

    /// Nobody in line is asked for now.
    fn is_away(&mut self, inquiry: &Inquiry, NotAsked { reason, for_good }: NotAsked) {
        let is_new = {
            let mut state = self.shared.lock();
            state.has_gone(&self.target);
            let host = state.host(&self.target);
            host.away = Some(Away { until: Instant::now() + AWAY, for_good });
            !std::mem::replace(&mut host.is_reported, true)
        };
        if is_new {
            let reason = safe(reason.as_bytes()).to_string();
            self.shared.log.warning(format_args!(
                "unable to ask {} for recipients: {reason}; those that were valid stay so, others are put off",
                self.target.destination
            ));
        }
        self.shared.lock().give_up(inquiry, &self.target);
        self.shared.refuse_line(&self.target);
    }

    fn is_back(&self) {
        let was_away = {
            let mut state = self.shared.lock();
            state.has_come(&self.target);
            let host = state.host(&self.target);
            host.away = None;
            std::mem::take(&mut host.is_reported)
        };
        if was_away {
            self.shared.log.line(format_args!("host {} can be asked for recipients again", self.target.destination));
        }
    }
}

/// A question on its way from host to host.
struct Attempt<'a> {
    inquiry: &'a Inquiry,
    target: &'a Target,
    /// The end of all patience.
    until: Instant,
    /// The hosts that are left, once a connection has been made for this question.
    way: Option<Way<'a>>,
    /// Who was asked.
    place: Option<Place>,
}

impl<'a> Attempt<'a> {
    fn find(&self) -> Result<Way<'a>, NotAsked> {
        let client = &self.inquiry.settings.client;
        let sources = client.outgoing.sources(&self.target.destination.name, &self.target.sender);
        Ok(Way::find(client, &self.target.destination, sources, Secrecy::Usual)?)
    }
}

/// Whether no other host need be asked.
fn is_known(asked: &Result<Finding, NotAsked>) -> bool {
    matches!(asked, Ok(Finding::Valid | Finding::Unknown(_)))
}

/// Why a host was not asked.
struct NotAsked {
    reason: String,
    /// The reply for the client where no later question can fare better.
    for_good: Option<String>,
}

impl NotAsked {
    fn failed(reason: String) -> Self {
        NotAsked { reason, for_good: None }
    }
}

impl From<NoSession> for NotAsked {
    /// A domain that does not exist or takes no mail has no recipients: what is accepted for it would bounce.
    fn from(none: NoSession) -> Self {
        let (verdict, reason) = none.judged;
        let for_good = (verdict == Verdict::Permanent).then(|| format!("550 5.1.2 {reason}"));
        NotAsked { reason, for_good }
    }
}

/// A local part that nobody has.
fn nobody() -> String {
    let mut random = [0u8; 10];
    // Without random numbers it is the same each time, which no honest host knows either.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    let letters = random.iter().map(|byte| char::from(b'a' + byte % 26));
    std::iter::once('q').chain(letters).collect()
}
