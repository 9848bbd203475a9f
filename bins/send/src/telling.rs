//! Telling the sender of a message: what failed for good, what it asked to hear the success of, what is late.
//!
//! A bounce is in the queue before its failure counts as told; a few are on their way at a time.

use crate::bounce::{self, Action, Fact, Fate, Original};
use crate::chores;
use crate::delay::late;
use crate::message::Message;
use crate::scheduler::{OWN_TROUBLE, Scheduler, now};
use stafett_queue_store::Id;
use stafett_queue_store::journal::Event;
use stafett_wire::delivery::Kind;
use stafett_wire::injector::Answer;
use std::io;

/// Bounces on their way to queued at once: each holds its text, and TERM waits for them.
const MOST_BOUNCES: usize = 4;

impl Scheduler {
    /// Lets the sender know of what failed for good, unless nobody is to know, of what it asked to hear the success of, and
    /// of what is late.
    pub(crate) fn tell_sender(&mut self, id: Id) {
        let after = self.delay_notice();
        let Some(message) = self.messages.get_mut(&id) else { return };
        message.bouncing = false;
        // Our own bounces say NOTIFY=NEVER to other hosts (RFC 3461 section 6.2); that one bounced is for the postmaster all the same.
        let is_bounce = message.envelope.sender.is_empty();
        let may_be_told = !is_bounce && message.envelope.sender != bounce::DOUBLE;
        let (told, untold): (Vec<usize>, Vec<usize>) =
            message.untold().partition(|index| match message.standings.get(*index).and_then(|standing| standing.event) {
                _ if message.envelope.recipients.get(*index).is_some_and(|recipient| recipient.copy) => false,
                Some(Event::Relayed) => may_be_told,
                _ => is_bounce || message.envelope.recipients.get(*index).is_some_and(stafett_envelope::Recipient::notify_failure),
            });
        for index in untold {
            message.note(index, Event::Bounced, "nobody asked to be told", now());
        }
        let late = late(message, after, now());
        if told.is_empty() && late.is_empty() {
            self.settle(id);
            return;
        }
        match bounce::fate(&message.envelope.sender, &self.settings.bounces) {
            Fate::Discard => {
                told.iter().for_each(|index| message.note(*index, Event::Bounced, "discarded", now()));
                self.book.discarded(id);
                self.settle(id);
            }
            Fate::Bounce { sender, to } => {
                message.bouncing = true;
                if self.asked < MOST_BOUNCES {
                    self.ask_bounce(id, &told, &late, sender, &to);
                } else {
                    self.unasked.push_back(id);
                }
            }
        }
    }

    pub(crate) fn ask_bounce(&mut self, id: Id, told: &[usize], late: &[usize], sender: &'static str, to: &str) {
        self.begin_warning(id, late, now());
        // What happened is in the journal before anybody is told of it.
        self.write_lines(id);
        if !told.is_empty() {
            self.begin_attempts(std::iter::once(id));
        }
        let Some(message) = self.messages.get(&id) else { return };
        let file = self.store.open_message(id, message.size, message.place).ok();
        let facts: Vec<Fact> = told.iter().chain(late).filter_map(|index| self.fact(message, *index)).collect();
        let original = Original { id, envelope: &message.envelope, size: message.size, file: file.as_ref() };
        let (envelope, text) = bounce::compose(&original, &facts, sender, to, &self.settings.me, &self.settings.bounces);
        self.chores.bounce(chores::Bounce { of: id, envelope, message: text, signing: self.settings.signing.clone() });
        self.asked += 1;
    }

    pub(crate) fn bounce_answered(&mut self, of: Id, answer: io::Result<Answer>) {
        self.asked = self.asked.saturating_sub(1);
        let answer = answer.unwrap_or_else(|error| {
            if let Some(message) = self.messages.get_mut(&of) {
                // Of delay nobody is told twice.
                message.warning.clear();
                if message.untold().next().is_some() {
                    self.book.possible_duplicate(of, "its bounce may be in the queue, but stafett-queued did not say so");
                }
            }
            Answer::Temporary(format!("451 4.3.0 no answer from stafett-queued: {error}"))
        });
        self.bounce_judged(of, &answer);
        if let Some(next) = self.unasked.pop_front() {
            self.tell_sender(next);
        }
    }

    pub(crate) fn bounce_judged(&mut self, of: Id, answer: &Answer) {
        let Some(message) = self.messages.get_mut(&of) else { return };
        message.bouncing = false;
        match answer {
            Answer::Accepted(bounce) => {
                let failed: Vec<usize> = message.untold().collect();
                failed.into_iter().for_each(|index| message.note(index, Event::Bounced, bounce, now()));
                self.end_warning(of, bounce, now());
                self.book.bounced(of, bounce);
            }
            Answer::Temporary(text) | Answer::Permanent(text) => {
                message.bounce_later = true;
                if message.untold().next().is_some() {
                    self.book.error(format_args!("unable to queue the bounce of msg {of}: {text}; trying again in {OWN_TROUBLE} seconds"));
                } else {
                    self.book.error(format_args!("unable to queue the delay notice of msg {of}: {text}; trying again at its next attempt"));
                }
                self.end_warning(of, "", now());
            }
        }
        self.finish_if_idle(of);
    }

    fn fact(&self, message: &Message, index: usize) -> Option<Fact> {
        let standing = message.standings.get(index)?;
        let recipient = message.envelope.recipients.get(index)?.clone();
        let action = match standing.event {
            Some(Event::Relayed) if self.settings.destination(&recipient.address, Some(standing)).kind == Kind::Local => Action::Delivered,
            Some(Event::Relayed) => Action::Relayed,
            Some(Event::Deferred) => Action::Delayed { until: self.retried_until(message, index, now()) },
            _ => Action::Failed,
        };
        Some(Fact { recipient, action, text: standing.text.clone(), time: standing.time })
    }
}
