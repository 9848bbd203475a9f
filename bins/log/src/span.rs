//! A span of time as an admin says it: `2026-11-21`, `2026-11-21 22:00`, `22:00`, `-1h`. All UTC,
//! like the logs.

use crate::stamp::{Moment, SECOND};
use time::{Date, Month};

/// A day in seconds.
const DAY: i64 = 86_400;

/// From `since` up to, but without, `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment of it.
    pub since: Moment,
    /// The first moment after it.
    pub until: Moment,
}

impl Span {
    /// All time.
    pub const ALL: Span = Span { since: Moment(i64::MIN), until: Moment(i64::MAX) };

    /// Whether it holds a moment.
    pub fn holds(self, at: Moment) -> bool {
        self.since <= at && at < self.until
    }
}

/// Where a span begins: a day alone is meant from its start.
pub fn since(text: &str, now: Moment) -> Option<Moment> {
    moment(text, now, 0)
}

/// Where a span ends: a day alone is meant to its end.
pub fn until(text: &str, now: Moment) -> Option<Moment> {
    moment(text, now, DAY)
}

/// The moment that `text` names; a day stands for its second number `of_day`.
fn moment(text: &str, now: Moment, of_day: i64) -> Option<Moment> {
    let text = text.trim();
    if let Some(length) = text.strip_prefix('-') {
        return Some(now.plus(-ago(length)?));
    }
    if let Some(clock) = clock(text) {
        return last_time(clock, now);
    }
    match text.split_once([' ', 'T', '_']) {
        Some((day, time)) => Some(Moment::of_date(date(day)?, clock(time)?)),
        None => Some(Moment::of_date(date(text)?, of_day)),
    }
}

/// The last time that a clock showed this: today, or yesterday when that is still to come.
fn last_time(seconds: i64, now: Moment) -> Option<Moment> {
    let today = Moment::of_date(now.date()?, seconds);
    Some(if today > now { today.plus(-DAY * SECOND) } else { today })
}

/// `90s`, `30m`, `1h`, `2d`, `1w`, in microseconds.
fn ago(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    number(digits, 1..=9)?.checked_mul(unit)?.checked_mul(SECOND)
}

/// `22:00` or `22:00:30`, in seconds.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hour = number(parts.next()?, 1..=2).filter(|hour| *hour < 24)?;
    let minute = number(parts.next()?, 2..=2).filter(|minute| *minute < 60)?;
    let second = parts.next().map_or(Some(0), |part| number(part, 2..=2).filter(|second| *second < 60))?;
    parts.next().is_none().then_some(hour * 3600 + minute * 60 + second)
}

/// `2026-11-21`.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let year = number(parts.next()?, 4..=4)?;
    let month = Month::try_from(u8::try_from(number(parts.next()?, 1..=2)?).ok()?).ok()?;
    let day = u8::try_from(number(parts.next()?, 1..=2)?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, day).ok()
}

fn number(digits: &str, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let fits = length.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits { digits.parse().ok() } else { None }
}

#[cfg(test)]
#[path = "span_test.rs"]
mod tests;
