//! One line of a log in words for people.
//!
//! Knows the deliveries and connections that are open, because their ends name only a number.
//! Memory: one entry for each open delivery of a chosen message and for each connection, bounded
//! by [`MOST_OPEN`]; the oldest are given up beyond that.

use crate::event::{self, Event, Fields, Verdict};
use crate::select::Selection;
use crate::stamp::{Moment, SECOND};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Open deliveries and connections that are remembered.
const MOST_OPEN: usize = 100_000;

/// How late a line of another service comes.
const LATE: i64 = 2 * SECOND;

/// Something that happened to a message, or that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Moment,
    /// The message; none for a refusal.
    pub id: Option<u64>,
    /// In words.
    pub words: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    id: u64,
    address: String,
    at: Moment,
}

/// Puts lines into words.
#[derive(Debug, Default)]
pub struct Teller {
    deliveries: BTreeMap<u64, Open>,
    connections: HashMap<u64, (Moment, String)>,
    /// Connections that ended, and when: smtpd's line can come after their end.
    disconnected: VecDeque<(Moment, u64)>,
}

impl Teller {
    /// The message that a line is about, if it is a chosen one.
    pub fn message_of(&self, event: &Event<'_>, text: &str, selection: &Selection) -> Option<u64> {
        let id = match event {
            Event::New(id) | Event::Discarded(id) | Event::End(id) => *id,
            Event::Info { id, .. } | Event::Begin { id, .. } | Event::Bounce { id, .. } | Event::Duplicate { id, .. } => *id,
            Event::Admin { id, .. } | Event::Accept { id, .. } => *id,
            Event::Outcome { delivery, .. } => self.deliveries.get(delivery)?.id,
            Event::Complaint { .. } | Event::Other => {
                return event::ids(text).find(|id| selection.holds(*id));
            }
            _ => return None,
        };
        selection.holds(id).then_some(id)
    }

    /// Takes a line; `tell` hears what there is to say about chosen messages.
    pub fn take(&mut self, at: Moment, event: &Event<'_>, text: &str, selection: &Selection, mut tell: impl FnMut(Told)) {
        let id = self.message_of(event, text, selection);
        if let (Event::Accept { fields, .. }, Some(_)) = (event, id)
            && let Some((at, words)) = fields.pid.parse().ok().and_then(|pid| self.connections.get(&pid).cloned())
        {
            tell(Told { at, id, words });
        }
        match event {
            Event::Scheduler => self.interrupt(at, &mut tell),
            Event::Begin { .. } => {}
            _ if id.is_some() || selection.concerns(event) => {
                if let Some(words) = self.words(at, event, text) {
                    tell(Told { at, id, words });
                }
            }
            _ => {}
        }
        self.remember(at, event, id.is_some());
    }

    /// The deliveries of which no outcome was seen.
    pub fn unfinished(&mut self, id: Option<u64>) -> Vec<Told> {
        let mut found = Vec::new();
        self.deliveries.retain(|number, open| {
            let is_meant = id.is_none_or(|id| open.id == id);
            if is_meant {
                let words = format!("delivery {number} to {} began; its outcome is not in these logs", open.address);
                found.push(Told { at: open.at, id: Some(open.id), words });
            }
            !is_meant
        });
        found
    }

    fn interrupt(&mut self, at: Moment, tell: &mut impl FnMut(Told)) {
        for (number, open) in std::mem::take(&mut self.deliveries) {
            let words = format!("delivery {number} to {} was interrupted: stafett-send ended", open.address);
            tell(Told { at, id: Some(open.id), words });
        }
    }

