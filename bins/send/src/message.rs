//! A message that is being worked on: what memory holds of it until it is done or waits on disk.

use crate::settings::Settings;
use crate::verp;
use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::journal::{self, Event, Line, Standing};
use stafett_queue_store::{Id, Place};
use stafett_wire::Verdict;
use stafett_wire::delivery::Destination;
use std::borrow::Cow;
use std::fs::File;
use std::rc::Weak;

/// A message that is being worked on.
#[derive(Debug)]
pub struct Message {
    /// Its queue id.
    pub id: Id,
    /// Bytes of the message.
    pub size: u64,
    /// Where its file lies.
    pub place: Place,
    /// Its envelope.
    pub envelope: Envelope,
    /// About how many bytes it takes in memory.
    pub weight: usize,
    /// The text of the envelope without recipients, as every order repeats it.
    pub facts: Vec<u8>,
    /// Where each recipient stands.
    pub standings: Vec<Standing>,
    /// Recipients of this pass that have no outcome yet.
    pub open: usize,
    /// Its file, which those who deliver it hold.
    pub file: Weak<File>,
    /// Journal lines that are not written yet.
    pub lines: String,
    /// Not before this time, seconds since 1970: a destination is being left alone until then.
    pub not_before: u64,
    /// A pass for its bounce alone, before the time of its other recipients: when that comes, seconds since 1970.
    pub resting_until: Option<u64>,
    /// Its bounce could not be queued; to be tried in a later pass.
    pub bounce_later: bool,
    /// A bounce is on its way into the queue.
    pub bouncing: bool,
    /// The recipients whose delay it tells of.
    pub warning: Vec<usize>,
    /// A former attempt may have delivered it.
    pub suspect: bool,
    /// An outcome may be known to nobody: it is not marked as ended in queue/attempts.
    pub uncertain: bool,
    /// What the admin wants of it as soon as nothing is under way.
    pub wish: Option<Wish>,
    /// Whether a delivery of this pass was begun.
    pub begun: bool,
    /// Which settings gave its recipients to their destinations.
    pub grouped_by: u64,
    /// A destination of it could not be reached in this pass.
    pub is_cut_off: bool,
}

impl Message {
    /// A message with what its file says, or a fresh one.
    pub fn new(id: Id, size: u64, place: Place, envelope: Envelope, standings: Vec<Standing>) -> Message {
        let mut facts = Vec::with_capacity(256);
        envelope.write_facts(&mut facts);
        Message {
            id,
            size,
            place,
            weight: weight(&envelope, &standings),
            envelope,
            facts,
            standings,
            open: 0,
            file: Weak::new(),
            lines: String::new(),
            not_before: 0,
            resting_until: None,
            bounce_later: false,
            bouncing: false,
            warning: Vec::new(),
            suspect: false,
            uncertain: false,
            wish: None,
            begun: false,
            grouped_by: 0,
            is_cut_off: false,
        }
    }

    /// The numbers of the recipients that are still to be delivered.
    pub fn waiting(&self) -> impl Iterator<Item = usize> {
        self.standings.iter().enumerate().filter(|(_, standing)| standing.is_waiting()).map(|(index, _)| index)
    }

    /// The numbers of the recipients whose sender is to be told, of failure or of success.
    pub fn untold(&self) -> impl Iterator<Item = usize> {
        let is_untold = |standing: &Standing| matches!(standing.event, Some(Event::Failed | Event::Relayed));
        self.standings.iter().enumerate().filter(move |(_, standing)| is_untold(standing)).map(|(index, _)| index)
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.standings.iter().all(|standing| matches!(standing.event, Some(Event::Delivered | Event::Bounced)))
    }

    /// Notes an outcome of one recipient, in memory and for the journal.
    pub fn note(&mut self, recipient: usize, event: Event, text: &str, now: u64) {
        Line { time: now, recipient, event, text: text.to_owned() }.write(&mut self.lines);
        if let Some(standing) = self.standings.get_mut(recipient) {
            standing.event = Some(event);
            standing.time = now;
            standing.deferrals += u32::from(event == Event::Deferred);
            if event != Event::Bounced {
                text.clone_into(&mut standing.text);
            }
        }
    }

    /// Notes the admin's route of one recipient, in memory and for the journal.
    pub fn note_route(&mut self, recipient: usize, route: &str, now: u64) {
        Line { time: now, recipient, event: Event::Routed, text: route.to_owned() }.write(&mut self.lines);
        if let Some(standing) = self.standings.get_mut(recipient) {
            standing.route = Some(route.to_owned());
        }
    }

