//! Queue ids: microseconds since 1970 in 16 decimal digits, increasing, never used twice.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The name of a message in the queue, in every log line, and in the reply to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u64);

impl Id {
    /// Reads exactly 16 decimal digits.
    pub fn parse(text: &str) -> Option<Id> {
        let fits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| fits).map(Id)
    }

    /// When the message was born.
    pub fn birth(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.0)
    }

    /// Seconds since 1970 of its birth.
    pub fn birth_seconds(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}", self.0)
    }
}

/// Makes ids. The clock gives them; where it stands still or goes back, they count on from the
/// last one.
#[derive(Debug)]
pub struct Ids(AtomicU64);

impl Ids {
    /// Ids above `last`, the largest that may ever have been given.
    pub fn after(last: Id) -> Ids {
        Ids(AtomicU64::new(last.0))
    }

    /// The next id; safe to call from several threads.
    pub fn next(&self, now: SystemTime) -> Id {
        let clock = now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
        let step = |last: u64| Some(clock.max(last + 1));
        let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        Id(clock.max(last.unwrap_or_default() + 1))
    }

    /// The last id that was given.
    pub fn last(&self) -> Id {
        Id(self.0.load(Ordering::Relaxed))
    }
}
