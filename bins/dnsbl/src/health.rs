//! Lists that do not serve, and when they are tried again.
//!
//! A list that was silent once is left out, so that it costs clients no more time; it is tried again after a pause that
//! grows, not at a client's expense. No sockets here, and the clock is the caller's.

use stafett_dns::{Kind, Outcome, Question};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause.
pub const FIRST: Duration = Duration::from_secs(60);
/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(16 * 60);

/// The lists that are left out.
#[derive(Debug, Default)]
pub struct Health {
    ill: HashMap<Arc<str>, Illness>,
}

#[derive(Debug)]
struct Illness {
    since: Instant,
    again: Instant,
    pause: Duration,
    is_probed: bool,
    /// What it failed at, to be asked again.
    question: Question,
}

/// What is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not answer.
    Silent(String),
    /// It does not serve us: 127.255.255.0/24, as the large lists have agreed.
    Refuses(Ipv4Addr),
    /// Its answer is no listing: not in 127.0.0.0/8 (RFC 5782 §2.1). A domain that was sold answers so.
    Nonsense(IpAddr),
}

/// What the log must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The list is left out from now on.
    Fails(Fault),
    /// It serves again after so many seconds.
    Serves(u64),
}

/// Whether an outcome of a list is a listing.
///
/// # Errors
/// What is wrong with the list.
pub fn listing(outcome: &Outcome) -> Result<bool, Fault> {
    let answer = match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::NoSuchName | Outcome::NoData => return Ok(false),
        Outcome::Temporary(failure) => return Err(Fault::Silent(failure.to_string())),
    };
    let mut fault = None;
    for address in answer.addresses() {
        match address {
            IpAddr::V4(four) if four.octets()[..3] == [127, 255, 255] => fault = Some(Fault::Refuses(four)),
            IpAddr::V4(four) if four.octets()[0] == 127 => return Ok(true),
            other => fault = fault.or(Some(Fault::Nonsense(other))),
        }
    }
    fault.map_or(Ok(false), Err)
}

/// What a list is tried again with: not a name that a stranger chose, on which it may fail for ever. Any answer says that
/// it serves (RFC 5782 section 5).
fn harmless(zone: &str, question: &Question) -> Question {
    Question::new(&format!("1.0.0.127.{zone}"), Kind::A).unwrap_or_else(|_| question.clone())
}

impl Health {
    /// Whether a list is left out.
    pub fn is_ill(&self, zone: &str) -> bool {
        self.ill.contains_key(zone)
    }

    /// Takes what a list said to a question.
    pub fn take(&mut self, zone: &Arc<str>, question: &Question, said: Result<bool, Fault>, now: Instant) -> Option<Change> {
        match (said, self.ill.get_mut(zone)) {
            (Ok(_), None) => None,
            (Ok(_), Some(illness)) => {
                let seconds = now.saturating_duration_since(illness.since).as_secs();
                self.ill.remove(zone);
                Some(Change::Serves(seconds))
            }
            (Err(fault), None) => {
                let illness =
                    Illness { since: now, again: now + FIRST, pause: FIRST, is_probed: false, question: harmless(zone, question) };
                self.ill.insert(Arc::clone(zone), illness);
                Some(Change::Fails(fault))
            }
            (Err(_), Some(illness)) => {
                // Others that were under way when it began do not make the pause longer.
                if illness.is_probed {
                    illness.pause = (illness.pause * 2).min(LONGEST);
                    illness.again = now + illness.pause;
                    illness.is_probed = false;
                }
                None
            }
        }
    }

    /// The lists that are to be tried again now, each with what to ask; they count as being asked.
    pub fn due(&mut self, now: Instant) -> Vec<(Arc<str>, Question)> {
        let due = self.ill.iter_mut().filter(|(_, illness)| !illness.is_probed && illness.again <= now);
        let take = |(zone, illness): (&Arc<str>, &mut Illness)| {
            illness.is_probed = true;
            (Arc::clone(zone), illness.question.clone())
        };
        due.map(take).collect()
    }

    /// A list could not be tried again: that is put off.
    pub fn unasked(&mut self, zone: &str, now: Instant) {
        if let Some(illness) = self.ill.get_mut(zone) {
            illness.is_probed = false;
            illness.again = now + illness.pause;
        }
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.ill.values().filter(|illness| !illness.is_probed).map(|illness| illness.again).min()
    }

    /// Forgets lists that are not asked any more.
    pub fn keep(&mut self, is_asked: impl Fn(&str) -> bool) {
        self.ill.retain(|zone, _| is_asked(zone));
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Silent(reason) => write!(out, "it does not answer: {reason}"),
            Fault::Refuses(address) => {
                write!(out, "it refuses to serve this host (its answer is {address}); ask its operator, or use a name server of your own")
            }
            Fault::Nonsense(address) => write!(out, "its answer {address} is no listing; look whether the list still exists"),
        }
    }
}

#[cfg(test)]
#[path = "health_test.rs"]
mod health_test;
