//! One delivery connection: orders in, reports out, until the scheduler closes the pair.
//!
//! Security stance: orders come from the scheduler, whose user the parent has checked; they are parsed all the same, and
//! what does not parse ends the child. A message is only ever read.
//! How it fails: each order has one report, whatever happened; a report that cannot be sent ends the child, and the
//! scheduler then counts the message as not delivered.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use stafett_envelope::Envelope;
use stafett_handoff::Conversation;
use stafett_log::{Log, safe};
use stafett_smtp::ehlo::Capabilities;
use stafett_smtp_client::judgement;
use stafett_smtp_client::outgoing::Sources;
use stafett_smtp_client::session::{self, Session};
use stafett_smtp_client::settings::Settings;
use stafett_smtp_client::tls::Secrecy;
use stafett_smtp_client::{NoSession, Way};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{receive_packet, send_packet};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::delivery::{Destination, Kind, Order, Report, Scope};

use crate::content::Content;
use crate::ledger::Ledger;
use crate::message::Message;
use crate::senders::{Rewritten, Senders};
use crate::transaction::{self, Stop};

/// Hosts that one order is taken to when the first ones put it off; each costs the others of the domain a connection.
const MOST_HOSTS: usize = 2;
/// Exit code of a child whose scheduler breaks the protocol.
const BROKEN_PROTOCOL: i32 = 100;

/// Serves the orders of one conversation; the exit code of the process.
pub fn serve(settings: &Settings, senders: &Senders, log: Log, conversation: Conversation) -> i32 {
    let strings: Vec<&[u8]> = conversation.strings.iter().map(Vec::as_slice).collect();
    let Conversation { descriptor, lifeline, .. } = &conversation;
    let outcome = Destination::parse(&strings).map_err(|error| error.to_string()).and_then(|destination| {
        if destination.kind == Kind::Local {
            return Err("asked to deliver to this host, which is for stafett-local".to_owned());
        }
        let destination = &destination;
        Child { settings, senders, log, destination, orders: descriptor, lifeline, line: None, may_pipeline: true }.run()
    });
    match outcome {
        Ok(()) => 0,
        Err(reason) => {
            log.error(format_args!("unable to serve stafett-send: {}", safe(reason.as_bytes())));
            BROKEN_PROTOCOL
        }
    }
}

struct Child<'a> {
    settings: &'a Settings,
    senders: &'a Senders,
    log: Log,
    destination: &'a Destination,
    orders: &'a OwnedFd,
    lifeline: &'a OwnedFd,
    line: Option<Line<'a>>,
    /// False once the server has shown that it cannot.
    may_pipeline: bool,
}

/// A session, and the hosts that are left beside its own.
struct Line<'a> {
    session: Session,
    way: Way<'a>,
}

/// The state of one order between its sessions.
struct Attempt<'a> {
    sources: Sources,
    /// What the sender wants of the way; `Waived` only once that makes a difference.
    secrecy: Secrecy,
    until: Instant,
    /// The hosts after one that has put the message off.
    way: Option<Way<'a>>,
    /// Hosts that the message may still be taken to.
    hosts_left: usize,
    may_reconnect: bool,
    /// False once the server has refused what it offers. For this message alone: a sender may provoke that refusal, and
    /// without the offer others would be bounced.
    may_extend: bool,
}

/// What the wait for an order ended with.
enum Woken {
    /// An order, or the end of orders; the flag says whether it is the last.
    Order { last: bool },
    /// The parent ends.
    End,
}

impl<'a> Child<'a> {
    fn run(mut self) -> Result<(), String> {
        let mut buffer = vec![0; LARGEST_PACKET];
        while let Woken::Order { last } = self.wait().map_err(|error| format!("unable to wait: {error}"))? {
            let packet = receive_packet(self.orders, &mut buffer).map_err(|error| format!("no order: {error}"))?;
            if packet.length == 0 {
                break;
            }
            let bytes = buffer.get(..packet.length).unwrap_or_default();
            let file = packet.descriptor.ok_or("an order without a message")?;
            let mut report = self.carry_out(bytes, file)?;
            report.reusable &= !last;
            // A scheduler that is gone reads no report; the message stays in its queue.
            if send_packet(self.orders, &report.encode(), None).is_err() || !report.reusable {
                break;
            }
        }
        if let Some(line) = self.line.take() {
            session::quit(line.session);
        }
        Ok(())
    }

    /// Waits for an order, for the end, or for the server to give up the idle connection.
    fn wait(&mut self) -> std::io::Result<Woken> {
        loop {
            let mut wanted = vec![(self.orders.as_fd(), Interest::Read), (self.lifeline.as_fd(), Interest::Read)];
            wanted.extend(self.line.as_ref().map(|line| (line.session.peer.as_fd(), Interest::Read)));
            let ready = poll::wait(&wanted, None)?;
            let is_ready = |index: usize| ready.get(index).is_some_and(|ready| ready.any());
            let (order, end) = (is_ready(0), is_ready(1));
            if is_ready(2) {
                self.line.take_if(|line| !line.session.peer.is_quiet());
            }
            if order {
                return Ok(Woken::Order { last: end });
            }
            if end {
                return Ok(Woken::End);
            }
        }
    }

