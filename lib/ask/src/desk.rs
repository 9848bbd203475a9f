//! The service's half: a loop that takes questions.

use crate::answer::{Answer, LONGEST, MOST_FIELDS};
use stafett_log::Log;
use stafett_sys::poll::{self, Interest};
use stafett_sys::signal::{Signal, Signals};
use stafett_sys::socket::{self, Style};
use stafett_sys::user::Uid;
use stafett_wire::netstring::all;
use stafett_wire::{LARGEST_PACKET, Verdict};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// Callers that have been accepted and have not asked yet; a further one takes the place of the eldest.
const MOST_SILENT: usize = 256;
/// How long a caller may take to ask.
const SILENCE: Duration = Duration::from_secs(5);
/// How long callers are left waiting when there is no descriptor for them.
const DEAF: Duration = Duration::from_secs(1);

/// What a service does.
pub trait Service {
    /// Called before each question and on HUP (`forced`): read again what has changed. Must be cheap when nothing has.
    fn refresh(&mut self, forced: bool);

    /// Answers a question, or keeps it to answer later, on a thread if it takes long.
    fn take(&mut self, question: Question);

    /// Called between questions; says when it wants to be called again at the latest.
    fn rest(&mut self) -> Option<Duration> {
        None
    }

    /// A descriptor beside those of the callers that is waited for; [`Service::woken`] is called when it can be read.
    fn also_waits_for(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What [`Service::also_waits_for`] gave can be read.
    fn woken(&mut self) {}

    /// Called once, on TERM: store what must not be lost.
    fn end(&mut self) {}
}

/// A question and the way back to whoever asked. Dropped without an answer it tells the caller that there is none.
#[derive(Debug)]
pub struct Question {
    /// The verb and what follows.
    pub fields: Vec<Vec<u8>>,
    /// The descriptor that came with it.
    pub descriptor: Option<OwnedFd>,
    /// Who asks.
    pub uid: Uid,
    caller: OwnedFd,
}

impl Question {
    /// The verb.
    pub fn verb(&self) -> &str {
        self.text(0).unwrap_or_default()
    }

    /// A field as text; nothing when there are fewer or it is no UTF-8.
    pub fn text(&self, index: usize) -> Option<&str> {
        self.fields.get(index).and_then(|field| std::str::from_utf8(field).ok())
    }

    /// Gives the answer. A caller that is gone has no use for it.
    pub fn answer(self, answer: &Answer) {
        let mut packet = answer.encode();
        if packet.len() > LONGEST || answer.is_too_much() {
            packet = Answer::new(Verdict::Temporary, "the answer is too long").encode();
        }
        // the one packet of its connection always has room; an error means that nobody is there any more
        let _ = socket::send_packet(&self.caller, &packet, None);
    }
}

/// A socket at which questions are taken.
#[derive(Debug)]
pub struct Desk {
    log: Log,
    listener: OwnedFd,
    signals: Signals,
    allowed: Vec<Uid>,
    silent: VecDeque<Silent>,
    deaf_until: Option<Instant>,
}

/// A caller that has not asked yet.
#[derive(Debug)]
struct Silent {
    caller: OwnedFd,
    uid: Uid,
    until: Instant,
}

/// What a wait has ended with.
struct Woken {
    /// A signal can be taken.
    signalled: bool,
    /// For each silent caller whether something has come of it.
    callers: Vec<bool>,
    /// The service's own descriptor can be read.
    other: bool,
}

impl Desk {
    /// Listens at `path` for callers of the users `allowed`; our own user and root may always call. Blocks the signals that
    /// [`Desk::run`] waits for: call it before threads are started.
    ///
    /// # Errors
    /// When the socket cannot be made, or another process listens there.
    pub fn listen(log: Log, path: &Path, allowed: &[Uid]) -> io::Result<Desk> {
        let listener = socket::listen(path, Style::Packets, 1024)?;
        let signals = Signals::block(&[Signal::Terminate, Signal::Interrupt, Signal::Hangup])?;
        let mut allowed = allowed.to_vec();
        allowed.extend([Uid::effective(), Uid::ROOT]);
        Ok(Desk { log, listener, signals, allowed, silent: VecDeque::new(), deaf_until: None })
    }

