//! The two lines of qmail-qstat and a line for each state.

use crate::listing::{Notes, messages, write_block};
use crate::{Health, LOG, Queue, report_damaged};
use stafett_queue_store::Place;
use stafett_survey::{Found, Moment, json};
use std::io::{self, Write};

/// Up to so many waiting messages, their files are asked when they are due; that takes a
/// microsecond each, while names cost a quarter of that and no seek.
const MOST_ASKED: u64 = 100_000;

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    new: u64,
    waiting: u64,
    /// Of the waiting ones; `None` where it was not asked.
    due: Option<u64>,
    held: u64,
    damaged: u64,
}

/// Prints them.
pub fn show(queue: &Queue<'_>, out: &mut impl Write) -> io::Result<Health> {
    let filtered = queue.options.selection.filter.is_any() || !queue.options.selection.ids.is_empty();
    let (mut counts, mut health) = if filtered { count_some(queue)? } else { count_all(queue)? };
    counts.damaged = u64::try_from(report_damaged(queue)?).unwrap_or(u64::MAX);
    if counts.damaged > 0 {
        health = Health::Damaged;
    }
    if queue.options.json {
        show_json(counts, out)?
    } else {
        show_text(counts, out)?
    }
    Ok(health)
}

/// By names alone.
fn count_all(queue: &Queue<'_>) -> io::Result<(Counts, Health)> {
    let store = queue.store;
    // Messages move from new to cur to hold: a message that moves while we count is then counted
    // twice rather than not at all.
    let new = store.count(Place::New)?;
    let waiting = store.count(Place::Waiting)?;
    let held = store.count(Place::Held)?;
    let odd = new.odd + waiting.odd + held.odd;
    if odd > 0 {
        LOG.error(format_args!("{odd} files in {} have names that are no message's; qstat -l names them", store.root().display()));
    }
    let due = if waiting.messages <= MOST_ASKED { Some(due(queue)?) } else { None };
    let counts = Counts { new: new.messages, waiting: waiting.messages, due, held: held.messages, damaged: 0 };
    Ok((counts, if odd == 0 { Health::Good } else { Health::Damaged }))
}

fn due(queue: &Queue<'_>) -> io::Result<u64> {
    let now = Moment::now();
    let mut due = 0;
    queue.store.list(Place::Waiting, &mut |listed| due += u64::from(listed.due <= now.0), &mut |_| {})?;
    Ok(due)
}

/// The messages that fit the filters.
fn count_some(queue: &Queue<'_>) -> io::Result<(Counts, Health)> {
    let mut counts = Counts::default();
    let mut count = |place| match place {
        Place::New => counts.new += 1,
        Place::Waiting => counts.waiting += 1,
        Place::Held => counts.held += 1,
    };
    let mut notes = Notes::default();
    if queue.options.selection.filter.needs_content() {
        messages(
            queue,
            Found::Standings,
            &mut notes,
            |message| message.listed.place,
            |place| {
                count(place);
                Ok(())
            },
        )?;
    } else {
        notes.list(queue)?.iter().for_each(|listed| count(listed.place));
    }
    Ok((counts, notes.health()))
}

fn show_text(counts: Counts, out: &mut impl Write) -> io::Result<()> {
    let Counts { new, waiting, due, held, damaged } = counts;
    writeln!(out, "messages in queue: {}", new + waiting + held)?;
    writeln!(out, "messages in queue but not yet preprocessed: {new}")?;
    write!(out, "new: {new}\nwaiting: {waiting}")?;
    if let Some(due) = due {
        write!(out, " ({due} due now)")?;
    }
    writeln!(out, "\nheld: {held}\ndamaged: {damaged}")
}

fn show_json(counts: Counts, out: &mut impl Write) -> io::Result<()> {
    write_block(out, |text| {
        json::object(text, |object| {
            object.number("messages", counts.new + counts.waiting + counts.held);
            object.number("new", counts.new);
            object.number("waiting", counts.waiting);
            object.number_or_null("due_now", counts.due);
            object.number("held", counts.held);
            object.number("damaged", counts.damaged);
        });
    })
}
