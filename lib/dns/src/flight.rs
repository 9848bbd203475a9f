//! One question under way: which servers were asked, what they said, when to ask the next.
//!
//! A server that is silent is not given up: its socket stays open while others are asked, so a late answer
//! still counts. A server that answers with an error is crossed out for this question; when all are crossed out,
//! the question fails with the reason of the last one that said something.
//!
//! Known limits: at most [`MAX_ATTEMPTS`] sockets per question; after that we only listen.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::link::Link;
use crate::message::{self, Reading};
use crate::outcome::{Failure, Outcome, Reason, Timed};
use crate::question::{Name, Question};

const MAX_ATTEMPTS: usize = 8;
/// Datagrams that are not our answer; whoever sends more is flooding this port.
const MAX_STRANGERS: u8 = 16;
/// Wait for the first server before the next is asked as well; doubles with each round over all servers.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A question and everything known about its answer.
pub(crate) struct Flight {
    kind: crate::Kind,
    /// The names asked or reached over aliases; the last one is being asked.
    path: Vec<Name>,
    attempts: Vec<Attempt>,
    started: usize,
    crossed_out: Vec<usize>,
    last_failure: Option<Failure>,
    last_stranger: Option<&'static str>,
    next_attempt: Instant,
    outcome: Option<Outcome>,
    lifetime: Option<Duration>,
    /// Who has answered a step, and whether it was said to be validated.
    heard: Vec<(usize, bool)>,
}

struct Attempt {
    server: usize,
    id: u16,
    edns: bool,
    strangers: u8,
    link: Link,
}

impl Flight {
    pub(crate) fn new(question: &Question, now: Instant) -> Self {
        Flight {
            kind: question.kind,
            path: vec![question.name.clone()],
            attempts: Vec::new(),
            started: 0,
            crossed_out: Vec::new(),
            last_failure: None,
            last_stranger: None,
            next_attempt: now,
            outcome: None,
            lifetime: None,
            heard: Vec::new(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    pub(crate) fn has_answer(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Answer(_)))
    }

    /// When [`Flight::ask_if_due`] wants to be called again, at the latest.
    pub(crate) fn next_attempt(&self) -> Option<Instant> {
        (self.started < MAX_ATTEMPTS).then_some(self.next_attempt)
    }

    /// The sockets to poll, in the order of the indices that [`Flight::advance`] takes.
    pub(crate) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.attempts.iter().map(|attempt| attempt.link.interest())
    }

    /// Asks the next server where the time has come.
    pub(crate) fn ask_if_due(&mut self, servers: &[SocketAddr], now: Instant) {
        while self.outcome.is_none() && self.next_attempt().is_some_and(|due| due <= now) {
            let Some(server) = self.next_server(servers.len()) else {
                self.give_up();
                return;
            };
            let round = u32::try_from(self.started / servers.len().max(1)).unwrap_or(0).min(3);
            self.next_attempt = now + FIRST_WAIT * 2u32.pow(round);
            self.started += 1;
            self.launch(servers, server, true, false);
        }
    }

    /// Takes what has arrived at the socket `index`.
    pub(crate) fn advance(&mut self, index: usize, servers: &[SocketAddr], now: Instant) {
        let Some(attempt) = self.attempts.get_mut(index) else { return };
        match attempt.link.advance() {
            Ok(None) => {}
            Ok(Some(bytes)) => self.take(index, &bytes, servers, now),
            Err(error) => self.cross_out(index, unreachable(&error), servers, now),
        }
    }

    /// The outcome; where there is none yet, the deadline has passed.
    pub(crate) fn finish(self, is_trusted: impl Fn(usize) -> bool) -> Timed {
        let secure = !self.heard.is_empty() && self.heard.iter().all(|(server, authentic)| *authentic && is_trusted(*server));
        let reason = self.last_stranger.map_or(Reason::Timeout, Reason::Malformed);
        let silence = Failure { server: None, reason };
        let outcome = self.outcome.unwrap_or_else(|| Outcome::Temporary(self.last_failure.unwrap_or(silence)));
        let has_failed = matches!(outcome, Outcome::Temporary(_));
        Timed { lifetime: self.lifetime.filter(|_| !has_failed), secure: secure && !has_failed, outcome }
    }