    /// Serves until TERM.
    ///
    /// # Errors
    /// When waiting for events fails, which leaves nothing to do but to be started again.
    pub fn run(mut self, service: &mut impl Service) -> io::Result<()> {
        stafett_sys::memory::keep_freed();
        let mut buffer = vec![0; LARGEST_PACKET];
        loop {
            let rest = service.rest();
            let Woken { signalled, callers, other } = self.wait(rest, service.also_waits_for())?;
            if other {
                service.woken();
            }
            while let Some(signal) = signalled.then(|| self.signals.next()).flatten() {
                match signal {
                    Signal::Hangup => service.refresh(true),
                    _ => {
                        service.end();
                        return Ok(());
                    }
                }
            }
            let now = Instant::now();
            self.deaf_until = self.deaf_until.filter(|until| *until > now);
            if self.deaf_until.is_none() {
                self.accept(now);
            }
            for question in self.questions(&callers, now, &mut buffer) {
                service.refresh(false);
                service.take(question);
            }
        }
    }

    fn wait(&self, rest: Option<Duration>, other: Option<BorrowedFd<'_>>) -> io::Result<Woken> {
        let mut wanted = vec![(self.signals.as_fd(), Interest::Read)];
        wanted.extend(self.silent.iter().map(|silent| (silent.caller.as_fd(), Interest::Read)));
        wanted.extend(other.map(|other| (other, Interest::Read)));
        wanted.extend(Some((self.listener.as_fd(), Interest::Read)).filter(|_| self.deaf_until.is_none()));
        let patience = self.silent.front().map(|_| SILENCE);
        let deaf = self.deaf_until.map(|_| DEAF);
        let ready = poll::wait(&wanted, [rest, patience, deaf].into_iter().flatten().min())?;
        let callers = ready.iter().skip(1).take(self.silent.len()).map(|ready| ready.any()).collect();
        let has = |index: usize| ready.get(index).is_some_and(|ready| ready.any());
        Ok(Woken { signalled: has(0), callers, other: other.is_some() && has(1 + self.silent.len()) })
    }

    /// New callers; most have asked already, so that each is looked at once more right away.
    fn accept(&mut self, now: Instant) {
        loop {
            match socket::accept_nonblocking(&self.listener) {
                Ok(Some(caller)) => self.admit(caller, now),
                Ok(None) => return,
                Err(error) => {
                    self.log.error(format_args!("unable to accept a caller: {error}"));
                    self.deaf_until = Some(now + DEAF);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, caller: OwnedFd, now: Instant) {
        match socket::peer(&caller) {
            Ok(peer) if self.allowed.contains(&peer.uid) => {
                self.silent.push_back(Silent { caller, uid: peer.uid, until: now + SILENCE });
            }
            Ok(peer) => {
                self.log.error(format_args!("refused a call from process {} of user {}, who may not ask here", peer.pid, peer.uid));
            }
            Err(error) => self.log.error(format_args!("unable to tell who calls: {error}")),
        }
        if self.silent.len() > MOST_SILENT {
            self.silent.pop_front();
        }
    }

    /// What has been asked; forgets who is gone or has been silent for too long.
    fn questions(&mut self, ready: &[bool], now: Instant, buffer: &mut [u8]) -> Vec<Question> {
        let mut questions = Vec::new();
        for (index, silent) in std::mem::take(&mut self.silent).into_iter().enumerate() {
            // those behind the ones that were waited for have just come
            if !ready.get(index).copied().unwrap_or(true) {
                if silent.until > now {
                    self.silent.push_back(silent);
                }
                continue;
            }
            match socket::receive_packet(&silent.caller, buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.silent.push_back(silent),
                Ok(packet) if packet.length > 0 => {
                    let bytes = buffer.get(..packet.length).unwrap_or_default();
                    match all(bytes, MOST_FIELDS) {
                        Ok(fields) => questions.push(Question {
                            fields: fields.into_iter().map(<[u8]>::to_vec).collect(),
                            descriptor: packet.descriptor,
                            uid: silent.uid,
                            caller: silent.caller,
                        }),
                        Err(error) => self.log.error(format_args!("closing the connection of a caller: {error}")),
                    }
                }
                // gone without a question
                Ok(_) | Err(_) => {}
            }
        }
        questions
    }
}
