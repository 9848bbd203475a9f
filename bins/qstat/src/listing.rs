//! A line for each message and, below it, one for each of its recipients.

use crate::show::Shown;
use crate::{Health, LOG, report_damaged, report_odd};
use stafett_queue_store::{Damage, Entry, Listed, Place, Store};
use std::io::{self, Write};

/// How often a message is looked for again that moves while it is read.
const PATIENCE: usize = 5;

/// Prints them, the oldest first.
pub fn show(store: &Store, out: &mut impl Write) -> io::Result<Health> {
    let mut damaged = report_damaged(store)? > 0;
    let mut listed = Vec::new();
    for place in [Place::New, Place::Waiting, Place::Held] {
        store.list(place, &mut |one| listed.push(one), &mut |odd| {
            damaged = true;
            report_odd(odd.display());
        })?;
    }
    // A message that moved on while we listed is there twice; the later place counts.
    listed.sort_by_key(|one| (one.id, std::cmp::Reverse(one.place)));
    listed.dedup_by_key(|one| one.id);
    for one in listed {
        match look(store, one) {
            Seen::Message(one, entry) => write!(out, "{}", Shown { listed: one, entry: &entry })?,
            Seen::Gone => {}
            Seen::Unusable(one, reason) => {
                damaged = true;
                LOG.error(format_args!("{}: {reason}", store.path(one.id, one.size, one.place).display()));
            }
        }
    }
    Ok(if damaged { Health::Damaged } else { Health::Good })
}

enum Seen {
    Message(Listed, Box<Entry>),
    /// It was delivered in the meantime.
    Gone,
    /// In words, why it cannot be shown.
    Unusable(Listed, String),
}

/// Reads one message, wherever it has moved to in the meantime.
fn look(store: &Store, mut listed: Listed) -> Seen {
    for _ in 0..PATIENCE {
        match glance(store, listed) {
            Ok(Ok(entry)) => return Seen::Message(listed, Box::new(entry)),
            Ok(Err(damage)) => return Seen::Unusable(listed, format!("damaged: {damage}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match store.find(listed.id, listed.size) {
                Ok(Some(moved)) => listed = moved,
                Ok(None) => return Seen::Gone,
                Err(error) => return Seen::Unusable(listed, format!("unable to find it again: {error}")),
            },
            // Its journal was mended while we read.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Seen::Unusable(listed, format!("unable to read it: {error}")),
        }
    }
    Seen::Unusable(listed, "it changes faster than it can be read; try again".to_owned())
}

fn glance(store: &Store, listed: Listed) -> io::Result<Result<Entry, Damage>> {
    let file = store.open_message(listed.id, listed.size, listed.place)?;
    Entry::glance(&file, listed.id, listed.size)
}
