//! Which messages were asked for.
//!
//! A first pass over the logs learns their ids, since a line that names the client may come after
//! lines that only have the id; a second one shows them. Memory: an id for each message that one of
//! the patterns fits, and for each bounce of a chosen message.

use crate::event::{Event, Fields};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Bounces whose message may still turn out to be chosen: a line of smtpd can come late.
const RECENT_BOUNCES: usize = 64;

/// What an address must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This one.
    Exact(String),
    /// What ends so: `@example.org`.
    End(String),
    /// What begins so.
    Start(String),
    /// What has this in it.
    Part(String),
    /// This IP address, however it is written.
    Ip(IpAddr),
}

impl Pattern {
    /// For senders and recipients: `user@domain`, `@domain`, `<>`, or a part of an address.
    pub fn address(text: &str) -> Pattern {
        let is_bracketed = text.starts_with('<') && text.ends_with('>') && text.len() >= 2;
        let inner = if is_bracketed { text.get(1..text.len() - 1).unwrap_or_default() } else { text };
        // As the programs write it.
        let inner = inner.replace(' ', "_");
        match inner.find('@') {
            _ if is_bracketed => Pattern::Exact(inner),
            Some(0) => Pattern::End(inner),
            Some(_) => Pattern::Exact(inner),
            None => Pattern::Part(inner),
        }
    }

    /// For clients: an IP address, or the beginning of one.
    pub fn client(text: &str) -> Pattern {
        text.parse().map_or_else(|_| Pattern::Start(text.to_owned()), Pattern::Ip)
    }

    /// Whether it fits, in capitals or not.
    pub fn fits(&self, value: &str) -> bool {
        let same = |a: Option<&[u8]>, b: &str| a.is_some_and(|a| a.eq_ignore_ascii_case(b.as_bytes()));
        let bytes = value.as_bytes();
        match self {
            Pattern::Exact(wanted) => value.eq_ignore_ascii_case(wanted),
            Pattern::End(wanted) => same(bytes.len().checked_sub(wanted.len()).and_then(|from| bytes.get(from..)), wanted),
            Pattern::Start(wanted) => same(bytes.get(..wanted.len()), wanted),
            Pattern::Part(wanted) => wanted.is_empty() || bytes.windows(wanted.len()).any(|part| same(Some(part), wanted)),
            Pattern::Ip(wanted) => value.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical() == wanted.to_canonical()),
        }
    }
}

/// What was asked for; all that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// These messages.
    pub ids: Vec<u64>,
    /// Messages of these senders.
    pub sender: Option<Pattern>,
    /// Messages for these recipients.
    pub recipient: Option<Pattern>,
    /// Messages that came from these clients.
    pub client: Option<Pattern>,
}

impl Wanted {
    /// Whether nothing was asked for, which means everything.
    pub fn is_everything(&self) -> bool {
        self.ids.is_empty() && !self.has_patterns()
    }

    /// Whether messages are chosen by what they are like.
    pub fn has_patterns(&self) -> bool {
        self.sender.is_some() || self.recipient.is_some() || self.client.is_some()
    }
}

/// One bit for each pattern that has fitted a message.
type Fits = u8;
const SENDER: Fits = 1;
const RECIPIENT: Fits = 2;
const CLIENT: Fits = 4;
const ALL: Fits = SENDER | RECIPIENT | CLIENT;

/// The messages that are chosen.
#[derive(Debug)]
pub struct Selection {
    wanted: Wanted,
    known: HashMap<u64, Fits>,
    parents: HashMap<u64, u64>,
    recent: VecDeque<(u64, u64)>,
}

impl Selection {
    /// Knows nothing but the ids that were asked for.
    pub fn new(wanted: Wanted) -> Selection {
        let known = wanted.ids.iter().map(|id| (*id, ALL)).collect();
        Selection { wanted, known, parents: HashMap::new(), recent: VecDeque::new() }
    }

