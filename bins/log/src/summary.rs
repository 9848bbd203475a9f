//! What happened in a span of time, in figures.
//!
//! One pass, in bounded memory: tallies of at most some thousand kinds each, an entry for each open
//! delivery, and the first [`MOST_DUPLICATES`] possible duplicates.

use crate::event::{Event, Fields, Verdict};
use crate::reason;
use crate::stamp::Moment;
use crate::tally::{Delays, Tally};
use std::collections::BTreeMap;

/// Deliveries that are remembered while no outcome is seen.
const MOST_OPEN: usize = 100_000;

/// Possible duplicates that are kept for the list.
const MOST_DUPLICATES: usize = 1000;

/// A message that may have been delivered twice.
#[derive(Debug)]
pub struct Duplicate {
    /// When it was said.
    pub at: Moment,
    /// Which.
    pub id: u64,
    /// Why.
    pub why: String,
}

/// The figures.
#[derive(Debug, Default)]
pub struct Summary {
    /// The times of the first and the last line.
    pub first_and_last: Option<(Moment, Moment)>,
    /// Lines read.
    pub lines: u64,
    /// Connections accepted by the listener.
    pub connections: u64,
    /// Connections that it refused.
    pub denied: u64,
    /// Connections at the same time, at most.
    pub crowd: u64,
    /// Sessions, by how they ended.
    pub sessions: Tally<u64>,
    /// Messages that smtpd accepted, and their bytes and recipients.
    pub accepted: u64,
    pub bytes: u64,
    pub recipients: u64,
    /// Messages that the scheduler saw, and that it is done with.
    pub queued: u64,
    pub ended: u64,
    /// Refusals, by rule.
    pub refusals: Tally<u64>,
    /// Deliveries by outcome.
    pub successes: u64,
    /// Deferrals and failures, by reason.
    pub deferrals: Tally<u64>,
    pub failures: Tally<u64>,
    /// Messages that told senders of failures; bounces that were dropped.
    pub bounces: u64,
    pub discarded: u64,
    /// From birth to success, by the recipient's domain.
    pub destinations: Tally<Delays>,
    /// Possible duplicates: the first ones, and how many.
    pub duplicates: Vec<Duplicate>,
    pub all_duplicates: u64,
    /// Messages that the admin had something done to.
    pub orders: u64,
    /// Complaints, by program and reason.
    pub complaints: Tally<u64>,
    /// Lines that are none of ours.
    pub unknown: u64,
    open: BTreeMap<u64, (u64, String)>,
}

impl Summary {
    /// Takes the next line.
    pub fn take(&mut self, at: Moment, text: &str) {
        self.lines += 1;
        let first = self.first_and_last.map_or(at, |(first, _)| first.min(at));
        let last = self.first_and_last.map_or(at, |(_, last)| last.max(at));
        self.first_and_last = Some((first, last));
        self.count(at, &Event::of(text));
    }

    fn count(&mut self, at: Moment, event: &Event<'_>) {
        match event {
            Event::New(_) => self.queued += 1,
            Event::End(_) => self.ended += 1,
            Event::Begin { delivery, id, address } => self.begin(*delivery, *id, address),
            Event::Outcome { delivery, verdict, text } => self.outcome(at, *delivery, *verdict, text),
            Event::Scheduler => self.open.clear(),
            Event::Bounce { .. } => self.bounces += 1,
            Event::Discarded(_) => self.discarded += 1,
            Event::Duplicate { id, why } => self.duplicate(Duplicate { at, id: *id, why: (*why).to_owned() }),
            Event::Accept { fields, .. } => self.accept(fields),
            Event::Refuse { rule, .. } => self.refusals.count(rule),
            Event::Session { why, .. } => self.sessions.count(why),
            Event::Connected { .. } => self.connections += 1,
            Event::Denied { .. } => self.denied += 1,
            Event::Crowd { running } => self.crowd = self.crowd.max(*running),
            Event::Complaint { program, text } => self.complaints.count(&format!("{program}: {}", reason::of(text))),
            Event::Other => self.unknown += 1,
            Event::Admin { .. } => self.orders += 1,
            Event::Info { .. } | Event::Disconnected { .. } | Event::Quiet => {}
        }
    }

    fn accept(&mut self, fields: &Fields<'_>) {
        self.accepted += 1;
        self.bytes = self.bytes.saturating_add(fields.bytes.parse().unwrap_or(0));
        self.recipients = self.recipients.saturating_add(fields.recipients.parse().unwrap_or(0));
    }

    fn begin(&mut self, delivery: u64, id: u64, address: &str) {
        let domain = address.rsplit_once('@').map_or("(no domain)", |(_, domain)| domain);
        self.open.insert(delivery, (id, domain.to_ascii_lowercase()));
        if self.open.len() > MOST_OPEN {
            self.open.pop_first();
        }
    }

    fn outcome(&mut self, at: Moment, delivery: u64, verdict: Verdict, text: &str) {
        let open = self.open.remove(&delivery);
        match verdict {
            Verdict::Success => {
                self.successes += 1;
                if let Some((id, domain)) = open {
                    self.destinations.entry(&domain).count(at.since(Moment::of_birth(id)));
                }
            }
            Verdict::Deferral => self.deferrals.count(&reason::of(text)),
            Verdict::Failure => self.failures.count(&reason::of(text)),
        }
    }

    fn duplicate(&mut self, duplicate: Duplicate) {
        self.all_duplicates += 1;
        if self.duplicates.len() < MOST_DUPLICATES {
            self.duplicates.push(duplicate);
        }
    }
}
