//! One message on its way in: from the first byte of its data to the queue's word.
//!
//! What it does: keeps up to [`MEMORY_MAX`] bytes and gives them to queued in one burst at the end, so that a slow client
//! costs queued nothing; a larger message streams. One that a check wants to see whole waits in a file until it is judged.
//! Counts its size and its stations on the way.
//!
//! How it fails: a refusal is kept and all further bytes are dropped; the client hears it at the end of its data, where
//! SMTP has a place for it. Dropping the value before its end leaves nothing behind in the queue.

use std::path::Path;
use std::time::SystemTime;

use stafett_envelope::{Envelope, Head};
use stafett_smtp::Reply;
use stafett_smtp::decode::Flaw;
use stafett_smtp::hops::HopCounter;
use stafett_wire::injector::{Answer, Gathered, Injector};

use crate::program::Program;
use crate::queue::Queue;
use crate::received::{self, Introduced};
use stafett_reception::checks::Checked;
use stafett_reception::draft::{Discarded, Draft};
use stafett_reception::policy::{Policy, Transaction, too_large};
use stafett_reception::refusal::{Refusal, Subject};

/// The largest message that waits in memory, in bytes.
const MEMORY_MAX: usize = 64 * 1024;

/// Room for a message of usual size, in bytes.
const MEMORY_FIRST: usize = 8 * 1024;

/// A message that is being received.
#[derive(Debug)]
pub struct Message<'a> {
    policy: Policy<'a>,
    queue: &'a Queue,
    envelope: Envelope,
    databytes: u64,
    size: u64,
    hops: HopCounter,
    way: Way,
}

/// Where the bytes go.
#[derive(Debug)]
enum Way {
    Memory(Gathered),
    /// To be judged whole.
    Draft(Box<Draft>),
    Queued(Injector),
    Program(Program),
    /// Nowhere, and the client is told that it was taken.
    Discarded(Discarded),
    /// Nowhere; this will be the answer.
    Refused(Box<Refusal>),
}

/// A message that the queue has taken.
#[derive(Debug)]
pub struct Stored {
    /// Its queue id, or the process id of the program that took it.
    pub id: String,
    /// Its size in bytes, without our Received field.
    pub size: u64,
    /// Whom it is from and for.
    pub envelope: Envelope,
    /// It was not taken, although the client is told so.
    pub discarded: Option<Discarded>,
}

impl<'a> Message<'a> {
    /// Begins a message; one that a check wants to see whole is kept in `spool`.
    pub fn new(transaction: Transaction, policy: Policy<'a>, queue: &'a Queue, spool: Option<&Path>, introduced: Introduced<'_>) -> Self {
        let greeted = introduced.0;
        let Transaction { mut envelope, databytes, .. } = transaction;
        let client = policy.client;
        envelope.origin = format!("smtp {} {}", client.address(), stafett_message::harmless(&greeted.name, 255));
        let lines = received::lines(client, introduced, &policy.settings.me, envelope.smtputf8, SystemTime::now());
        // what the checks put there stands above it (RFC 7208 §9.1)
        envelope.head.extend(lines);
        let mut message =
            Self { policy, queue, envelope, databytes, size: 0, hops: HopCounter::new(), way: Way::Memory(Gathered::with_room(0)) };
        message.way = match (spool, &client.queue_program) {
            (Some(spool), _) => message.draft(spool),
            (None, None) => Way::Memory(Gathered::with_room(MEMORY_FIRST)),
            (None, Some(program)) => start_program(program, policy, queue, &message.envelope),
        };
        message
    }

    /// Takes the next bytes of the message.
    pub fn take(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hops.feed(bytes);
        if self.databytes > 0 && self.size > self.databytes {
            self.refuse(too_large(), self.policy.databytes_rule());
        } else if u64::from(self.hops.hops()) >= self.policy.settings.max_hops {
            let reply = Reply::new(554, (5, 4, 6), "too many hops, this message is looping (#5.4.6)");
            self.refuse(reply, "control/maxhops");
        }
        match &mut self.way {
            Way::Memory(kept) if kept.size() + bytes.len() <= MEMORY_MAX => kept.data(bytes),
            Way::Memory(_) => self.stream(bytes),
            Way::Queued(injector) => injector.data(bytes),
            Way::Program(program) => program.data(bytes),
            Way::Draft(draft) => {
                if let Err(error) = draft.write(bytes) {
                    self.way = Way::Refused(self.not_kept(&error));
                }
            }
            Way::Discarded(_) | Way::Refused(_) => {}
        }
    }

    /// Ends the message, which `judge` sees if a check wanted it whole.
    ///
    /// # Errors
    /// Why it is not queued.
    pub fn finish(mut self, flaw: Option<Flaw>, judge: impl FnOnce(&mut Draft) -> Checked) -> Result<Stored, Box<Refusal>> {
        if let Some(flaw) = flaw {
            self.refuse(flawed(flaw), "line ends");
        }
        let way = match std::mem::replace(&mut self.way, Way::Memory(Gathered::with_room(0))) {
            Way::Draft(draft) => self.pass_on(*draft, judge)?,
            way => way,
        };
        let mut discarded = None;
        let id = match way {
            Way::Discarded(by) => {
                discarded = Some(by);
                Ok("0".to_owned())
            }
            Way::Refused(refusal) => return Err(refusal),
            Way::Memory(kept) => self.queue.inject(kept, &self.envelope),
            Way::Draft(_) => Err(not_kept()),
            Way::Queued(injector) => self.queue.finish(injector),
            Way::Program(program) => match program.finish(&self.envelope) {
                Answer::Accepted(id) => Ok(id),
                Answer::Temporary(text) | Answer::Permanent(text) => Err(Reply::from_text(&text)),
            },
        };
        match id {
            Ok(id) => Ok(Stored { id, size: self.size, envelope: self.envelope, discarded }),
            Err(reply) => Err(Refusal::new(reply, "queue", subject(&self.envelope))),
        }
    }