    fn remember(&mut self, at: Moment, event: &Event<'_>, is_chosen: bool) {
        match event {
            Event::Begin { delivery, id, address } if is_chosen => {
                self.deliveries.insert(*delivery, Open { id: *id, address: (*address).to_owned(), at });
            }
            // The number is another message's now: the end of the former one was lost.
            Event::Begin { delivery, .. } | Event::Outcome { delivery, .. } => drop(self.deliveries.remove(delivery)),
            Event::Connected { pid, address, port } => {
                self.connections.insert(*pid, (at, format!("connection from {address} port {port}")));
            }
            Event::Disconnected { pid } => self.disconnected.push_back((at, *pid)),
            _ => {}
        }
        while let Some((_, pid)) = self.disconnected.pop_front_if(|(ended, _)| at.since(*ended) > LATE) {
            // The number may be another connection's by now.
            if self.connections.get(&pid).is_some_and(|(began, _)| at.since(*began) > LATE) {
                self.connections.remove(&pid);
            }
        }
        if self.deliveries.len() > MOST_OPEN {
            self.deliveries.pop_first();
        }
        if self.connections.len() > MOST_OPEN {
            self.connections.clear();
        }
    }

    fn words(&self, at: Moment, event: &Event<'_>, text: &str) -> Option<String> {
        Some(match event {
            Event::Info { bytes, sender, user, .. } => format!("queued: {bytes} bytes from <{sender}>, brought by user {user}"),
            Event::Accept { fields, .. } => accepted(fields),
            Event::Outcome { delivery, verdict, text } => {
                let open = self.deliveries.get(delivery)?;
                let (verdict, took) = (outcome(*verdict), duration(at.since(open.at)));
                format!("delivery {delivery} to {}: {verdict} after {took}: {}", open.address, readable(text))
            }
            Event::Bounce { bounce, .. } => format!("its failures are told by message {bounce}"),
            Event::Discarded(_) => "it is a bounce that failed; nobody is told".to_owned(),
            Event::Admin { user, what, when, .. } => match when.parse() {
                Ok(when) => format!("the admin (user {user}) said at {}, while the scheduler was stopped: {what}", Moment(when)),
                Err(_) => format!("the admin (user {user}) says: {what}"),
            },
            Event::Duplicate { why, .. } => format!("possible duplicate: {why}"),
            Event::End(id) => format!("done, {} after it was born", duration(at.since(Moment::of_birth(*id)))),
            Event::Refuse { rule, fields, reply } => refused(rule, fields, reply),
            Event::Denied { address, why } => {
                format!("connection of {address} refused by the listener{}{why}", if why.is_empty() { "" } else { ": " })
            }
            Event::Session { why, fields } => format!("session of {} (helo {}) without a message: {why}", fields.client, fields.helo),
            Event::Complaint { .. } | Event::Other => text.to_owned(),
            _ => return None,
        })
    }
}

fn accepted(fields: &Fields<'_>) -> String {
    let Fields { client, helo, bytes, from, to, recipients, .. } = fields;
    let more = match recipients.parse::<u64>() {
        Ok(count) if count > 1 => format!(" and {} more", count - 1),
        _ => String::new(),
    };
    format!("accepted by smtpd: client {client}, helo {helo}, {bytes} bytes from <{from}> to <{to}>{more}")
}

fn refused(rule: &str, fields: &Fields<'_>, reply: &str) -> String {
    let Fields { client, helo, from, to, .. } = fields;
    let to = if to.is_empty() { String::new() } else { format!(" to <{to}>") };
    format!("refused by {rule}: client {client}, helo {helo}, from <{from}>{to}: {reply}")
}

/// A verdict as the logs call it.
pub fn outcome(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Success => "success",
        Verdict::Deferral => "deferral",
        Verdict::Failure => "failure",
    }
}

/// The text of a delivery with its blanks; what was a `_` before is a blank too.
pub fn readable(text: &str) -> String {
    text.replace('_', " ")
}

/// `0.025 s`, `12 s`, `1 h 40 m`, `3 d 2 h`.
pub fn duration(microseconds: i64) -> String {
    let seconds = microseconds / SECOND;
    match seconds {
        0..10 => format!("{}.{:03} s", seconds, microseconds % SECOND / 1000),
        10..600 => format!("{seconds} s"),
        600..86_400 => format!("{} h {} m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}
