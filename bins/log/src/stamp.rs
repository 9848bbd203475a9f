//! The time before each line, as the supervisors' log programs write it, and as we show it.
//!
//! multilog t and svlogd -t write TAI64N labels (`@` and 24 hexadecimal digits), svlogd -tt and
//! -ttt write UTC for people (`2026-11-21_22:02:59.10144`, or `T` in the middle).
//! How it fails: a line that begins with neither has no time of its own.
//! Known limits: leap seconds are not counted, as the two programs do not count them either.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use time::{Date, Month, OffsetDateTime};

/// The label of 1970-01-01 00:00:00 UTC, as daemontools and runit have it.
const EPOCH: u64 = 0x4000_0000_0000_000a;

/// Microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

/// A second of [`Moment`].
pub const SECOND: i64 = 1_000_000;

impl Moment {
    /// The time now.
    pub fn now() -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// This much later.
    pub fn plus(self, microseconds: i64) -> Moment {
        Moment(self.0.saturating_add(microseconds))
    }

    /// Microseconds from `earlier` to this; nothing where a clock went back.
    pub fn since(self, earlier: Moment) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// When a message was born: its queue id is that time (stafett-queue(5)).
    pub fn of_birth(id: u64) -> Moment {
        Moment(i64::try_from(id).unwrap_or(i64::MAX))
    }

    /// The time of day of a date.
    pub fn of_date(date: Date, seconds: i64) -> Moment {
        Moment(date.midnight().assume_utc().unix_timestamp().saturating_add(seconds).saturating_mul(SECOND))
    }

    fn civil(self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp(self.0.div_euclid(SECOND)).ok()
    }

    /// The day it lies in.
    pub fn date(self) -> Option<Date> {
        self.civil().map(OffsetDateTime::date)
    }
}

/// `2026-11-21 22:02:59.101`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(civil) = self.civil() else {
            return f.write_str("at an impossible time");
        };
        let (hour, minute, second) = civil.to_hms();
        let thousandths = self.0.rem_euclid(SECOND) / 1000;
        write!(f, "{:04}-{:02}-{:02}", civil.year(), u8::from(civil.month()), civil.day())?;
        write!(f, " {hour:02}:{minute:02}:{second:02}.{thousandths:03}")
    }
}

/// The time of a line, and the line without it.
pub fn split(line: &[u8]) -> (Option<Moment>, &[u8]) {
    let Some(end) = line.iter().take(40).position(|byte| *byte == b' ') else {
        return (None, line);
    };
    let (stamp, rest) = line.split_at(end);
    match label(stamp).or_else(|| civil(stamp)) {
        Some(moment) => (Some(moment), rest.get(1..).unwrap_or_default()),
        None => (None, line),
    }
}

/// A TAI64N label, which is also what the names of rotated files begin with.
pub fn label(stamp: &[u8]) -> Option<Moment> {
    let digits = stamp.strip_prefix(b"@").filter(|digits| digits.len() == 24)?;
    let (seconds, nanoseconds) = digits.split_at(16);
    let seconds = i64::try_from(hexadecimal(seconds)?.checked_sub(EPOCH)?).ok()?;
    let nanoseconds = i64::try_from(hexadecimal(nanoseconds)?).ok()?;
    Some(Moment(seconds.checked_mul(SECOND)?.checked_add(nanoseconds / 1000)?))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |sum, digit| Some(sum << 4 | u64::from((*digit as char).to_digit(16)?)))
}

/// `2026-11-21_22:02:59.10144`.
fn civil(stamp: &[u8]) -> Option<Moment> {
    let is_shape = |at: usize, wanted: &[u8]| stamp.get(at).is_some_and(|byte| wanted.contains(byte));
    let shape: [(usize, &[u8]); 6] = [(4, b"-"), (7, b"-"), (10, b"_T"), (13, b":"), (16, b":"), (19, b".")];
    if !shape.iter().all(|(at, wanted)| is_shape(*at, wanted)) {
        return None;
    }
    let number = |from: usize, to: usize| decimal(stamp.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    Some(Moment::of_date(date, seconds).plus(fraction(stamp.get(20..)?)?))
}

/// Digits behind the decimal point, in microseconds.
fn fraction(digits: &[u8]) -> Option<i64> {
    let six = digits.get(..6).unwrap_or(digits);
    let missing = u32::try_from(6 - six.len()).ok()?;
    decimal(six).map(|value| value * 10_i64.pow(missing))
}

fn decimal(digits: &[u8]) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.len() <= 9;
    is_number.then_some(())?;
    digits.iter().try_fold(0_i64, |sum, digit| Some(sum * 10 + i64::from((*digit as char).to_digit(10)?)))
}

#[cfg(test)]
#[path = "stamp_test.rs"]
mod tests;
