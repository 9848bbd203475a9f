//! The order of the dialogue: which command may come when, and what it does. No I/O, no clock.
//!
//! What it does: takes a parsed command, gives the next [`Step`] for whoever holds the connection. The transaction is one
//! value: MAIL makes it, RCPT fills it, DATA and BDAT move it out, and everything that resets drops it, so that nothing of
//! one transaction can be left for the next. `R` is a message that is being received by BDAT, opaque here.
//!
//! How it fails: with replies; a dialogue has no other errors.

mod login;

use std::time::Duration;

use stafett_control::form::auth::Mechanism;
use stafett_smtp::Reply;
use stafett_smtp::command::{Command, Fault};
use stafett_smtp::ehlo::Offer;

use crate::auth::{self, Exchange};
use crate::checks::{self, Checked, Context};
use crate::draft::Draft;
use crate::front::{Introduction, xclient};
use crate::policy::{Policy, Transaction};
use crate::refusal::{Refusal, Subject};
use crate::services::Services;
use crate::session::{Greeted, Session, Tls};

/// The longest command line but for AUTH, in bytes. RFC 5321 §4.5.3.1.4 has 512; parameters and long paths need more.
const LINE_MAX: usize = 4096;

/// How much is kept of what a client calls itself, in characters.
const NAME_MAX: usize = 255;

/// Where the dialogue stands, and what it has learnt.
#[derive(Debug)]
pub struct Dialogue<'a, R> {
    policy: Policy<'a>,
    session: Session,
    state: State<R>,
    /// AUTH is under way, and the next line belongs to it.
    exchange: Option<Exchange>,
}

#[derive(Debug)]
enum State<R> {
    /// Between transactions.
    Idle,
    /// MAIL was accepted.
    Open(Transaction),
    /// Chunks have come, more are announced.
    Chunked(R),
}

/// What a chunk belongs to.
#[derive(Debug)]
pub enum Target<R> {
    /// It begins this transaction's message.
    First(Transaction),
    /// It continues a message.
    Next(R),
}

/// What is to be done for a command.
#[derive(Debug)]
pub enum Step<R> {
    /// Answer.
    Say(Reply),
    /// Answer, and log what decided.
    Refuse(Box<Refusal>),
    /// As [`Step::Refuse`], so long after the client has asked, for that time must not tell how it was found out.
    RefuseLate(Box<Refusal>, Duration),
    /// Answer; the client has logged in.
    Authenticated {
        /// The answer.
        reply: Reply,
        /// By which mechanism.
        mechanism: Mechanism,
    },
    /// Answer 354 and receive the message of this transaction up to its dot.
    Receive(Transaction),
    /// Receive so many bytes.
    Chunk {
        /// What they belong to.
        target: Target<R>,
        /// How many.
        size: u64,
        /// Whether they end the message.
        last: bool,
    },
    /// Skip so many bytes, then answer.
    Skip(u64, Reply),
    /// Answer, then take a TLS handshake.
    StartTls(Reply),
    /// Answer and end.
    End(Reply),
    /// Begin anew, with the client that this one has named.
    Replace(Introduction),
}

impl<'a, R> Dialogue<'a, R> {
    /// After the connection was made.
    pub fn new(policy: Policy<'a>) -> Self {
        Self { policy, session: Session::default(), state: State::Idle, exchange: None }
    }

    /// The client has spoken before it was greeted.
    pub fn heard_early(&mut self) {
        self.session.is_early = true;
    }

    /// How many recipients the open transaction has.
    pub fn recipients(&self) -> u64 {
        match &self.state {
            State::Open(transaction) => transaction.envelope.recipients.len() as u64,
            State::Idle | State::Chunked(_) => 0,
        }
    }

    /// Decides whether to greet.
    ///
    /// # Errors
    /// The refusal, which ends the connection.
    pub fn open(&mut self, services: &mut dyn Services) -> Checked {
        checks::connection(&mut Context { policy: self.policy, session: &mut self.session, services })
    }

    /// Judges a whole message.
    ///
    /// # Errors
    /// The refusal.
    pub fn judge(&mut self, draft: &mut Draft, services: &mut dyn Services) -> Checked {
        checks::message(&mut Context { policy: self.policy, session: &mut self.session, services }, draft)
    }

    /// Whether the message of a transaction is judged whole.
    pub fn judges(&self, transaction: &Transaction) -> bool {
        checks::wants_message(self.policy, &self.session, &transaction.envelope)
    }

    /// The same of the open transaction.
    pub fn judges_open(&self) -> bool {
        matches!(&self.state, State::Open(transaction) if self.judges(transaction))
    }

    /// A message was queued for so many recipients.
    pub fn accepted(&mut self, recipients: usize, services: &mut dyn Services) {
        checks::accepted(&mut Context { policy: self.policy, session: &mut self.session, services }, recipients);
    }

