//! A line for each message and, below it, one for each of its recipients; and what all reports
//! that read messages share.

use crate::show::{Shown, json_message};
use crate::{Health, LOG, Queue, report_damaged, report_odd};
use stafett_log::safe;
use stafett_queue_store::Listed;
use stafett_survey::{Found, Message, Seen, State, each};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Prints them, the oldest first.
pub fn show(queue: &Queue<'_>, out: &mut impl Write) -> io::Result<Health> {
    let mut notes = Notes { damaged: report_damaged(queue)? > 0 };
    show_damaged(queue, out)?;
    let as_text = |message: &Message| {
        let mut text = String::new();
        if queue.options.json {
            json_message(&mut text, message, &queue.routes, |_| {});
            text.push('\n');
        } else {
            let _ = write!(text, "{}", Shown { listed: message.listed, entry: &message.entry });
        }
        text
    };
    messages(queue, Found::Standings, &mut notes, as_text, |text| out.write_all(text.as_bytes()))?;
    Ok(notes.health())
}

/// What was set aside has no more to show than its name; it is listed when that state is asked for.
fn show_damaged(queue: &Queue<'_>, out: &mut impl Write) -> io::Result<()> {
    let selection = &queue.options.selection;
    if !selection.filter.has_states() || !selection.filter.wants(State::Damaged) {
        return Ok(());
    }
    for file in selection.damaged(queue.store)? {
        let name = safe(file.as_os_str().as_encoded_bytes()).to_string();
        if queue.options.json {
            write_block(out, |text| {
                stafett_survey::json::object(text, |object| {
                    object.text("state", State::Damaged.word());
                    object.text("file", &name);
                });
            })?;
        } else {
            writeln!(out, "{name} damaged")?;
        }
    }
    Ok(())
}

/// Writes what `fill` makes, and a line end.
pub fn write_block(out: &mut impl Write, fill: impl FnOnce(&mut String)) -> io::Result<()> {
    let mut text = String::new();
    fill(&mut text);
    text.push('\n');
    out.write_all(text.as_bytes())
}

/// What was found wrong on the way.
#[derive(Debug, Default)]
pub struct Notes {
    /// Something is damaged or missing, and was told.
    pub damaged: bool,
}

impl Notes {
    /// The messages that are meant, as far as names tell. Says what does not belong there and
    /// which ids are not there.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn list(&mut self, queue: &Queue<'_>) -> io::Result<Vec<Listed>> {
        let listing = queue.options.selection.list(queue.store, &mut |odd| {
            self.damaged = true;
            report_odd(odd.display());
        })?;
        for id in listing.missing {
            self.damaged = true;
            LOG.error(format_args!("{id} is not in the queue: it was delivered, bounced or removed"));
        }
        Ok(listing.messages)
    }

    /// How the queue was found.
    pub fn health(&self) -> Health {
        if self.damaged { Health::Damaged } else { Health::Good }
    }
}

/// Reads the messages that are meant, lets `work` make something of each, on two processors, and
/// gives that to `take`, in order.
///
/// # Errors
/// When the queue cannot be read; the first of `take`.
pub fn messages<T: Send>(
    queue: &Queue<'_>,
    wanted: Found,
    notes: &mut Notes,
    work: impl Fn(&Message) -> T + Sync,
    mut take: impl FnMut(T) -> io::Result<()>,
) -> io::Result<()> {
    let listed = notes.list(queue)?;
    let filter = &queue.options.selection.filter;
    let judged = |seen: Seen| match seen {
        Seen::Message(message) => filter.matches_content(&message.entry, &queue.routes).then(|| Ok(work(&message))),
        Seen::Gone => None,
        Seen::Unusable(listed, reason) => Some(Err((listed, reason))),
    };
    each(queue.store, &listed, wanted, judged, |result| match result {
        Some(Ok(made)) => take(made),
        Some(Err((one, reason))) => {
            notes.damaged = true;
            LOG.error(format_args!("{}: {reason}", queue.store.path(one.id, one.size, one.place).display()));
            Ok(())
        }
        None => Ok(()),
    })
}