    /// Notes that the sender was told of the delay of one recipient, or with an empty text that it was not after all.
    pub fn note_warned(&mut self, recipient: usize, text: &str, now: u64) {
        Line { time: now, recipient, event: Event::Warned, text: text.to_owned() }.write(&mut self.lines);
        if let Some(standing) = self.standings.get_mut(recipient) {
            standing.warned = !text.is_empty();
        }
    }

    /// Takes over journal lines that could not be written in an earlier pass.
    pub fn remember(&mut self, lines: String) {
        journal::apply_all(lines.as_bytes(), &mut self.standings);
        self.lines = lines;
    }

    /// The envelope's text for an order to these recipients.
    pub fn order_text(&self, recipients: &[usize], settings: &Settings, is_local: bool) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.facts.len() + 64 * recipients.len());
        text.extend_from_slice(&self.facts_for(recipients));
        let recipients = recipients.iter().filter_map(|index| Some((*index, self.envelope.recipients.get(*index)?)));
        for (index, recipient) in recipients {
            match settings.address_for(&recipient.address, self.standings.get(index), is_local) {
                Some(Cow::Owned(address)) if address != recipient.address => Recipient { address, ..recipient.clone() }.write(&mut text),
                _ => recipient.write(&mut text),
            }
        }
        text
    }

    /// Takes those out of `recipients` that belong to another destination by now.
    pub fn take_moved(&self, recipients: &mut Vec<usize>, settings: &Settings, destination: &Destination) -> Vec<usize> {
        let has_moved = |index: &mut usize| settings.destination(self.address(*index), self.standings.get(*index)) != *destination;
        recipients.extract_if(.., has_moved).collect()
    }

    /// Whether each recipient needs an order of its own.
    pub fn is_one_by_one(&self) -> bool {
        verp::has_place(&self.envelope.sender)
    }

    /// The facts, whose first line names the sender.
    fn facts_for(&self, recipients: &[usize]) -> Cow<'_, [u8]> {
        let [recipient] = recipients else { return Cow::Borrowed(&self.facts) };
        if !self.is_one_by_one() {
            return Cow::Borrowed(&self.facts);
        }
        let rest = self.facts.iter().position(|byte| *byte == b'\n').and_then(|end| self.facts.get(end..)).unwrap_or_default();
        let sender = verp::sender_for(&self.envelope.sender, self.address(*recipient));
        Cow::Owned([b"from ", sender.as_bytes(), rest].concat())
    }

    /// Whether its sender wants to hear that a recipient was delivered.
    pub fn wants_success(&self, recipient: usize) -> bool {
        self.envelope.recipients.get(recipient).is_some_and(Recipient::notify_success)
    }

    /// The address of a recipient.
    pub fn address(&self, recipient: usize) -> &str {
        self.envelope.recipients.get(recipient).map_or("", |recipient| recipient.address.as_str())
    }
}

/// About how many bytes of memory an envelope and its standings take.
fn weight(envelope: &Envelope, standings: &[Standing]) -> usize {
    // What the recipients' numbers take in the queues of their destinations is part of the constant.
    const EACH: usize = size_of::<Recipient>() + size_of::<Standing>() + 64;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let recipients = envelope.recipients.iter().map(|one| EACH + one.address.len() + text(&one.notify) + text(&one.orcpt));
    let replies = standings.iter().map(|standing| standing.text.len());
    size_of::<Message>() + 1024 + recipients.sum::<usize>() + replies.sum::<usize>()
}

/// What the admin wants of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Keep it in queue/hold.
    Hold,
    /// Remove it.
    Delete,
    /// Return it to its sender.
    Bounce,
    /// Begin a new pass at once.
    Retry,
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Wish::Hold => "to be held",
            Wish::Delete => "to be deleted",
            Wish::Bounce => "to be returned",
            Wish::Retry => "to be tried",
        })
    }
}

/// What a verdict means for a recipient of a message that is `expired`: then "not now" is final.
pub fn event(verdict: Verdict, expired: bool) -> Event {
    match (verdict, expired) {
        (Verdict::Ok, _) => Event::Delivered,
        (Verdict::Permanent, _) | (Verdict::Temporary, true) => Event::Failed,
        (Verdict::Temporary, false) => Event::Deferred,
    }
}
