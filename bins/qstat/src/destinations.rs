//! A line for each destination: how much waits for it, whether it is down and why, and how hard it
//! is pushed.

use crate::knowledge::{Knowledge, Live};
use crate::listing::{Notes, messages, write_block};
use crate::{Health, Queue, report_damaged};
use stafett_log::safe;
use stafett_queue_store::journal::Event;
use stafett_queue_store::{Id, Place};
use stafett_survey::json;
use stafett_survey::{Found, Message, Moment};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

/// What waits for one destination, by the files.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Recipients that wait.
    waiting: u64,
    /// Recipients of held messages.
    held: u64,
    /// The oldest message of both.
    oldest: Option<Id>,
    /// The newest reply that was a deferral, with its time.
    last: (u64, String),
}

/// One message's part in a destination.
struct Part {
    destination: String,
    group: Group,
}

/// Prints them, the one with the most waiting first.
pub fn show(queue: &Queue<'_>, out: &mut impl Write) -> io::Result<Health> {
    let knowledge = Knowledge::gather(queue.instance);
    let mut notes = Notes { damaged: report_damaged(queue)? > 0 };
    let mut groups: HashMap<String, Group> = HashMap::new();
    messages(
        queue,
        Found::Standings,
        &mut notes,
        |message| parts(queue, message),
        |parts| {
            parts.into_iter().for_each(|part| groups.entry(part.destination).or_default().add(part.group));
            Ok(())
        },
    )?;
    if !queue.options.selection.filter.is_any() && queue.options.selection.ids.is_empty() {
        // Destinations for which nothing waits are worth a line while something goes on there.
        let busy = knowledge.destinations.iter().filter(|(_, live)| live.open > 0 || live.until.is_some());
        for (name, _) in busy {
            groups.entry(name.clone()).or_default();
        }
    }
    let mut groups: Vec<(String, Group)> = groups.into_iter().collect();
    groups.sort_by(|(a, one), (b, other)| (other.waiting + other.held).cmp(&(one.waiting + one.held)).then(a.cmp(b)));
    for (name, group) in groups {
        let live = knowledge.destinations.get(&name);
        if queue.options.json { show_json(&name, &group, live, out)? } else { show_text(&name, &group, live, out)? }
    }
    Ok(notes.health())
}

fn parts(queue: &Queue<'_>, message: &Message) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let Message { listed, entry, .. } = message;
    for (recipient, standing) in entry.envelope.recipients.iter().zip(&entry.standings) {
        let is_meant = queue.options.selection.filter.matches_recipient(&recipient.address, standing, &queue.routes);
        if !standing.is_waiting() || !is_meant {
            continue;
        }
        let destination = queue.routes.destination(&recipient.address, standing);
        let is_held = u64::from(listed.place == Place::Held);
        let last = if standing.event == Some(Event::Deferred) { (standing.time, standing.text.clone()) } else { (0, String::new()) };
        let group = Group { waiting: 1 - is_held, held: is_held, oldest: Some(listed.id), last };
        match parts.iter_mut().find(|part| part.destination == destination) {
            Some(part) => part.group.add(group),
            None => parts.push(Part { destination, group }),
        }
    }
    parts
}

impl Group {
    fn add(&mut self, other: Group) {
        self.waiting += other.waiting;
        self.held += other.held;
        self.oldest = match (self.oldest, other.oldest) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        if other.last.0 > self.last.0 {
            self.last = other.last;
        }
    }

    /// The scheduler's word on what is wrong, else the newest reply.
    fn error<'a>(&'a self, live: Option<&'a Live>) -> &'a str {
        live.map(|live| live.error.as_str()).filter(|error| !error.is_empty()).unwrap_or(&self.last.1)
    }
}

fn show_text(name: &str, group: &Group, live: Option<&Live>, out: &mut impl Write) -> io::Result<()> {
    let mut text = format!("{} waiting {}", safe(name.as_bytes()), group.waiting);
    if group.held > 0 {
        let _ = write!(text, " held {}", group.held);
    }
    if let Some(live) = live {
        let _ = write!(text, " (in memory {}) running {} window {}", live.in_memory, live.running, live.window);
    }
    if let Some(oldest) = group.oldest {
        let _ = write!(text, " oldest {} {oldest}", Moment(oldest.birth_seconds()));
    }
    if let Some(until) = live.and_then(|live| live.until) {
        let _ = write!(text, " down until {}", Moment(until));
    }
    text.push('\n');
    let error = group.error(live);
    if !error.is_empty() {
        let _ = writeln!(text, "  last error: {}", safe(error.as_bytes()));
    }
    out.write_all(text.as_bytes())
}

fn show_json(name: &str, group: &Group, live: Option<&Live>, out: &mut impl Write) -> io::Result<()> {
    write_block(out, |text| {
        json::object(text, |object| {
            object.text("destination", name);
            object.number("waiting", group.waiting);
            object.number("held", group.held);
            object.number_or_null("in_memory", live.map(|live| live.in_memory));
            object.number_or_null("running", live.map(|live| live.running));
            object.number_or_null("open", live.map(|live| live.open));
            object.number_or_null("window", live.map(|live| live.window));
            object.number_or_null("down_until", live.and_then(|live| live.until));
            match group.oldest {
                Some(oldest) => object.text("oldest", &oldest.to_string()),
                None => object.null("oldest"),
            }
            object.text("last_error", group.error(live));
        });
    })
}
