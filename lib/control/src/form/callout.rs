//! What control/callout says about a domain: whether its recipients are asked for, and how.
//!
//! A value is `on` or `off`, behind it options with blanks between: `on yes=86400 no=3600 wait=20`.
//! How it fails: a sentence that says what to write; an option that is not known, or given twice, is an error.

use std::time::Duration;

use super::{address_or_domain, key_or_all};

const DAY: u64 = 24 * 3600;
/// The longest that anything is remembered, in days.
pub const LONGEST_MEMORY: u64 = 366;

/// How the recipients of a domain are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// Whether they are.
    pub on: bool,
    /// How long a yes counts before the question is asked again.
    pub yes: Duration,
    /// How long a no counts.
    pub no: Duration,
    /// How long a host that takes every recipient is not asked for single ones.
    pub everybody: Duration,
    /// How long a recipient that was there stays valid while its host cannot be asked.
    pub remember: Duration,
    /// How long a recipient that was not there is refused while its host cannot be asked.
    pub refuse: Duration,
    /// Whether recipients that were never asked for are accepted while their host cannot be asked.
    pub accepts_unknown: bool,
    /// How long a client waits for the answer.
    pub wait: Duration,
    /// The sender of the question; empty is `<>`.
    pub sender: String,
    /// Connections to one host at once.
    pub connections: usize,
}

impl Default for Callout {
    fn default() -> Self {
        Callout {
            on: true,
            yes: Duration::from_secs(DAY),
            no: Duration::from_secs(3600),
            everybody: Duration::from_secs(DAY),
            remember: Duration::from_secs(31 * DAY),
            refuse: Duration::from_secs(7 * DAY),
            accepts_unknown: false,
            wait: Duration::from_secs(30),
            sender: String::new(),
            connections: 2,
        }
    }
}

impl Callout {
    /// Reads a value.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Callout, String> {
        let mut words = text.split_ascii_whitespace();
        let on = match words.next() {
            Some("on") => true,
            Some("off") => false,
            other => return Err(format!("\"{}\" is neither on nor off; write domain:on or domain:off", other.unwrap_or_default())),
        };
        let mut callout = Callout { on, ..Callout::default() };
        let mut seen = Vec::new();
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if seen.contains(&name) {
                return Err(format!("\"{name}\" is given twice; write it once"));
            }
            seen.push(name);
            callout.set(name, value)?;
        }
        Ok(callout)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let seconds = |least, most| number(value, least, most, "seconds").map(Duration::from_secs);
        match name {
            "yes" => self.yes = seconds(0, 30 * DAY)?,
            "no" => self.no = seconds(0, 30 * DAY)?,
            "everybody" => self.everybody = seconds(60, 30 * DAY)?,
            "remember" => self.remember = Duration::from_secs(number(value, 0, LONGEST_MEMORY, "days")? * DAY),
            "refuse" => self.refuse = Duration::from_secs(number(value, 0, LONGEST_MEMORY, "days")? * DAY),
            "unknown" => self.accepts_unknown = accepts(value)?,
            "wait" => self.wait = seconds(1, 240)?,
            "connections" => self.connections = usize::try_from(number(value, 1, 50, "connections")?).unwrap_or(1),
            "sender" => self.sender = sender(value)?,
            _ => {
                return Err(format!(
                    "\"{name}\" is no option; write yes, no, everybody, remember, refuse, unknown, wait, connections or sender"
                ));
            }
        }
        Ok(())
    }
}

/// Judges one line of callout.
///
/// # Errors
/// As [`Callout::parse`].
pub fn callout(domain: &str, rest: &str) -> Result<(), String> {
    key_or_all(domain)?;
    Callout::parse(rest).map(drop)
}

fn accepts(text: &str) -> Result<bool, String> {
    match text {
        "later" => Ok(false),
        "accept" => Ok(true),
        _ => Err(format!("\"{text}\" is neither later nor accept; write unknown=later to put unknown recipients off")),
    }
}

fn number(text: &str, least: u64, most: u64, unit: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
    fits.ok_or_else(|| format!("\"{text}\" is not a number of {unit} from {least} to {most}; write digits only"))
}

/// `<>`, nothing, or a plain address: it stands in a command line as it is.
fn sender(text: &str) -> Result<String, String> {
    if text.is_empty() || text == "<>" {
        return Ok(String::new());
    }
    let plain = text.chars().all(|symbol| symbol.is_ascii_graphic() && !"<>\"\\,;:()[]".contains(symbol));
    match address_or_domain(text) {
        Ok(()) if plain && !text.starts_with('@') => Ok(text.to_owned()),
        _ => Err(format!("\"{text}\" is not an address; write sender=user@domain, or <> for none")),
    }
}

#[cfg(test)]
#[path = "callout_test.rs"]
mod callout_test;
