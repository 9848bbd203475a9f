//! Lengths of time and hours of the day, as words of a control file: `hour`, `10m`, `2days`; `18:00-06:00`.
//!
//! How it fails: a sentence that says what to write.

use std::time::Duration;

/// The longest that may be written, in seconds: 400 days.
const LONGEST: u64 = 400 * DAY;
const DAY: u64 = 86_400;

/// Units by their names; a plural `s` is taken off the longer ones before.
const UNITS: &[(&str, u64)] = &[
    ("s", 1),
    ("second", 1),
    ("m", 60),
    ("minute", 60),
    ("h", 3600),
    ("hour", 3600),
    ("d", DAY),
    ("day", DAY),
    ("w", 7 * DAY),
    ("week", 7 * DAY),
];

/// Hours of each day, as minutes since midnight by the clock of this host. The end does not belong to them; they may reach over
/// midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

/// A length of time: a unit, with a whole number before it unless that is one.
///
/// # Errors
/// A sentence that says what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a length of time; write second, 10m, hour, 2h, day or 36d");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let singular = unit.strip_suffix('s').filter(|rest| rest.len() > 1).unwrap_or(unit);
    let seconds = UNITS.iter().find(|(name, _)| *name == singular).map(|(_, seconds)| *seconds).ok_or_else(wrong)?;
    let number: u64 = if number.is_empty() { 1 } else { number.parse().map_err(|_| wrong())? };
    let whole = number.checked_mul(seconds).filter(|whole| (1..=LONGEST).contains(whole));
    whole.map(Duration::from_secs).ok_or_else(|| format!("\"{text}\" is too long or nothing at all; write 1s to 400d"))
}

impl Hours {
    /// Reads `HH:MM-HH:MM`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Hours, String> {
        let wrong = || format!("\"{text}\" are no hours of a day; write 18:00-06:00");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let hours = Hours { from: minute(from).ok_or_else(wrong)?, to: minute(to).ok_or_else(wrong)? };
        if hours.from == hours.to { Err(wrong()) } else { Ok(hours) }
    }

    /// Whether a minute of the day is within.
    pub fn contain(self, minute: u16) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&minute) } else { minute >= self.from || minute < self.to }
    }
}

/// 24:00 is the end of a day, and so its beginning.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str, most: u16| digits.parse().ok().filter(|number| digits.len() == 2 && *number <= most);
    match (number(hour, 24)?, number(minute, 59)?) {
        (24, 0) => Some(0),
        (24, _) => None,
        (hour, minute) => Some(hour * 60 + minute),
    }
}

#[cfg(test)]
#[path = "span_test.rs"]
mod span_test;
