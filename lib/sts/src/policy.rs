//! The policy that a domain publishes by HTTPS (RFC 8461 §3.2).

use std::fmt;

use crate::names;

/// The largest policy that is read, in bytes: what RFC 8461 §3.3 suggests.
pub const LARGEST: usize = 64 * 1024;
/// The longest time that a policy may count, in seconds (RFC 8461 §3.2).
pub const LONGEST_AGE: u64 = 31_557_600;
/// Patterns of one policy; no honest one has nearly as many.
const MOST_PATTERNS: usize = 100;
/// All patterns of one policy together, in bytes.
const MOST_BYTES: usize = 4096;

/// What is to be done about a mail exchanger that does not keep the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// There is no promise (any more).
    None,
    /// Deliver, and tell.
    Testing,
    /// Do not deliver.
    Enforce,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What it asks for.
    pub mode: Mode,
    /// How long it counts after it was fetched, in seconds.
    pub max_age: u64,
    /// The mail exchangers: names, or `*.` and a name. In lower case.
    pub mx: Vec<String>,
}

impl Mode {
    /// The word in a policy.
    pub fn word(self) -> &'static str {
        match self {
            Mode::None => "none",
            Mode::Testing => "testing",
            Mode::Enforce => "enforce",
        }
    }

    /// The mode of that word.
    pub fn from_word(word: &str) -> Option<Mode> {
        [Mode::None, Mode::Testing, Mode::Enforce].into_iter().find(|mode| mode.word() == word)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Policy {
    /// Reads the text of a policy. Lines end with LF or CRLF; keys that are not known are passed over; of a key that may stand
    /// once the first counts.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Policy, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is no text".to_owned())?;
        let (mut version, mut mode, mut max_age, mut mx) = (None, None, None, Vec::new());
        for line in text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r'])).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once(':').ok_or("it has a line that is not \"key: value\"")?;
            let value = value.trim_start_matches([' ', '\t']);
            match key.trim_end_matches([' ', '\t']) {
                "version" => drop(version.get_or_insert(value)),
                "mode" => drop(mode.get_or_insert(value)),
                "max_age" => drop(max_age.get_or_insert(value)),
                "mx" => mx.push(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("its version is not STSv1".to_owned());
        }
        let mode = mode.and_then(Mode::from_word).ok_or("its mode is none of enforce, testing and none")?;
        let max_age = max_age.and_then(age).ok_or("its max_age is not a number of seconds")?;
        let policy = Policy { mode, max_age, mx };
        policy.fault().map_or(Ok(policy), |fault| Err(fault.to_owned()))
    }

    fn fault(&self) -> Option<&'static str> {
        let bytes: usize = self.mx.iter().map(String::len).sum();
        if self.mode != Mode::None && self.mx.is_empty() {
            return Some("it lists no mx");
        }
        if self.mx.len() > MOST_PATTERNS || bytes > MOST_BYTES {
            return Some("it lists more mx than we keep");
        }
        (!self.mx.iter().all(|pattern| names::is_pattern(pattern))).then_some("it lists an mx that is no name")
    }

    /// Whether a mail exchanger of that name is listed.
    pub fn lists(&self, host: &str) -> bool {
        self.mx.iter().any(|pattern| names::matches(pattern, host))
    }

    /// Whether this promises less than `other`: what has been shrunk is worth a look.
    pub fn is_weaker_than(&self, other: &Policy) -> bool {
        self.mode < other.mode || (self.mode == other.mode && self.max_age < other.max_age)
    }

    /// Its lines, as reports quote them (RFC 8460 §4.4, policy-string).
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["version: STSv1".to_owned(), format!("mode: {}", self.mode)];
        lines.extend(self.mx.iter().map(|pattern| format!("mx: {pattern}")));
        lines.push(format!("max_age: {}", self.max_age));
        lines
    }
}

/// Ten digits at most (RFC 8461 §3.2); more than the longest age counts as that.
fn age(text: &str) -> Option<u64> {
    let digits = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(|age: u64| age.min(LONGEST_AGE))
}