    fn carry_out(&mut self, packet: &[u8], file: OwnedFd) -> Result<Report, String> {
        let order = Order::parse(packet).map_err(|error| error.to_string())?;
        let envelope = Envelope::parse(order.envelope).map_err(|error| error.to_string())?;
        let count = envelope.recipients.len();
        let content = Content::new(&envelope, file, order.size);
        let mut ledger = Ledger::new(count);
        let rewritten = self.senders.rewrite(&envelope).unwrap_or_else(|unknown| {
            unknown.recipients.iter().for_each(|number| ledger.put_off_here(*number, judgement::sender_unknown(&unknown.reason)));
            Rewritten::default()
        });
        if !rewritten.recipients.is_empty() {
            let [before, after] = [&envelope.sender, &rewritten.sender].map(|sender| safe(sender.as_bytes()));
            self.log.line(format_args!("srs: {before} goes on as {after}"));
        }
        let (scope, reusable) = self.deliver(&Message { envelope, rewritten, content }, &mut ledger);
        let (recipients, dsn_taken) = ledger.finish();
        Ok(Report { delivery: order.delivery, scope, reusable, takes_several: false, recipients, dsn_taken })
    }

    /// Fills the ledger; says what a failure is about and whether the connection is still good.
    fn deliver(&mut self, message: &Message, ledger: &mut Ledger) -> (Scope, bool) {
        if ledger.open().is_empty() {
            return (Scope::Own, true);
        }
        let sources = self.settings.outgoing.sources(&self.destination.name, &message.envelope.sender);
        let until = Instant::now() + self.settings.patience.delivery;
        let (secrecy, hosts_left) = (message.secrecy(), MOST_HOSTS - 1);
        let mut attempt = Attempt { sources, secrecy, until, way: None, hosts_left, may_reconnect: true, may_extend: true };
        loop {
            let moved = attempt.way.is_some();
            let mut line = match self.ready_line(&mut attempt, message) {
                Ok(line) => line,
                Err(NoSession { judged, scope }) => {
                    ledger.restore();
                    ledger.judge_rest(&judged);
                    return (if moved { Scope::Message } else { scope }, false);
                }
            };
            let patience = &self.settings.patience;
            let stop = transaction::deliver(&mut line.session, message, patience, ledger, self.may_pipeline).err();
            line.session.is_used = true;
            match stop {
                None if attempt.moves_on(&mut line.way, ledger) => {
                    session::quit(line.session);
                    attempt.way = Some(line.way);
                }
                None if !attempt.may_extend => {
                    session::quit(line.session);
                    return (Scope::Message, true);
                }
                None => {
                    // After a move the next message begins with the best host again.
                    let reusable = attempt.hosts_left == MOST_HOSTS - 1;
                    self.line = Some(line);
                    return (Scope::Message, reusable);
                }
                Some(Stop::Stale(_)) if attempt.may_reconnect => attempt.may_reconnect = false,
                Some(Stop::CannotPipeline(_)) if self.may_pipeline => self.may_pipeline = false,
                Some(Stop::CannotExtend(_)) if attempt.may_extend => attempt.may_extend = false,
                Some(Stop::Lost(judged) | Stop::Stale(judged) | Stop::CannotPipeline(judged) | Stop::CannotExtend(judged)) => {
                    ledger.judge_rest(&judged);
                    if !attempt.moves_on(&mut line.way, ledger) {
                        return (Scope::Message, false);
                    }
                    attempt.way = Some(line.way);
                }
                Some(Stop::Final(judged)) => {
                    ledger.judge_rest(&judged);
                    return (Scope::Message, false);
                }
            }
        }
    }

    /// The session at hand if it fits and its server has kept silent (the wait for the order has looked), else a new one.
    fn ready_line(&mut self, attempt: &mut Attempt<'a>, message: &Message) -> Result<Line<'a>, NoSession> {
        if let Some(mut line) = self.line.take() {
            let fits = line.way.sources == attempt.sources && line.way.secrecy() == attempt.secrecy;
            if fits && !line.session.peer.has_unread() && line.way.is_current() {
                line.session.peer.end_at(attempt.until);
                return Ok(line);
            }
            session::quit(line.session);
        }
        let mut way = match attempt.way.take() {
            Some(way) => way,
            None => self.find_way(attempt)?,
        };
        let mut found = self.next_session(&mut way, attempt.until);
        if found.is_err() && way.can_be_waived() && message.waives_tls() {
            attempt.secrecy = Secrecy::Waived;
            way = self.find_way(attempt)?;
            found = self.next_session(&mut way, attempt.until);
        }
        let mut session = found?;
        if !attempt.may_extend {
            let Capabilities { pipelining, require_tls, .. } = session.server;
            session.server = Capabilities { pipelining, require_tls, ..Capabilities::default() };
        }
        Ok(Line { session, way })
    }

    fn find_way(&self, attempt: &Attempt<'a>) -> Result<Way<'a>, NoSession> {
        Way::find(self.settings, self.destination, attempt.sources, attempt.secrecy)
    }

    fn next_session(&self, way: &mut Way<'a>, until: Instant) -> Result<Session, NoSession> {
        let found = way.next(until);
        for note in way.take_notes() {
            self.log.line(format_args!("tls: {}", safe(note.as_bytes())));
        }
        found
    }
}

impl Attempt<'_> {
    /// Whether somebody was put off and another host is left to ask; the ledger is open for it then.
    fn moves_on(&mut self, way: &mut Way<'_>, ledger: &mut Ledger) -> bool {
        let moves = self.hosts_left > 0 && way.has_another_host() && ledger.reopen();
        if moves {
            self.hosts_left -= 1;
            way.leave_host();
        }
        moves
    }
}