    /// The connection is over.
    pub fn close(&mut self, services: &mut dyn Services) {
        checks::end(&mut Context { policy: self.policy, session: &mut self.session, services });
    }

    /// What the client called itself, once it has.
    pub fn greeted(&self) -> Option<&Greeted> {
        self.session.greeted.as_ref()
    }

    /// Takes a message back that awaits more chunks.
    pub fn resume(&mut self, message: R) {
        self.state = State::Chunked(message);
    }

    /// Serves one line without its line end.
    pub fn serve(&mut self, line: &[u8], services: &mut dyn Services) -> Step<R> {
        if let Some(exchange) = self.exchange.take() {
            return match auth::decoded(line) {
                Ok(message) => self.advance(exchange, &message, services),
                Err(unread) => Step::Say(unread.reply()),
            };
        }
        if line.len() > LINE_MAX && !line.get(..5).unwrap_or_default().eq_ignore_ascii_case(b"AUTH ") {
            return self.too_long();
        }
        if let Some(attributes) = xclient::of(line) {
            return self.introduce(attributes);
        }
        match Command::parse(line) {
            Ok(command) => self.command(command, services),
            Err(fault) => after_fault(line, &fault),
        }
    }

    fn command(&mut self, command: Command<'_>, services: &mut dyn Services) -> Step<R> {
        match command {
            Command::Helo(name) => self.greet(name, false, services),
            Command::Ehlo(name) => self.greet(name, true, services),
            Command::Mail(..) if self.session.greeted.is_none() => out_of_order("say EHLO first"),
            Command::Mail(..) if self.policy.lacks_tls(&self.session) => {
                Step::Say(Reply::new(530, (5, 7, 0), "Must issue a STARTTLS command first"))
            }
            Command::Mail(..) if self.policy.lacks_account(&self.session) => {
                Step::Refuse(Refusal::new(Reply::new(530, (5, 7, 0), "authentication required"), "rule SUBMISSION", Subject::default()))
            }
            Command::Mail(path, parameters) => match self.state {
                State::Idle => match self.policy.begin(path, parameters, &mut self.session, services) {
                    Ok(transaction) => {
                        self.state = State::Open(transaction);
                        Step::Say(Reply::new(250, (2, 1, 0), "ok"))
                    }
                    Err(refusal) => Step::Refuse(refusal),
                },
                _ => out_of_order("a transaction is already open"),
            },
            Command::Rcpt(path, parameters) => match &mut self.state {
                State::Open(transaction) => match self.policy.add(transaction, path, parameters, &mut self.session, services) {
                    Ok(()) => Step::Say(Reply::new(250, (2, 1, 5), "ok")),
                    Err(refusal) => Step::Refuse(refusal),
                },
                _ => out_of_order("MAIL comes first"),
            },
            Command::Data => self.data(),
            Command::Bdat { size, last } => self.chunk(size, last),
            Command::StartTls => self.start_tls(),
            Command::Auth(mechanism, message) => self.authenticate(mechanism, message, services),
            Command::Etrn(node) => self.etrn(node, services),
            Command::Rset => {
                self.state = State::Idle;
                Step::Say(Reply::new(250, (2, 0, 0), "flushed"))
            }
            Command::Noop => Step::Say(Reply::new(250, (2, 0, 0), "ok")),
            Command::Vrfy => Step::Say(Reply::new(252, (2, 5, 2), "send some mail, I will try my best")),
            Command::Help => Step::Say(self.offer().help()),
            Command::Quit => Step::End(Reply::new(221, (2, 0, 0), self.policy.settings.me.clone())),
        }
    }

    /// RFC 1985: who may ask for anything is said by control/etrn; without it the command is as unknown as ever.
    fn etrn(&mut self, node: &str, services: &mut dyn Services) -> Step<R> {
        let policy = self.policy;
        if policy.settings.etrn.are_none() {
            return Step::Say(Fault::NotImplemented.reply());
        }
        if self.session.greeted.is_none() {
            return out_of_order("say EHLO first");
        }
        if !matches!(self.state, State::Idle) {
            return out_of_order("not in the middle of a transaction");
        }
        if policy.lacks_tls(&self.session) {
            return Step::Say(Reply::new(530, (5, 7, 0), "Must issue a STARTTLS command first"));
        }
        match checks::etrn::start(&mut Context { policy, session: &mut self.session, services }, node) {
            Ok(reply) => Step::Say(reply),
            Err(refusal) => Step::Refuse(refusal),
        }
    }