    /// Learns from a line which messages are meant.
    pub fn learn(&mut self, event: &Event<'_>) {
        match event {
            Event::Info { id, sender, .. } => self.try_fit(*id, &[(SENDER, sender)]),
            Event::Begin { id, address, .. } => self.try_fit(*id, &[(RECIPIENT, address)]),
            Event::Accept { id, fields } => {
                self.try_fit(*id, &[(SENDER, fields.from), (RECIPIENT, fields.to), (CLIENT, fields.client)]);
            }
            Event::Bounce { id, bounce } => self.learn_bounce(*id, *bounce),
            _ => {}
        }
    }

    /// Whether a message is chosen.
    pub fn holds(&self, id: u64) -> bool {
        self.wanted.is_everything() || self.known.get(&id) == Some(&ALL)
    }

    /// Whether a line that belongs to no message is about what was asked for.
    pub fn concerns(&self, event: &Event<'_>) -> bool {
        let fits = |pattern: &Option<Pattern>, value: &str| pattern.as_ref().is_none_or(|pattern| pattern.fits(value));
        let only_client =
            |client: &str| self.wanted.sender.is_none() && self.wanted.recipient.is_none() && fits(&self.wanted.client, client);
        if !self.wanted.ids.is_empty() {
            return false;
        }
        match event {
            Event::Refuse { fields: Fields { from, to, client, .. }, .. } => {
                fits(&self.wanted.sender, from) && fits(&self.wanted.recipient, to) && fits(&self.wanted.client, client)
            }
            Event::Denied { address, .. } => only_client(address),
            Event::Session { fields, .. } => only_client(fields.client) && fields.accepted == "0" && fields.refused == "0",
            _ => false,
        }
    }

    /// The message whose failures this one tells of.
    pub fn parent(&self, bounce: u64) -> Option<u64> {
        self.parents.get(&bounce).copied()
    }

    /// Its last line was seen and will not come again.
    pub fn forget(&mut self, id: u64) {
        if !self.wanted.ids.contains(&id) {
            self.known.remove(&id);
            self.parents.remove(&id);
        }
    }

    fn try_fit(&mut self, id: u64, values: &[(Fits, &str)]) {
        if !self.wanted.has_patterns() {
            return;
        }
        let mut fits = self.unasked();
        for (bit, value) in values {
            let pattern = match *bit {
                SENDER => &self.wanted.sender,
                RECIPIENT => &self.wanted.recipient,
                _ => &self.wanted.client,
            };
            if pattern.as_ref().is_some_and(|pattern| pattern.fits(value)) {
                fits |= bit;
            }
        }
        if fits == self.unasked() {
            return;
        }
        let known = self.known.entry(id).or_insert(fits);
        *known |= fits;
        if *known == ALL {
            self.adopt(id);
        }
    }

    /// The bits of what was not asked for: those always fit.
    fn unasked(&self) -> Fits {
        let bit = |pattern: &Option<Pattern>, bit| if pattern.is_none() { bit } else { 0 };
        bit(&self.wanted.sender, SENDER) | bit(&self.wanted.recipient, RECIPIENT) | bit(&self.wanted.client, CLIENT)
    }

    fn learn_bounce(&mut self, id: u64, bounce: u64) {
        if self.wanted.is_everything() {
            return;
        }
        if self.holds(id) {
            self.known.insert(bounce, ALL);
        }
        if self.holds(id) || self.holds(bounce) {
            self.parents.insert(bounce, id);
            return;
        }
        if self.recent.len() == RECENT_BOUNCES {
            self.recent.pop_front();
        }
        self.recent.push_back((id, bounce));
    }

    /// Follows the bounces of a message that was chosen late.
    fn adopt(&mut self, id: u64) {
        let found: Vec<u64> = self.recent.iter().filter(|(of, _)| *of == id).map(|(_, bounce)| *bounce).collect();
        for bounce in found {
            self.known.insert(bounce, ALL);
            self.parents.insert(bounce, id);
        }
    }
}

#[cfg(test)]
#[path = "select_test.rs"]
mod tests;
