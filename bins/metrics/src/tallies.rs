//! What the lines of the logs add up to (stafett-log(5) documents each line).
//!
//! Known limits: counts begin with this process. What a quiet smtpd does not log is not counted.

use crate::names::{Counters, Tops};
use crate::routes::Routes;
use std::collections::{BTreeMap, HashMap};

/// Rules, and ends of sessions, that are told apart.
const MOST_WORDS: usize = 48;
/// Top-level domains that are told apart.
const MOST_TOPS: usize = 20;
/// Deliveries under way that are remembered; no scheduler runs more.
const MOST_RUNNING: usize = 20_000;

/// Rules that are told before they have refused anything, so that the first refusal shows as a change (stafett-smtpd(8)).
const USUAL_RULES: [&str; 8] = [
    "control/badmailfrom",
    "control/databytes",
    "control/maxhops",
    "control/maxrecipients",
    "control/rcpthosts",
    "line_ends",
    "queue",
    "syntax",
];

/// What smtpd said.
#[derive(Debug)]
pub struct Smtpd {
    /// Messages that were accepted.
    pub accepted: u64,
    /// Refusals by rule.
    pub refused: Counters<1>,
    /// Sessions by how they ended.
    pub ended: Counters<1>,
}

impl Default for Smtpd {
    fn default() -> Smtpd {
        let mut refused = Counters::default();
        USUAL_RULES.into_iter().for_each(|rule| refused.foresee([rule]));
        Smtpd { accepted: 0, refused, ended: Counters::default() }
    }
}

impl Smtpd {
    /// Takes a line without its time.
    pub fn take(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("stafett-smtpd: ") else { return };
        let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let word = rest.split(' ').next().unwrap_or_default();
        match what {
            "accept" => self.accepted += 1,
            "refuse" => self.refused.add([rule(word)], MOST_WORDS),
            "end" => self.ended.add([word], MOST_WORDS),
            _ => {}
        }
    }
}

/// A rule's file without the line in it, which would be another series with each edit.
fn rule(word: &str) -> &str {
    word.split_once(':').map_or(word, |(file, _)| file)
}

/// What send said.
#[derive(Debug, Default)]
pub struct Send {
    /// Outcomes of deliveries by route, top-level domain and outcome.
    pub outcomes: Counters<3>,
    running: HashMap<u64, (&'static str, String)>,
    tops: Tops,
}

impl Send {
    /// Takes a line without its time.
    pub fn take(&mut self, line: &str, routes: &Routes) {
        if let Some(rest) = line.strip_prefix("starting delivery ") {
            let Some((number, rest)) = rest.split_once(": ") else { return };
            let address = rest.rsplit_once(" to remote ").map_or("", |(_, address)| address);
            if let Ok(number) = number.parse() {
                self.begin(number, address, routes);
            }
        } else if let Some(rest) = line.strip_prefix("delivery ") {
            let mut parts = rest.split(": ");
            let (Some(Ok(number)), Some(outcome)) = (parts.next().map(str::parse), parts.next()) else { return };
            self.end(number, outcome);
        }
    }

    fn begin(&mut self, number: u64, address: &str, routes: &Routes) {
        if self.running.len() >= MOST_RUNNING {
            // They ended in files that we did not see.
            self.running.clear();
        }
        self.running.insert(number, (routes.kind(address), self.tops.class(address, MOST_TOPS)));
    }

    fn end(&mut self, number: u64, outcome: &str) {
        let Some(outcome) = ["success", "deferral", "failure"].into_iter().find(|known| *known == outcome) else { return };
        // One that began before we did.
        let (route, top) = self.running.remove(&number).unwrap_or(("unknown", "unknown".to_owned()));
        self.outcomes.add([route, &top, outcome], 5 * (MOST_TOPS + 2) * 3);
    }
}

/// What a listener said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listener {
    /// Connections that were let in.
    pub admitted: u64,
    /// Connections that were turned away.
    pub denied: u64,
    /// Connections now and at most, once it said so.
    pub status: Option<(u64, u64)>,
}

impl Listener {
    /// Takes a line without its time.
    pub fn take(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("tcpserver: ") else { return };
        match rest.split_once(' ') {
            Some(("ok", _)) => self.admitted += 1,
            Some(("deny", _)) => self.denied += 1,
            Some(("status:", _)) => self.take_status(line),
            _ => {}
        }
    }

    /// Takes what goes up and down alone, from a line that is older than this process.
    pub fn take_status(&mut self, line: &str) {
        let status = line.strip_prefix("tcpserver: status: ").and_then(|rest| rest.split_once('/'));
        let numbers = status.and_then(|(now, limit)| Some((now.parse().ok()?, limit.parse().ok()?)));
        self.status = numbers.or(self.status);
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Tallies {
    /// smtpd.
    pub smtpd: Smtpd,
    /// send.
    pub send: Send,
    /// The listeners by name.
    pub listeners: BTreeMap<String, Listener>,
}

#[cfg(test)]
#[path = "tallies_test.rs"]
mod tests;
