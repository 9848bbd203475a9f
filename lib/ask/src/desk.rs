//! The service's half: a loop that takes questions.

use crate::answer::{Answer, LONGEST, MOST_FIELDS};
use crate::callers::{Callers, SILENCE};
use stafett_log::Log;
use stafett_sys::signal::{Signal, Signals};
use stafett_sys::socket::{self, Style};
use stafett_sys::user::Uid;
use stafett_wire::netstring::all;
use stafett_wire::{LARGEST_PACKET, Verdict};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long callers are left waiting when there is no descriptor for them.
const DEAF: Duration = Duration::from_secs(1);
/// What can be read, where it is not the caller of that number.
const SIGNALS: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;
const OTHER: u64 = u64::MAX - 2;

/// What a service does.
pub trait Service {
    /// Called before the questions that have come and on HUP (`forced`): read again what has changed. Must be cheap when nothing has.
    fn refresh(&mut self, forced: bool);

    /// Answers a question, or keeps it to answer later, on a thread if it takes long.
    fn take(&mut self, question: Question);

    /// Called between questions; says when it wants to be called again at the latest.
    fn rest(&mut self) -> Option<Duration> {
        None
    }

    /// A descriptor beside those of the callers that is waited for, the same one as long as the service lives; [`Service::woken`]
    /// is called when it can be read.
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
    back: Back,
}

/// The way back, for one answer.
#[derive(Debug)]
struct Back {
    caller: Arc<OwnedFd>,
    is_answered: bool,
}

impl Drop for Back {
    fn drop(&mut self) {
        if !self.is_answered {
            // that there is no answer is to be known at once, and the desk shall close its copy; who is gone needs neither
            let _ = socket::stop(&*self.caller);
        }
    }
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
    pub fn answer(mut self, answer: &Answer) {
        let mut packet = answer.encode();
        if packet.len() > LONGEST || answer.is_too_much() {
            packet = Answer::new(Verdict::Temporary, "the answer is too long").encode();
        }
        // whoever reads its answers has room for one more; otherwise it learns that there is none
        self.back.is_answered = socket::send_packet(&*self.back.caller, &packet, None).is_ok();
    }
}

/// A socket at which questions are taken.
#[derive(Debug)]
pub struct Desk {
    log: Log,
    listener: OwnedFd,
    signals: Signals,
    allowed: Vec<Uid>,
    callers: Callers,
    deaf_until: Option<Instant>,
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
        let callers = Callers::new()?;
        callers.group.add(listener.as_fd(), LISTENER)?;
        callers.group.add(signals.as_fd(), SIGNALS)?;
        Ok(Desk { log, listener, signals, allowed, callers, deaf_until: None })
    }

    /// Serves until TERM.
    ///
    /// # Errors
    /// When waiting for events fails, which leaves nothing to do but to be started again.
    pub fn run(mut self, service: &mut impl Service) -> io::Result<()> {
        stafett_sys::memory::keep_freed();
        if let Some(other) = service.also_waits_for() {
            self.callers.group.add(other, OTHER)?;
        }
        let mut buffer = vec![0; LARGEST_PACKET];
        loop {
            let rest = service.rest();
            let now = Instant::now();
            let mut ready = self.callers.group.wait(self.patience(rest, now))?;
            if ready.contains(&OTHER) {
                service.woken();
            }
            if ready.contains(&SIGNALS) && self.is_over(service) {
                service.end();
                return Ok(());
            }
            let now = Instant::now();
            self.hear_again(now)?;
            if ready.contains(&LISTENER) {
                // most have asked already, so that each is looked at right away
                ready.extend(self.accept(now));
            }
            if ready.iter().any(|number| *number < OTHER) {
                // whatever was changed before one of these questions was asked is seen
                service.refresh(false);
            }
            for number in ready {
                if let Some(question) = self.question(number, now, &mut buffer) {
                    service.take(question);
                }
            }
            self.callers.expire(now);
        }
    }

    fn patience(&self, rest: Option<Duration>, now: Instant) -> Option<Duration> {
        let deaf = self.deaf_until.map(|until| until.saturating_duration_since(now));
        [rest, deaf, self.callers.next_expiry(now)].into_iter().flatten().min()
    }

    /// Whether the service is to end.
    fn is_over(&self, service: &mut impl Service) -> bool {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::Hangup => service.refresh(true),
                _ => return true,
            }
        }
        false
    }

    /// New callers are listened to again when it is time.
    fn hear_again(&mut self, now: Instant) -> io::Result<()> {
        if self.deaf_until.is_some_and(|until| until <= now) {
            self.deaf_until = None;
            self.callers.group.add(self.listener.as_fd(), LISTENER)?;
        }
        Ok(())
    }

    /// The numbers of new callers.
    fn accept(&mut self, now: Instant) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            match socket::accept_nonblocking(&self.listener) {
                Ok(Some(caller)) => numbers.extend(self.admit(caller, now)),
                Ok(None) => return numbers,
                Err(error) => {
                    self.log.error(format_args!("unable to accept a caller: {error}"));
                    self.deaf_until = Some(now + DEAF);
                    self.callers.group.remove(self.listener.as_fd());
                    return numbers;
                }
            }
        }
    }

    fn admit(&mut self, caller: OwnedFd, now: Instant) -> Option<u64> {
        match socket::peer(&caller) {
            Ok(peer) if self.allowed.contains(&peer.uid) => match self.callers.add(caller, peer.uid, now) {
                Ok(number) => return Some(number),
                Err(error) => self.log.error(format_args!("unable to wait for what a caller asks: {error}")),
            },
            Ok(peer) => {
                self.log.error(format_args!("refused a call from process {} of user {}, who may not ask here", peer.pid, peer.uid));
            }
            Err(error) => self.log.error(format_args!("unable to tell who calls: {error}")),
        }
        None
    }

    /// What a caller asks, if it is one and does.
    fn question(&mut self, number: u64, now: Instant, buffer: &mut [u8]) -> Option<Question> {
        let caller = self.callers.table.get_mut(&number)?;
        let asked = match socket::receive_packet(&*caller.socket, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Ok(packet) if packet.length > 0 => all(buffer.get(..packet.length).unwrap_or_default(), MOST_FIELDS)
                .map(|fields| (fields.into_iter().map(<[u8]>::to_vec).collect(), packet.descriptor))
                .map_err(|error| self.log.error(format_args!("closing the connection of a caller: {error}"))),
            // gone
            Ok(_) | Err(_) => Err(()),
        };
        let Ok((fields, descriptor)) = asked else {
            self.callers.remove(number);
            return None;
        };
        caller.until = now + SILENCE;
        let back = Back { caller: Arc::clone(&caller.socket), is_answered: false };
        Some(Question { fields, descriptor, uid: caller.uid, back })
    }
}
