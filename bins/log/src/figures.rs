//! Prints the figures of a span.

use crate::summary::Summary;
use crate::tally::{Delays, Tally};
use crate::tell::duration;
use stafett_log::safe;
use std::fmt::{self, Display};

/// A summary with lists of so many lines each.
pub struct Figures<'a>(pub &'a Summary, pub usize);

impl Display for Figures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures(all, most) = *self;
        if let Some((first, last)) = all.first_and_last {
            writeln!(f, "from {first} to {last} UTC, {}", counted(all.lines, "line"))?;
        }
        totals(f, all)?;
        list(f, "refusals by rule", &all.refusals, most)?;
        list(f, "deferrals by reason", &all.deferrals, most)?;
        list(f, "failures by reason", &all.failures, most)?;
        destinations(f, &all.destinations, most)?;
        duplicates(f, all, most)?;
        list(f, "complaints of programs", &all.complaints, most)
    }
}

fn totals(f: &mut fmt::Formatter<'_>, all: &Summary) -> fmt::Result {
    let mut row = |name: &str, count: u64, more: String| {
        let separator = if more.is_empty() { "" } else { "  " };
        writeln!(f, "{name:<22}{count:>10}{separator}{more}")
    };
    row("connections", all.connections, format!("{} at once at most, {} refused", all.crowd, all.denied))?;
    row("sessions", all.sessions.total(), ways(&all.sessions))?;
    row("refusals", all.refusals.total(), String::new())?;
    row("accepted by smtpd", all.accepted, format!("{}, {}", counted(all.bytes, "byte"), counted(all.recipients, "recipient")))?;
    row("queued", all.queued, "from smtpd, local programs and bounces".to_owned())?;
    row("done", all.ended, String::new())?;
    row("deliveries", all.successes, String::new())?;
    row("deferrals", all.deferrals.total(), String::new())?;
    row("failures", all.failures.total(), String::new())?;
    row("bounces", all.bounces, format!("{} more dropped", all.discarded))?;
    row("possible duplicates", all.all_duplicates, String::new())?;
    row("complaints", all.complaints.total(), String::new())?;
    if all.orders > 0 {
        row("orders of the admin", all.orders, String::new())?;
    }
    if all.unknown > 0 {
        row("other lines", all.unknown, "of other programs, or cut".to_owned())?;
    }
    Ok(())
}

/// `quit 3, closed 1`.
fn ways(sessions: &Tally<u64>) -> String {
    let ways: Vec<String> = sessions.top(8).into_iter().map(|(why, count)| format!("{} {count}", safe(why.as_bytes()))).collect();
    ways.join(", ")
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, tally: &Tally<u64>, most: usize) -> fmt::Result {
    if tally.total() == 0 {
        return Ok(());
    }
    let top = tally.top(most);
    writeln!(f, "\n{title}{}", shown_of(top.len(), tally.len()))?;
    for (name, count) in top {
        writeln!(f, "{count:>10}  {}", safe(name.as_bytes()))?;
    }
    Ok(())
}

/// The slowest first.
fn destinations(f: &mut fmt::Formatter<'_>, tally: &Tally<Delays>, most: usize) -> fmt::Result {
    let mut kinds = tally.kinds();
    kinds.sort_by_key(|(_, delays)| std::cmp::Reverse((delays.percentile(95), delays.longest())));
    if kinds.is_empty() {
        return Ok(());
    }
    let shown = kinds.len().min(most);
    writeln!(f, "\nslowest destinations, from birth to delivery{}", shown_of(shown, kinds.len()))?;
    writeln!(f, "{:>10}{:>12}{:>12}{:>12}  domain", "deliveries", "median", "95 of 100", "longest")?;
    for (domain, delays) in kinds.into_iter().take(most) {
        let (median, most_of) = (duration(delays.percentile(50)), duration(delays.percentile(95)));
        writeln!(f, "{:>10}{median:>12}{most_of:>12}{:>12}  {}", delays.total(), duration(delays.longest()), safe(domain.as_bytes()))?;
    }
    if tally.others() > 0 {
        writeln!(f, "{:>10}{:>36}  others, too many to keep", tally.others(), "")?;
    }
    Ok(())
}

fn duplicates(f: &mut fmt::Formatter<'_>, all: &Summary, most: usize) -> fmt::Result {
    if all.duplicates.is_empty() {
        return Ok(());
    }
    let shown = all.duplicates.len().min(most);
    writeln!(f, "\npossible duplicates{}", shown_of(shown, usize::try_from(all.all_duplicates).unwrap_or(usize::MAX)))?;
    for one in all.duplicates.iter().take(most) {
        writeln!(f, "  {}  {}  {}", one.at, one.id, safe(one.why.as_bytes()))?;
    }
    Ok(())
}

fn shown_of(shown: usize, of: usize) -> String {
    if shown < of { format!(" ({shown} of {of})") } else { String::new() }
}

fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
