//! Times as the admin reads them, and ages as he writes them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// Seconds since 1970; prints itself as a date of ISO 8601 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// This second.
    pub fn now() -> Moment {
        Moment(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = i64::try_from(self.0).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let Some(time) = known else { return write!(f, "@{}", self.0) };
        let (date, (hour, minute, second)) = (time.date(), time.to_hms());
        write!(f, "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year(), u8::from(date.month()), date.day())
    }
}
