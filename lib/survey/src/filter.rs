//! Which messages are meant: by sender, recipient, destination, age, size and state.
//!
//! Filters of one kind widen each other, those of different kinds narrow: `--from a --from b
//! --older 2h` is what a or b sent more than two hours ago.

use crate::moment::Moment;
use crate::pattern::Pattern;
use crate::routes::{Routes, domain};
use lexopt::{Parser, ValueExt};
use stafett_queue_store::journal::{Event, Standing};
use stafett_queue_store::{Entry, Id, Place};

/// The filters, for the usage line of a program.
pub const USAGE: &str =
    "[--from PATTERN] [--to PATTERN] [--dest PATTERN] [--older AGE] [--younger AGE] [--larger SIZE] [--smaller SIZE] [--state STATE]";

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It lies in queue/new, queue/cur or queue/hold.
    In(Place),
    /// It was set aside, or its file cannot be used where it lies.
    Damaged,
}

/// Which messages are meant. The default is all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    from: Vec<Pattern>,
    to: Vec<Pattern>,
    dest: Vec<Pattern>,
    older: Option<u64>,
    younger: Option<u64>,
    larger: Option<u64>,
    smaller: Option<u64>,
    states: Vec<State>,
    open_only: bool,
}

impl Filter {
    /// Takes an option of the command line if it is a filter's; says whether it was.
    ///
    /// # Errors
    /// When its value is missing or wrong.
    pub fn take(&mut self, option: &str, parser: &mut Parser) -> Result<bool, lexopt::Error> {
        let mut value = || parser.value().and_then(|value| value.string());
        match option {
            "from" => self.from.push(Pattern::address(&value()?)),
            "to" => self.to.push(Pattern::address(&value()?)),
            "dest" => self.dest.push(Pattern::text(&value()?)),
            "older" => self.older = Some(seconds(&value()?)?),
            "younger" => self.younger = Some(seconds(&value()?)?),
            "larger" => self.larger = Some(bytes(&value()?)?),
            "smaller" => self.smaller = Some(bytes(&value()?)?),
            "state" => {
                for word in value()?.split(',') {
                    self.states.push(State::from_word(word)?);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether anything is asked for.
    pub fn is_any(&self) -> bool {
        let number = [self.older, self.younger, self.larger, self.smaller].iter().any(Option::is_some);
        number || !self.states.is_empty() || self.needs_content()
    }

    /// Whether a message must be read to be judged.
    pub fn needs_content(&self) -> bool {
        !(self.from.is_empty() && self.to.is_empty() && self.dest.is_empty())
    }

    /// Whether where it goes must be known.
    pub fn needs_routes(&self) -> bool {
        !self.dest.is_empty()
    }

    /// Whether states were named.
    pub fn has_states(&self) -> bool {
        !self.states.is_empty()
    }

    /// Adds a state to those that are meant.
    pub fn add_state(&mut self, state: State) {
        self.states.push(state);
    }

    /// A destination that is meant, or a recipient's domain.
    pub fn add_destination(&mut self, pattern: Pattern) {
        self.dest.push(pattern);
    }

    /// From now on a recipient counts only while something is still to be done for it: for
    /// programs that change what happens next.
    pub fn only_open(&mut self) {
        self.open_only = true;
    }

    /// Whether messages of that state are meant.
    pub fn wants(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Whether a message of that id and size is meant, as far as these tell.
    pub fn matches_name(&self, id: Id, size: u64, now: Moment) -> bool {
        let age = now.0.saturating_sub(id.birth_seconds());
        self.older.is_none_or(|older| age > older)
            && self.younger.is_none_or(|younger| age < younger)
            && self.larger.is_none_or(|larger| size > larger)
            && self.smaller.is_none_or(|smaller| size < smaller)
    }

    /// Whether a message with that content is meant: one recipient must fit all that is asked of
    /// recipients.
    pub fn matches_content(&self, entry: &Entry, routes: &Routes) -> bool {
        if !self.from.is_empty() && !self.from.iter().any(|pattern| pattern.matches(&entry.envelope.sender)) {
            return false;
        }
        if self.to.is_empty() && self.dest.is_empty() {
            return true;
        }
        let mut recipients = entry.envelope.recipients.iter().zip(&entry.standings);
        recipients.any(|(recipient, standing)| self.matches_recipient(&recipient.address, standing, routes))
    }

    /// Whether a recipient is meant. Done ones have no destination any more.
    pub fn matches_recipient(&self, address: &str, standing: &Standing, routes: &Routes) -> bool {
        let is_open = standing.is_waiting() || standing.event == Some(Event::Failed);
        let must_be_open = self.open_only || !self.dest.is_empty();
        if must_be_open && !is_open {
            return false;
        }
        let is_to = self.to.is_empty() || self.to.iter().any(|pattern| pattern.matches(address));
        is_to && (self.dest.is_empty() || self.is_for(address, standing, routes))
    }

    fn is_for(&self, address: &str, standing: &Standing, routes: &Routes) -> bool {
        let destination = routes.destination(address, standing);
        let host = destination.rsplit_once(':').map_or(destination.as_str(), |(host, _)| host);
        let domain = domain(address).unwrap_or_default();
        self.dest.iter().any(|pattern| [&destination, host, domain].into_iter().any(|name| pattern.matches(name)))
    }
}

impl State {
    /// The word on the command line and in the output.
    pub fn word(self) -> &'static str {
        match self {
            State::In(Place::New) => "new",
            State::In(Place::Waiting) => "waiting",
            State::In(Place::Held) => "held",
            State::Damaged => "damaged",
        }
    }

    fn from_word(word: &str) -> Result<State, String> {
        let all = [State::In(Place::New), State::In(Place::Waiting), State::In(Place::Held), State::Damaged];
        all.into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| format!("\"{word}\" is no state; write new, waiting, held or damaged"))
    }
}

/// Seconds of an age such as `90`, `10m`, `2h`, `3d` or `1w`.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    measure(text, &units).ok_or_else(|| format!("\"{text}\" is no age; write a number and s, m, h, d or w, such as 2h"))
}

/// Bytes of a size such as `100`, `64k`, `10M` or `1G`.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [('k', 1 << 10), ('K', 1 << 10), ('M', 1 << 20), ('m', 1 << 20), ('G', 1 << 30)];
    measure(text, &units).ok_or_else(|| format!("\"{text}\" is no size; write a number of bytes, or one with k, M or G, such as 64k"))
}

fn measure(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let unit = units.iter().find(|(letter, _)| text.ends_with(*letter));
    let (digits, factor) = unit.map_or((text, 1), |(letter, factor)| (text.trim_end_matches(*letter), *factor));
    let is_whole = unit.is_none_or(|_| digits.len() + 1 == text.len());
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number && is_whole)?.checked_mul(factor)
}

#[cfg(test)]
#[path = "filter_test.rs"]
mod filter_test;
