//! Copies of mail (control/taps): whom a message is also for.
//!
//! What it does: a line is `F:pattern:address`, mail whose sender fits; `T:pattern:address`, mail one of whose recipients
//! fits; or `A:pattern:address`, mail where either fits. The pattern is a regular expression that may match anywhere in
//! the address, without regard to case, as in the taps patch for qmail. A copy is one more recipient of the message, so
//! it shares its bytes and its fate on disk.
//!
//! Security stance: senders and recipients are strangers' text, patterns the admin's. Patterns are bounded and matched in
//! time that grows with the product of the lengths alone. A copy is marked, so that nobody ever hears what became of it.
//!
//! How it fails: a line that is none is an error with file and line.

use regex_lite::{Regex, RegexBuilder};
use stafett_control::{Control, Error, Item, rows};
use stafett_envelope::{Envelope, Recipient};

/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 256;
/// What a pattern may take in memory, in bytes.
const LARGEST_PATTERN: usize = 256 * 1024;

/// The lines of control/taps.
#[derive(Clone, Debug, Default)]
pub struct Taps(Vec<Tap>);

#[derive(Clone, Debug)]
struct Tap {
    what: What,
    pattern: Regex,
    address: String,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    All,
    From,
    To,
}

impl Taps {
    /// Reads the file.
    ///
    /// # Errors
    /// At the first line that is none.
    pub fn read(control: &Control) -> Result<Taps, Error> {
        let lines = control.list(&rows::TAPS)?.unwrap_or_default();
        lines.iter().map(tap).collect::<Result<_, _>>().map(Taps)
    }

    /// All that is wrong with the file.
    pub fn faults(control: &Control) -> Vec<Error> {
        match control.list(&rows::TAPS) {
            Ok(lines) => lines.unwrap_or_default().iter().filter_map(|item| tap(item).err()).collect(),
            Err(_) => control.faults(&rows::TAPS),
        }
    }

    /// Adds the copies of a message to its recipients. Who gets it anyway gets no copy.
    pub fn apply(&self, envelope: &mut Envelope) {
        for tap in self.0.iter().filter(|tap| tap.takes(envelope)).collect::<Vec<_>>() {
            if !envelope.recipients.iter().any(|known| known.address.eq_ignore_ascii_case(&tap.address)) {
                let never = Some("NEVER".to_owned());
                envelope.recipients.push(Recipient { notify: never, copy: true, ..Recipient::new(tap.address.as_str()) });
                // An address in UTF-8 makes no such message of it: stafett-remote takes that recipient apart.
            }
        }
    }
}

impl Tap {
    fn takes(&self, envelope: &Envelope) -> bool {
        let from = || self.pattern.is_match(&envelope.sender);
        // The copies of other lines are nobody's mail.
        let to = || envelope.recipients.iter().filter(|one| !one.copy).any(|one| self.pattern.is_match(&one.address));
        match self.what {
            What::All => from() || to(),
            What::From => from(),
            What::To => to(),
        }
    }
}

fn tap(item: &Item<String>) -> Result<Tap, Error> {
    let fault = |reason: String| Error { file: format!("control/{}", rows::TAPS.name), line: item.line, reason };
    parse(&item.value).map_err(fault)
}

fn parse(line: &str) -> Result<Tap, String> {
    let (letter, pattern, address) = stafett_control::form::tap::split(line)?;
    let what = match letter {
        'A' => What::All,
        'F' => What::From,
        _ => What::To,
    };
    if pattern.len() > LONGEST_PATTERN {
        return Err(format!("\"{pattern}\" is longer than {LONGEST_PATTERN} bytes; write several lines"));
    }
    let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(LARGEST_PATTERN).build();
    let pattern = built.map_err(|error| format!("\"{pattern}\" is not a regular expression: {error}"))?;
    Ok(Tap { what, pattern, address: address.to_owned() })
}

#[cfg(test)]
mod tests;
