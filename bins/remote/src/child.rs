//! One delivery connection: orders in, reports out, until the scheduler closes the pair.
//!
//! Security stance: orders come from the scheduler, whose user the parent has checked; they are parsed all the same, and
//! what does not parse ends the child. A message is only ever read.
//! How it fails: each order has one report, whatever happened; a report that cannot be sent ends the child, and the
//! scheduler then counts the message as not delivered.

use std::os::fd::{AsFd, OwnedFd};

use stafett_envelope::Envelope;
use stafett_handoff::Conversation;
use stafett_log::{Log, safe};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{receive_packet, send_packet};
use stafett_wire::delivery::{Destination, Order, Report, Scope};
use stafett_wire::LARGEST_PACKET;

use crate::content::Content;
use crate::judgement::NoSession;
use crate::ledger::Ledger;
use crate::session::{self, Session};
use crate::settings::Settings;
use crate::transaction::{self, Message, Stop};

/// Exit code of a child whose scheduler breaks the protocol.
const BROKEN_PROTOCOL: i32 = 100;

/// Serves the orders of one conversation; the exit code of the process.
pub fn serve(settings: &Settings, log: Log, conversation: Conversation) -> i32 {
    let strings: Vec<&[u8]> = conversation.strings.iter().map(Vec::as_slice).collect();
    let Conversation { descriptor, lifeline, .. } = &conversation;
    let outcome = Destination::parse(&strings).map_err(|error| error.to_string()).and_then(|destination| {
        Child { settings, destination, orders: descriptor, lifeline, session: None, may_pipeline: true }.run()
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
    destination: Destination,
    orders: &'a OwnedFd,
    lifeline: &'a OwnedFd,
    session: Option<Session>,
    /// False once the server has shown that it cannot.
    may_pipeline: bool,
}

/// What the wait for an order ended with.
enum Woken {
    /// An order, or the end of orders; the flag says whether it is the last.
    Order { last: bool },
    /// The parent ends.
    End,
}

impl Child<'_> {
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
        if let Some(session) = self.session.take() {
            session::quit(session);
        }
        Ok(())
    }

    /// Waits for an order, for the end, or for the server to give up the idle connection.
    fn wait(&mut self) -> std::io::Result<Woken> {
        loop {
            let mut wanted = vec![(self.orders.as_fd(), Interest::Read), (self.lifeline.as_fd(), Interest::Read)];
            wanted.extend(self.session.as_ref().map(|session| (session.peer.as_fd(), Interest::Read)));
            let ready = poll::wait(&wanted, None)?;
            let is_ready = |index: usize| ready.get(index).is_some_and(|ready| ready.any());
            let (order, end) = (is_ready(0), is_ready(1));
            if is_ready(2) {
                self.session = None;
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
        let (scope, reusable) = self.deliver(&Message { envelope, content }, &mut ledger);
        Ok(Report { delivery: order.delivery, scope, reusable, recipients: ledger.finish(), dsn_taken: Vec::new() })
    }

    /// Fills the ledger; says what a failure is about and whether the connection is still good.
    fn deliver(&mut self, message: &Message, ledger: &mut Ledger) -> (Scope, bool) {
        let mut may_reconnect = true;
        loop {
            let mut session = match self.ready_session() {
                Ok(session) => session,
                Err(NoSession { judged, scope }) => {
                    ledger.judge_rest(&judged);
                    return (scope, false);
                }
            };
            let patience = &self.settings.patience;
            let stop = match transaction::deliver(&mut session, message, patience, ledger, self.may_pipeline) {
                Ok(()) => {
                    session.is_used = true;
                    self.session = Some(session);
                    return (Scope::Message, true);
                }
                Err(stop) => stop,
            };
            match stop {
                Stop::Stale(_) if may_reconnect => may_reconnect = false,
                Stop::CannotPipeline(_) if self.may_pipeline => self.may_pipeline = false,
                Stop::Lost(judged) | Stop::Stale(judged) | Stop::CannotPipeline(judged) => {
                    ledger.judge_rest(&judged);
                    return (Scope::Message, false);
                }
            }
        }
    }

    /// The session at hand if its server has kept silent (the wait for the order has looked), else a new one.
    fn ready_session(&mut self) -> Result<Session, NoSession> {
        match self.session.take() {
            Some(session) if !session.peer.has_unread() => Ok(session),
            _ => session::establish(self.settings, &self.destination),
        }
    }
}