    fn start_tls(&self) -> Step<R> {
        match (self.policy.offers_tls(&self.session), &self.state) {
            (true, State::Idle) => Step::StartTls(Reply::new(220, (2, 0, 0), "ready for TLS")),
            (true, _) => out_of_order("not in the middle of a transaction"),
            (false, _) if self.session.tls.is_some() => out_of_order("TLS is active already"),
            (false, _) => Step::Say(Reply::new(502, (5, 5, 1), "TLS is not available")),
        }
    }

    /// RFC 3207 §4.2: nothing that the client said before the handshake counts.
    pub fn secured(&mut self, tls: Tls) {
        self.state = State::Idle;
        self.session.greeted = None;
        self.session.account = None;
        // what was asked about one who logged in is less
        self.session.looked = Default::default();
        self.session.tls = Some(tls);
    }

    /// The connection is under TLS since before this client was named; the certificate was that of the one in front.
    pub fn carried(&mut self, tls: Option<Tls>) {
        self.session.tls = tls.map(|tls| Tls { fingerprint: None, subject: None, issuer: None, exporter: None, endpoint: None, ..tls });
    }

    /// What was agreed on, once the connection is under TLS.
    pub fn tls(&self) -> Option<&Tls> {
        self.session.tls.as_ref()
    }

    /// RFC 5321 §4.1.4: a new greeting resets everything.
    fn greet(&mut self, name: &str, extended: bool, services: &mut dyn Services) -> Step<R> {
        self.state = State::Idle;
        self.session.greeted = Some(Greeted { name: name.chars().take(NAME_MAX).collect(), extended });
        if let Err(refusal) = checks::helo(&mut Context { policy: self.policy, session: &mut self.session, services }) {
            self.session.greeted = None;
            return Step::Refuse(refusal);
        }
        let me = &self.policy.settings.me;
        Step::Say(if extended { self.ehlo() } else { Reply::plain(250, me.clone()) })
    }

    /// XCLIENT: only from whom control/xclient lists, and between transactions.
    fn introduce(&self, attributes: &[u8]) -> Step<R> {
        if !self.policy.settings.fronts.may_introduce(self.policy.client) {
            let reply = Reply::new(550, (5, 7, 0), "you may not name another client");
            return Step::Refuse(Refusal::new(reply, "control/xclient", Subject::default()));
        }
        if !matches!(self.state, State::Idle) {
            return out_of_order("a transaction is open");
        }
        match xclient::parse(attributes) {
            Ok(who) => Step::Replace(who),
            Err(fault) => Step::Say(Reply::new(501, (5, 5, 4), fault.to_string())),
        }
    }

    fn offer(&self) -> Offer {
        Offer {
            size: self.policy.databytes(),
            starttls: self.policy.offers_tls(&self.session),
            require_tls: self.policy.offers_require_tls(&self.session),
            etrn: checks::etrn::is_offered(self.policy, &self.session),
            auth: self.mechanisms(),
        }
    }

    fn ehlo(&self) -> Reply {
        let reply = self.offer().reply(&self.policy.settings.me);
        if self.policy.settings.fronts.may_introduce(self.policy.client) { reply.line(xclient::OFFER) } else { reply }
    }

    fn data(&mut self) -> Step<R> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Open(transaction) if !transaction.envelope.recipients.is_empty() => Step::Receive(transaction),
            State::Open(transaction) => {
                self.state = State::Open(transaction);
                Step::Say(no_recipients())
            }
            State::Chunked(message) => {
                self.state = State::Chunked(message);
                out_of_order("this message comes by BDAT")
            }
            State::Idle => out_of_order("MAIL comes first"),
        }
    }

    /// RFC 3030 §2: the bytes follow in any case, so a refused chunk is skipped, and the rest of its message with it.
    fn chunk(&mut self, size: u64, last: bool) -> Step<R> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Open(transaction) if transaction.envelope.recipients.is_empty() => {
                self.state = State::Open(transaction);
                Step::Skip(size, no_recipients())
            }
            State::Open(transaction) => Step::Chunk { target: Target::First(transaction), size, last },
            State::Chunked(message) => Step::Chunk { target: Target::Next(message), size, last },
            State::Idle => Step::Skip(size, Reply::new(503, (5, 5, 1), "MAIL comes first")),
        }
    }
}

/// After a BDAT that cannot be read nobody knows where the next command begins: the connection ends.
fn after_fault<R>(line: &[u8], fault: &Fault) -> Step<R> {
    let verb = line.get(..4).unwrap_or_default();
    if verb.eq_ignore_ascii_case(b"BDAT") { Step::End(fault.reply()) } else { Step::Say(fault.reply()) }
}

fn out_of_order<R>(words: &'static str) -> Step<R> {
    Step::Say(Reply::new(503, (5, 5, 1), words))
}

fn no_recipients() -> Reply {
    Reply::new(554, (5, 5, 1), "no valid recipients")
}
