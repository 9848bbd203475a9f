//! How a message looks to the admin. Times are UTC.

use stafett_log::safe;
use stafett_queue_store::journal::{Event, Standing};
use stafett_queue_store::{Entry, Listed, Place};
use stafett_survey::json::{self, Object};
use stafett_survey::{Message, Moment, Routes, State};
use std::fmt;

/// A message and its recipients.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Where it lies.
    pub listed: Listed,
    /// What its file says.
    pub entry: &'a Entry,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Head(self.listed, &self.entry.envelope.sender))?;
        let recipients = self.entry.envelope.recipients.iter().zip(&self.entry.standings);
        for (recipient, standing) in recipients {
            show_recipient(f, &recipient.address, standing)?;
        }
        match self.entry.unusable_lines {
            0 => Ok(()),
            lines => writeln!(f, "  note: {lines} lines of its journal are unreadable"),
        }
    }
}

/// A message's own line, without its end.
#[derive(Debug)]
pub struct Head<'a>(pub Listed, pub &'a str);

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listed { id, size, place, due } = self.0;
        write!(f, "{} {id} {size} <{}> ", Moment(id.birth_seconds()), safe(self.1.as_bytes()))?;
        match place {
            Place::New => f.write_str("new next now"),
            Place::Waiting if Moment(due) <= Moment::now() => f.write_str("waiting next now"),
            Place::Waiting => write!(f, "waiting next {}", Moment(due)),
            Place::Held => f.write_str("held"),
        }
    }
}

fn show_recipient(f: &mut fmt::Formatter<'_>, address: &str, standing: &Standing) -> fmt::Result {
    let (address, text) = (safe(address.as_bytes()), safe(standing.text.as_bytes()));
    let time = Moment(standing.time);
    match standing.event {
        None | Some(Event::Routed | Event::Warned) => writeln!(f, "  waiting {address}"),
        Some(Event::Deferred) => writeln!(f, "  waiting {address} (deferred {} times, last {time}): {text}", standing.deferrals),
        Some(Event::Delivered | Event::Relayed) => writeln!(f, "  done {address} ({time}): {text}"),
        Some(Event::Failed | Event::Bounced) => writeln!(f, "  failed {address} ({time}): {text}"),
    }
}

/// A message as one JSON object. `more` adds to the object of each recipient.
pub fn json_message(out: &mut String, message: &Message, routes: &Routes, mut more: impl FnMut(&mut (usize, &mut Object<'_>))) {
    let Message { listed, entry, .. } = message;
    json::object(out, |object| {
        object.text("id", &listed.id.to_string());
        object.number("born", listed.id.birth_seconds());
        object.number("size", listed.size);
        object.text("from", &entry.envelope.sender);
        object.text("state", State::In(listed.place).word());
        object.number_or_null("next", Some(listed.due).filter(|_| listed.place == Place::Waiting));
        object.text("origin", &entry.envelope.origin);
        object.number_or_null("uid", entry.envelope.uid.map(u64::from));
        let recipients = entry.envelope.recipients.iter().zip(&entry.standings).enumerate();
        object.objects("recipients", recipients, |object, (index, (recipient, standing))| {
            json_recipient(object, &recipient.address, standing, routes);
            if standing.is_waiting() {
                object.number("until", routes.end(listed.id, &entry.envelope.sender, &recipient.address));
            }
            more(&mut (index, object));
        });
    });
}

fn json_recipient(object: &mut Object<'_>, address: &str, standing: &Standing, routes: &Routes) {
    object.text("to", address);
    object.text("state", standing_word(standing));
    object.number("deferrals", u64::from(standing.deferrals));
    object.number_or_null("last", Some(standing.time).filter(|_| standing.event.is_some()));
    object.text("text", &standing.text);
    if standing.is_waiting() {
        object.text("destination", &routes.destination(address, standing));
    }
}

/// Where a recipient stands, in a word.
pub fn standing_word(standing: &Standing) -> &'static str {
    match standing.event {
        None | Some(Event::Deferred | Event::Routed | Event::Warned) => "waiting",
        Some(Event::Delivered | Event::Relayed) => "done",
        Some(Event::Failed | Event::Bounced) => "failed",
    }
}