    /// From memory to queued, because it has become too large to wait.
    fn stream(&mut self, bytes: &[u8]) {
        match self.queue.open(&self.envelope) {
            Ok(mut injector) => {
                if let Way::Memory(kept) = std::mem::replace(&mut self.way, Way::Memory(Gathered::with_room(0))) {
                    injector.gathered(kept);
                }
                injector.data(bytes);
                self.way = Way::Queued(injector);
            }
            Err(reply) => self.refuse(reply, "queue"),
        }
    }

    fn draft(&self, spool: &Path) -> Way {
        match Draft::new(spool, self.envelope.clone()) {
            Ok(draft) => Way::Draft(Box::new(draft)),
            Err(error) => Way::Refused(self.not_kept(&error)),
        }
    }

    /// Lets a draft be judged; the way that what has become of it has gone.
    fn pass_on(&mut self, mut draft: Draft, judge: impl FnOnce(&mut Draft) -> Checked) -> Result<Way, Box<Refusal>> {
        draft.flush().map_err(|error| self.not_kept(&error))?;
        judge(&mut draft)?;
        self.envelope = std::mem::take(&mut draft.envelope);
        if let Some(discarded) = draft.discarded.take() {
            return Ok(Way::Discarded(discarded));
        }
        if let (Some(_), Some(program)) = (&self.envelope.hold, &self.policy.client.queue_program) {
            self.queue.log.error(format_args!("unable to hold a message: \"{program}\" of QMAILQUEUE has no way to do that"));
            return Err(Refusal::new(not_kept(), "rule QMAILQUEUE", subject(&self.envelope)));
        }
        let front = std::mem::take(&mut draft.front).into_iter().map(Head::Line);
        self.envelope.head.splice(0..0, front);
        let mut way = match &self.policy.client.queue_program {
            Some(program) => start_program(program, self.policy, self.queue, &self.envelope),
            None => Way::Queued(self.queue.open(&self.envelope).map_err(|reply| Refusal::new(reply, "queue", subject(&self.envelope)))?),
        };
        let read = draft.read(|bytes| match &mut way {
            Way::Queued(injector) => injector.data(bytes),
            Way::Program(program) => program.data(bytes),
            _ => {}
        });
        read.map_err(|error| self.not_kept(&error)).map(|()| way)
    }

    /// The refusal of a message that there is no room for until it is judged.
    fn not_kept(&self, error: &std::io::Error) -> Box<Refusal> {
        self.queue.log.error(format_args!("unable to keep a message in spool/ until it is judged: {error}"));
        Refusal::new(not_kept(), "spool", subject(&self.envelope))
    }

    /// The first reason stays.
    fn refuse(&mut self, reply: Reply, rule: &'static str) {
        if !matches!(self.way, Way::Refused(_)) {
            self.way = Way::Refused(Refusal::new(reply, rule, subject(&self.envelope)));
        }
    }
}

fn start_program(program: &str, policy: Policy<'_>, queue: &Queue, envelope: &Envelope) -> Way {
    match Program::start(program, policy.client, envelope) {
        Ok(mut running) => {
            if running.unheard > 0 {
                let (unheard, of) = (running.unheard, envelope.recipients.len());
                queue.log.warning(format_args!(
                    "unable to tell \"{program}\" what the sender asked to hear of {unheard} of {of} recipients: they are too many"
                ));
            }
            received::without_id(&envelope.head).iter().for_each(|line| running.data(format!("{line}\r\n").as_bytes()));
            Way::Program(running)
        }
        Err(error) => {
            queue.log.error(format_args!("unable to start QMAILQUEUE program \"{program}\": {error}"));
            let reply = Reply::new(451, (4, 3, 0), "the queue program cannot be started");
            Way::Refused(Refusal::new(reply, "queue", subject(envelope)))
        }
    }
}

fn not_kept() -> Reply {
    Reply::new(451, (4, 3, 1), "the message cannot be kept while it is judged, try again later")
}

fn flawed(flaw: Flaw) -> Reply {
    let words = match flaw {
        Flaw::BareLf => "the message holds a bare LF, lines must end in CR LF (#5.6.0)",
        Flaw::BareCr => "the message holds a bare CR, lines must end in CR LF (#5.6.0)",
    };
    Reply::new(554, (5, 6, 0), words)
}

fn subject(envelope: &Envelope) -> Subject {
    let first = envelope.recipients.first().map(|recipient| recipient.address.clone());
    Subject { to: first, ..Subject::from(&envelope.sender) }.count(format!("recipients {}", envelope.recipients.len()))
}
