//! One connection of stafett-send: orders in, reports out, until it closes the pair.
//!
//! Security stance: root, like its parent; it parses orders of the scheduler, whose user the parent has checked, and makes the
//! processes that deliver. What does not parse ends the connection.
//! How it fails: each order has one report, whatever happened to its recipients.

use crate::apart::Outcome;
use crate::order::{self, Task};
use crate::settings::Settings;
use stafett_envelope::Envelope;
use stafett_handoff::Conversation;
use stafett_log::{Log, safe};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{receive_packet, send_packet};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::Verdict;
use stafett_wire::delivery::{Destination, Kind, Order, Report, Scope};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Exit code of a child whose scheduler breaks the protocol.
const BROKEN_PROTOCOL: i32 = 100;

/// Serves the orders of one conversation; the exit code of the process.
pub fn serve(settings: &Settings, root: &Path, log: Log, conversation: Conversation) -> i32 {
    let strings: Vec<&[u8]> = conversation.strings.iter().map(Vec::as_slice).collect();
    let destination = Destination::parse(&strings).map_err(|error| error.to_string());
    let outcome = match destination {
        Ok(Destination { kind: Kind::Local, .. }) => Child { settings, root, conversation: &conversation }.run(),
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
    settings: &'a Settings,
    root: &'a Path,
    conversation: &'a Conversation,
}

impl Child<'_> {
    fn run(self) -> Result<(), String> {
        let mut buffer = vec![0; LARGEST_PACKET];
        let Conversation { descriptor: orders, lifeline, .. } = self.conversation;
        loop {
            let (order, end) = poll::wait_two((orders.as_fd(), Interest::Read), Some(lifeline.as_fd()), None)
                .map_err(|error| format!("unable to wait: {error}"))?;
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

    fn carry_out(&self, packet: &[u8], file: &OwnedFd) -> Result<Report, String> {
        let order = Order::parse(packet).map_err(|error| error.to_string())?;
        let mut envelope = Envelope::parse(order.envelope).map_err(|error| error.to_string())?;
        let recipients = std::mem::take(&mut envelope.recipients);
        let mut outcomes = Vec::with_capacity(recipients.len());
        for recipient in recipients {
            let file = file.try_clone().map_err(|error| format!("unable to pass the message on: {error}"))?;
            let envelope = Envelope { recipients: vec![recipient], ..envelope.clone() };
            let task = Task { settings: self.settings, root: self.root, envelope, file, size: order.size };
            outcomes.push(order::deliver(task, self.conversation.descriptor.as_fd(), || self.close_all()));
        }
        Ok(report(order.delivery, outcomes))
    }

    /// In the process of a recipient: nothing is left of the way to the scheduler.
    fn close_all(&self) {
        let Conversation { descriptor, lifeline, .. } = self.conversation;
        for one in [descriptor, lifeline] {
            let _ = stafett_sys::descriptor::forget(one);
        }
    }
}

fn report(delivery: u64, outcomes: Vec<Outcome>) -> Report {
    let is_general = !outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.is_general);
    let recipients: Vec<(Verdict, String)> = outcomes.into_iter().map(|outcome| (outcome.verdict, outcome.text)).collect();
    let scope = if is_general { Scope::Destination } else { Scope::Message };
    Report { delivery, scope, reusable: true, dsn_taken: Vec::new(), recipients }
}
