//! One connection of stafett-send: orders in, reports out, until it closes the pair.
//!
//! Security stance: root, like its parent; it parses orders of the scheduler, whose user the parent has checked, and makes the
//! processes that deliver. What does not parse ends the connection.
//! How it fails: each order has one report, whatever happened to its recipients.

use crate::apart::{Apart, KEEP, Outcome};
use crate::order::Deliveries;
use crate::settings::Settings;
use stafett_envelope::Envelope;
use stafett_handoff::Conversation;
use stafett_log::{Log, safe};
use stafett_sys::poll::{self, Interest, Ready};
use stafett_sys::socket::{receive_packet, send_packet};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::Verdict;
use stafett_wire::delivery::{Destination, Kind, Order, Report, Scope};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Exit code of a child whose scheduler breaks the protocol.
const BROKEN_PROTOCOL: i32 = 100;

/// Serves the orders of one conversation; the exit code of the process.
pub fn serve(settings: &Settings, root: &Path, log: Log, conversation: Conversation) -> i32 {
    let strings: Vec<&[u8]> = conversation.strings.iter().map(Vec::as_slice).collect();
    let destination = Destination::parse(&strings).map_err(|error| error.to_string());
    let outcome = match destination {
        Ok(Destination { kind: Kind::Local, .. }) => {
            Child { deliveries: Deliveries::new(settings, root), apart: Apart::default(), conversation: &conversation }.run()
        }
        Ok(other) => Err(format!("asked to deliver to {other}")),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => 0,
        Err(reason) => {
            log.error(format_args!("unable to serve stafett-send: {}", safe(reason.as_bytes())));
            BROKEN_PROTOCOL
        }
    }
}

struct Child<'a> {
    deliveries: Deliveries<'a>,
    apart: Apart,
    conversation: &'a Conversation,
}

impl Child<'_> {
    fn run(mut self) -> Result<(), String> {
        let mut buffer = vec![0; LARGEST_PACKET];
        let orders = &self.conversation.descriptor;
        loop {
            let (order, end) = self.wait().map_err(|error| format!("unable to wait: {error}"))?;
            if !order.any() {
                return Ok(());
            }
            let packet = receive_packet(orders, &mut buffer).map_err(|error| format!("no order: {error}"))?;
            if packet.length == 0 {
                return Ok(());
            }
            let file = packet.descriptor.ok_or("an order without a message")?;
            let mut report = self.carry_out(buffer.get(..packet.length).unwrap_or_default(), &file)?;
            report.reusable = !end.any();
            // A scheduler that is gone reads no report; the message stays in its queue.
            if send_packet(orders, &report.encode(), None).is_err() || !report.reusable {
                return Ok(());
            }
        }
    }

    /// For an order, or the end; the process of a recipient is not kept for long.
    fn wait(&mut self) -> io::Result<(Ready, Ready)> {
        let Conversation { descriptor, lifeline, .. } = self.conversation;
        let wait = |timeout| poll::wait_two((descriptor.as_fd(), Interest::Read), Some(lifeline.as_fd()), timeout);
        if self.apart.is_kept() {
            let (order, end) = wait(Some(KEEP))?;
            if order.any() || end.any() {
                return Ok((order, end));
            }
            self.apart.rest();
        }
        wait(None)
    }

    fn carry_out(&mut self, packet: &[u8], file: &OwnedFd) -> Result<Report, String> {
        let order = Order::parse(packet).map_err(|error| error.to_string())?;
        let mut envelope = Envelope::parse(order.envelope).map_err(|error| error.to_string())?;
        let recipients = std::mem::take(&mut envelope.recipients);
        let mut outcomes = Vec::with_capacity(recipients.len());
        let (conversation, orders) = (self.conversation, self.conversation.descriptor.as_fd());
        for recipient in recipients {
            let envelope = Envelope { recipients: vec![recipient], ..envelope.clone() };
            let own = || close_all(conversation, file);
            outcomes.push(self.deliveries.carry_out(&mut self.apart, (&order, &envelope), file.as_fd(), orders, own));
        }
        Ok(report(order.delivery, outcomes))
    }
}

/// In the process of a recipient: nothing is left of the way to the scheduler. The message comes with its task, and a copy that
/// stays for as long as the process would keep the space of what has left the queue.
fn close_all(conversation: &Conversation, message: &OwnedFd) {
    let Conversation { descriptor, lifeline, .. } = conversation;
    for one in [descriptor, lifeline, message] {
        let _ = stafett_sys::descriptor::forget(one);
    }
}

fn report(delivery: u64, outcomes: Vec<Outcome>) -> Report {
    let first = outcomes.first().map_or(Scope::Message, |outcome| outcome.scope);
    let scope = if outcomes.iter().all(|outcome| outcome.scope == first) { first } else { Scope::Message };
    let recipients: Vec<(Verdict, String)> = outcomes.into_iter().map(|outcome| (outcome.verdict, outcome.text)).collect();
    Report { delivery, scope, reusable: true, dsn_taken: Vec::new(), recipients }
}
