//! One connection of stafett-send: orders in, reports out, until it closes the pair.
//!
//! Security stance: root, like its parent; it parses orders of the scheduler, whose user the parent has checked, and makes the
//! processes that deliver. What does not parse ends the connection.
//! How it fails: each order has one report, whatever happened to its recipients. Of several orders in a packet the last ones may
//! have none: they were not begun.

use crate::answer::{Outcome, Outcomes};
use crate::apart::{Apart, KEEP, Task};
use crate::order::{Deliveries, address};
use crate::settings::Settings;
use stafett_envelope::Envelope;
use stafett_handoff::Conversation;
use stafett_log::{Log, safe};
use stafett_sys::poll::{self, Interest, Ready};
use stafett_sys::socket::{receive_packet_with, send_packet};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::delivery::{Destination, Kind, Order, Report};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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
            let (length, files) = receive_packet_with(orders, &mut buffer).map_err(|error| format!("no order: {error}"))?;
            if length == 0 {
                return Ok(());
            }
            let mut reports = self.carry_out(buffer.get(..length).unwrap_or_default(), &files)?;
            reports.iter_mut().for_each(|report| report.reusable = !end.any());
            let packet = match &reports[..] {
                [report] if files.len() == 1 => report.encode(),
                reports => Report::encode_all(reports),
            };
            // A scheduler that is gone reads no report; the message stays in its queue.
            if send_packet(orders, &packet, None).is_err() || end.any() {
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

    /// The reports of the first orders of a packet, of one at least. Of the others nothing was begun. All are for one local part.
    fn carry_out(&mut self, packet: &[u8], files: &[OwnedFd]) -> Result<Vec<Report>, String> {
        let orders = Order::parse_all(packet).map_err(|error| error.to_string())?;
        if orders.len() != files.len() {
            return Err("an order without a message".to_owned());
        }
        let mut locals = orders.iter().map(local_part);
        let local = locals.next().ok_or("no order")??;
        for another in locals {
            if another? != local {
                return Err("several orders that are not for one recipient".to_owned());
            }
        }
        let Outcomes { first, rest, takes_several } = self.deliver(local.as_deref(), packet, files);
        let outcomes = std::iter::once(first).chain(rest);
        Ok(orders.iter().zip(outcomes).map(|(order, outcome)| report(order.delivery, outcome, takes_several)).collect())
    }

    fn deliver(&mut self, local: Option<&str>, packet: &[u8], files: &[OwnedFd]) -> Outcomes {
        let Some(local) = local else { return Outcome::never("Sorry, that address has no domain. (#5.1.3)").into() };
        let conversation = self.conversation;
        let borrowed: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
        let task = Task { key: local.as_bytes(), packet, files: &borrowed };
        self.deliveries.carry_out(&mut self.apart, task, conversation.descriptor.as_fd(), || close_all(conversation, files))
    }
}

/// The local part of the one recipient of an order; nothing for an address without a domain.
fn local_part(order: &Order<'_>) -> Result<Option<String>, String> {
    let envelope = Envelope::parse(order.envelope).map_err(|error| error.to_string())?;
    if envelope.recipients.len() != 1 {
        return Err("an order that is not for one recipient".to_owned());
    }
    Ok(address(&envelope).map(|(local, _)| local.to_owned()))
}

/// In the process of a recipient: nothing is left of the way to the scheduler. The messages come with their task, and a copy that
/// stays for as long as the process would keep the space of what has left the queue.
fn close_all(conversation: &Conversation, messages: &[OwnedFd]) -> io::Result<()> {
    let Conversation { descriptor, lifeline, .. } = conversation;
    [descriptor, lifeline].into_iter().chain(messages).try_for_each(stafett_sys::descriptor::forget)
}

fn report(delivery: u64, Outcome { verdict, text, scope }: Outcome, takes_several: bool) -> Report {
    Report { delivery, scope, reusable: true, takes_several, dsn_taken: Vec::new(), recipients: vec![(verdict, text)] }
}
