//! The two lines of qmail-qstat and a line for each state.

use crate::{Health, LOG, report_damaged};
use stafett_queue_store::{Place, Store};
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Up to so many waiting messages, their files are asked when they are due; that takes a
/// microsecond each, while names cost a quarter of that and no seek.
const MOST_ASKED: u64 = 100_000;

/// Prints them.
pub fn show(store: &Store, out: &mut impl Write) -> io::Result<Health> {
    // Messages move from new to cur to hold: a message that moves while we count is then counted
    // twice rather than not at all.
    let new = store.count(Place::New)?;
    let waiting = store.count(Place::Waiting)?;
    let held = store.count(Place::Held)?;
    let damaged = report_damaged(store)?;
    let odd = new.odd + waiting.odd + held.odd;

    writeln!(out, "messages in queue: {}", new.messages + waiting.messages + held.messages)?;
    writeln!(out, "messages in queue but not yet preprocessed: {}", new.messages)?;
    writeln!(out, "new: {}", new.messages)?;
    write!(out, "waiting: {}", waiting.messages)?;
    if waiting.messages <= MOST_ASKED {
        write!(out, " ({} due now)", due(store)?)?;
    }
    writeln!(out, "\nheld: {}\ndamaged: {damaged}", held.messages)?;
    if odd > 0 {
        LOG.error(format_args!("{odd} files in {} have names that are no message's; qstat -l names them", store.root().display()));
    }
    Ok(if damaged == 0 && odd == 0 { Health::Good } else { Health::Damaged })
}

fn due(store: &Store) -> io::Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut due = 0;
    store.list(Place::Waiting, &mut |listed| due += u64::from(listed.due <= now), &mut |_| {})?;
    Ok(due)
}
