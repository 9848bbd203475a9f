//! Days of UTC.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use time::{Date, Month, OffsetDateTime};

/// Seconds of a day.
pub const DAY: u64 = 24 * 3600;

/// A day, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u64);

impl Day {
    /// Today.
    pub fn today() -> Day {
        Day(seconds() / DAY)
    }

    /// The day of a text such as `2026-11-22`.
    pub fn parse(text: &str) -> Option<Day> {
        let [year, month, day] = text.split('-').collect::<Vec<_>>().try_into().ok()?;
        let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
        let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
        let seconds = u64::try_from(date.midnight().assume_utc().unix_timestamp()).ok()?;
        Some(Day(seconds / DAY)).filter(|day| day.to_string() == text)
    }

    /// Its first second, since 1970.
    pub fn begin(self) -> u64 {
        self.0 * DAY
    }

    /// Its last second, since 1970.
    pub fn end(self) -> u64 {
        self.begin() + DAY - 1
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.begin()).unwrap_or(0);
        let date = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

/// Now, in seconds since 1970.
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