    fn take(&mut self, index: usize, bytes: &[u8], servers: &[SocketAddr], now: Instant) {
        let Some(attempt) = self.attempts.get(index) else { return };
        let (server, edns) = (attempt.server, attempt.edns);
        let reading = message::read(bytes, attempt.id, self.kind, &mut self.path);
        if matches!(reading, Reading::Answer(_) | Reading::NoSuchName | Reading::NoData | Reading::Follow(_)) {
            self.lifetime = [self.lifetime, message::lifetime(bytes)].into_iter().flatten().min();
            self.heard.push((server, message::is_authentic(bytes)));
        }
        match reading {
            Reading::Answer(answer) => self.outcome = Some(Outcome::Answer(answer)),
            Reading::NoSuchName => self.outcome = Some(Outcome::NoSuchName),
            Reading::NoData => self.outcome = Some(Outcome::NoData),
            Reading::Follow(_) => self.start_over(now),
            Reading::Truncated if self.over_tcp(index) => {
                self.cross_out(index, Reason::Malformed("truncated over TCP"), servers, now);
            }
            Reading::Truncated => self.replace(index, servers, server, edns, true),
            Reading::WithoutEdns if edns => self.replace(index, servers, server, false, self.over_tcp(index)),
            Reading::WithoutEdns => self.cross_out(index, Reason::Code(1), servers, now),
            Reading::Failed(Reason::AliasLoop) => self.fail(servers.get(server), Reason::AliasLoop),
            Reading::Failed(reason) => self.cross_out(index, reason, servers, now),
            Reading::Stranger(what) => self.note_stranger(index, what, servers, now),
        }
    }

    /// The aliases lead to a name that must be asked for; every server may be asked again.
    fn start_over(&mut self, now: Instant) {
        self.attempts.clear();
        self.crossed_out.clear();
        self.started = 0;
        self.next_attempt = now;
    }

    fn note_stranger(&mut self, index: usize, what: &'static str, servers: &[SocketAddr], now: Instant) {
        self.last_stranger = Some(what);
        let Some(attempt) = self.attempts.get_mut(index) else { return };
        attempt.strangers += 1;
        // Over TCP nobody but the server can have sent it.
        let hopeless = attempt.strangers >= MAX_STRANGERS || matches!(attempt.link, Link::Tcp(_));
        if hopeless {
            self.cross_out(index, Reason::Malformed(what), servers, now);
        }
    }

    fn over_tcp(&self, index: usize) -> bool {
        self.attempts.get(index).is_some_and(|attempt| matches!(attempt.link, Link::Tcp(_)))
    }

    fn replace(&mut self, index: usize, servers: &[SocketAddr], server: usize, edns: bool, tcp: bool) {
        self.attempts.remove(index);
        self.launch(servers, server, edns, tcp);
    }

    fn cross_out(&mut self, index: usize, reason: Reason, servers: &[SocketAddr], now: Instant) {
        let server = self.attempts.remove(index).server;
        self.note_failure(servers, server, reason);
        self.next_attempt = now;
        if self.next_server(servers.len()).is_none() {
            self.give_up();
        }
    }

    fn note_failure(&mut self, servers: &[SocketAddr], server: usize, reason: Reason) {
        self.last_failure = Some(Failure { server: servers.get(server).copied(), reason });
        if !self.crossed_out.contains(&server) {
            self.crossed_out.push(server);
        }
    }

    fn give_up(&mut self) {
        let unasked = Failure { server: None, reason: Reason::System("no resolver is configured".to_owned()) };
        self.outcome = Some(Outcome::Temporary(self.last_failure.take().unwrap_or(unasked)));
    }

    fn fail(&mut self, server: Option<&SocketAddr>, reason: Reason) {
        self.outcome = Some(Outcome::Temporary(Failure { server: server.copied(), reason }));
    }

    /// The next server in turn that is not crossed out.
    fn next_server(&self, count: usize) -> Option<usize> {
        (0..count).map(|step| (self.started + step) % count).find(|server| !self.crossed_out.contains(server))
    }

    fn launch(&mut self, servers: &[SocketAddr], server: usize, edns: bool, tcp: bool) {
        match self.open(servers, server, edns, tcp) {
            Ok(attempt) => self.attempts.push(attempt),
            Err(reason) => {
                self.note_failure(servers, server, reason);
                self.next_attempt = Instant::now();
            }
        }
    }

    fn open(&self, servers: &[SocketAddr], server: usize, edns: bool, tcp: bool) -> Result<Attempt, Reason> {
        let address = *servers.get(server).ok_or_else(|| Reason::System("no such server".to_owned()))?;
        let name = self.path.last().ok_or_else(|| Reason::System("no name to ask for".to_owned()))?;
        let id = random_id()?;
        let query = message::query(id, name, self.kind, edns)?;
        let link = if tcp { Link::tcp(address, &query) } else { Link::udp(address, &query) };
        Ok(Attempt { server, id, edns, strangers: 0, link: link.map_err(|error| unreachable(&error))? })
    }
}

fn unreachable(error: &io::Error) -> Reason {
    Reason::Unreachable(error.to_string())
}

fn random_id() -> Result<u16, Reason> {
    let mut id = [0; 2];
    rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Reason::System(io::Error::from(error).to_string()))?;
    Ok(u16::from_ne_bytes(id))
}
