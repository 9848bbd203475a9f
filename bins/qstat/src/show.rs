//! How a message looks to the admin. Times are UTC.

use stafett_log::safe;
use stafett_queue_store::journal::{Event, Standing};
use stafett_queue_store::{Entry, Listed, Place};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

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
        let Listed { id, size, place, due } = self.listed;
        let sender = safe(self.entry.envelope.sender.as_bytes());
        write!(f, "{} {id} {size} <{sender}> ", Moment(id.birth_seconds()))?;
        match place {
            Place::New => writeln!(f, "new next now")?,
            Place::Waiting if is_past(due) => writeln!(f, "waiting next now")?,
            Place::Waiting => writeln!(f, "waiting next {}", Moment(due))?,
            Place::Held => writeln!(f, "held")?,
        }
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

fn show_recipient(f: &mut fmt::Formatter<'_>, address: &str, standing: &Standing) -> fmt::Result {
    let (address, text) = (safe(address.as_bytes()), safe(standing.text.as_bytes()));
    let time = Moment(standing.time);
    match standing.event {
        None | Some(Event::Routed) => writeln!(f, "  waiting {address}"),
        Some(Event::Deferred) => writeln!(f, "  waiting {address} (deferred {} times, last {time}): {text}", standing.deferrals),
        Some(Event::Delivered) => writeln!(f, "  done {address} ({time}): {text}"),
        Some(Event::Failed | Event::Bounced) => writeln!(f, "  failed {address} ({time}): {text}"),
    }
}

fn is_past(time: u64) -> bool {
    SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|now| time <= now.as_secs())
}

/// Seconds since 1970 as a date of ISO 8601 in UTC.
struct Moment(u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = i64::try_from(self.0).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let Some(time) = known else { return write!(f, "@{}", self.0) };
        let (date, (hour, minute, second)) = (time.date(), time.to_hms());
        write!(f, "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year(), u8::from(date.month()), date.day())
    }
}
