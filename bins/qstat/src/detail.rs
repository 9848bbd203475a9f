//! All that is known of messages: every attempt with its reply, why each recipient waits now, and
//! when it is tried next.

use crate::knowledge::Knowledge;
use crate::listing::{Notes, messages};
use crate::reason::{Case, Reason};
use crate::show::{Head, json_message, standing_word};
use crate::{Health, Queue, report_damaged};
use stafett_log::safe;
use stafett_queue_store::Listed;
use stafett_queue_store::journal::{Event, Line};
use stafett_survey::{Found, Message, Moment};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Messages that are shown at a time, and asked about with one question.
const BLOCK: usize = 100;

/// Prints it.
pub fn show(queue: &Queue<'_>, out: &mut impl Write) -> io::Result<Health> {
    let mut knowledge = Knowledge::gather(queue.instance);
    let mut notes = Notes { damaged: report_damaged(queue)? > 0 };
    let mut block: Vec<Message> = Vec::new();
    let take = |message: &Message| Message { listed: message.listed, entry: message.entry.clone(), lines: message.lines.clone() };
    messages(queue, Found::Lines, &mut notes, take, |message| {
        block.push(message);
        if block.len() < BLOCK {
            return Ok(());
        }
        show_block(queue, &mut knowledge, &std::mem::take(&mut block), out)
    })?;
    show_block(queue, &mut knowledge, &block, out)?;
    Ok(notes.health())
}

fn show_block(queue: &Queue<'_>, knowledge: &mut Knowledge, block: &[Message], out: &mut impl Write) -> io::Result<()> {
    let names: Vec<String> = block.iter().map(|message| message.listed.file_name()).collect();
    let reasons = knowledge.reasons(&names);
    for message in block {
        let shown = Detail { queue, knowledge, reasons: &reasons, message };
        let text = if queue.options.json { shown.json() } else { shown.text() };
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

struct Detail<'a> {
    queue: &'a Queue<'a>,
    knowledge: &'a Knowledge,
    reasons: &'a HashMap<(String, Option<usize>), String>,
    message: &'a Message,
}

impl Detail<'_> {
    fn text(&self) -> String {
        let Message { listed, entry, .. } = self.message;
        let mut text = format!("{}\n", Head(*listed, &entry.envelope.sender));
        let uid = entry.envelope.uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
        let origin = if entry.envelope.origin.is_empty() { "unknown" } else { &entry.envelope.origin };
        let _ = writeln!(text, "  came by {}, uid {uid}", safe(origin.as_bytes()));
        for (index, (recipient, standing)) in entry.envelope.recipients.iter().zip(&entry.standings).enumerate() {
            let _ = writeln!(text, "  {} {}", standing_word(standing), safe(recipient.address.as_bytes()));
            for line in self.lines(index) {
                let _ = writeln!(text, "    {} {}: {}", Moment(line.time), word(line.event), safe(line.text.as_bytes()));
            }
            if let Some((destination, reason)) = self.reason(index) {
                let _ = writeln!(text, "    goes to {}", safe(destination.as_bytes()));
                let _ = writeln!(text, "    waits ({}): {}", reason.kind, safe(reason.words.as_bytes()));
                let _ = writeln!(text, "    next {}", next(*listed, &reason));
                let end = self.queue.routes.end(listed.id, &entry.envelope.sender, &recipient.address);
                let _ = writeln!(text, "    is tried until {}", Moment(end));
            }
        }
        if entry.unusable_lines > 0 {
            let _ = writeln!(text, "  note: {} lines of its journal are unreadable", entry.unusable_lines);
        }
        text
    }

    fn json(&self) -> String {
        let mut text = String::new();
        json_message(&mut text, self.message, &self.queue.routes, |(index, object)| {
            object.objects("attempts", self.lines(*index), |object, line| {
                object.number("time", line.time);
                object.text("event", word(line.event));
                object.text("text", &line.text);
            });
            if let Some((_, reason)) = self.reason(*index) {
                object.text("waits", reason.kind);
                object.text("why", &reason.words);
                object.number_or_null("next", reason.next);
            }
        });
        text.push('\n');
        text
    }

    /// The attempts of one recipient.
    fn lines(&self, index: usize) -> impl Iterator<Item = &Line> {
        self.message.lines.iter().filter(move |line| line.recipient == index)
    }

    /// Where a recipient that waits goes, and why it waits.
    fn reason(&self, index: usize) -> Option<(String, Reason)> {
        let Message { listed, entry, .. } = self.message;
        let (recipient, standing) = (entry.envelope.recipients.get(index)?, entry.standings.get(index)?);
        if !standing.is_waiting() {
            return None;
        }
        let destination = self.queue.routes.destination(&recipient.address, standing);
        let id = listed.id.to_string();
        let said = self.reasons.get(&(id.clone(), Some(index))).or_else(|| self.reasons.get(&(id, None)));
        let live = self.knowledge.destinations.get(&destination);
        let case = Case {
            listed: *listed,
            standing,
            said: said.map(String::as_str),
            live,
            destination: &destination,
            running: self.knowledge.running,
        };
        let reason = case.judge();
        Some((destination, reason))
    }
}

fn next(listed: Listed, reason: &Reason) -> String {
    match reason.next {
        Some(time) if Moment(time) > Moment::now() => Moment(time).to_string(),
        Some(_) => "now".to_owned(),
        None if reason.kind == "hold" => "when that is changed".to_owned(),
        None if listed.due > Moment::now().0 => Moment(listed.due).to_string(),
        None => "as soon as that is over".to_owned(),
    }
}

fn word(event: Event) -> &'static str {
    match event {
        Event::Delivered => "delivered",
        Event::Relayed => "relayed",
        Event::Deferred => "deferred",
        Event::Failed => "failed",
        Event::Bounced => "bounced",
        Event::Routed => "routed",
        Event::Warned => "warned",
    }
}
