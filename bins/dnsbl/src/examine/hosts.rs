//! The reverse name of an address, and whether a domain can have mail.
//!
//! The first word of a finding's rule says what was found; smtpd decides what that means.

use super::{Place, Round, at};
use crate::names::domain;
use crate::parts::{Finding, Part};
use stafett_ask::Verdict;
use stafett_dns::{Kind, Outcome, Question, Record};
use std::net::IpAddr;

/// Names looked at for an address; more is either an error or an attack on our time.
const MOST_NAMES: usize = 4;

/// The look for the name of an address.
pub struct Reverse {
    address: IpAddr,
    pointer: Place,
    found: Found,
    forward: Vec<(String, Place)>,
}

/// What the first round has told.
enum Found {
    Name,
    None,
    Unknown(String),
}

impl Reverse {
    /// Asks for the PTR records.
    pub fn begin(address: IpAddr, round: &mut Round) -> Option<Reverse> {
        let address = address.to_canonical();
        let pointer = round.add(Question::reverse(address).ok()?, None);
        Some(Reverse { address, pointer, found: Found::None, forward: Vec::new() })
    }

    /// Asks for the addresses of the names.
    pub fn go_on(&mut self, said: &[Outcome], round: &mut Round) {
        match at(said, self.pointer) {
            Outcome::Answer(answer) => {
                let names = answer.records.iter().filter_map(|record| match record {
                    // who owns the address writes this: no characters but those of host names
                    Record::Ptr(name) => domain(&name.to_string()),
                    _ => None,
                });
                let kind = if self.address.is_ipv4() { Kind::A } else { Kind::Aaaa };
                let ask = |name: String| Some((Question::new(&name, kind).ok()?, name));
                self.forward = names.take(MOST_NAMES).filter_map(ask).map(|(question, name)| (name, round.add(question, None))).collect();
                self.found = if self.forward.is_empty() { Found::None } else { Found::Name };
            }
            Outcome::Temporary(failure) => self.found = Found::Unknown(failure.to_string()),
            Outcome::NoSuchName | Outcome::NoData => {}
        }
    }

    /// What has been found.
    pub fn end(self, said: &[Outcome]) -> Finding {
        let leads_back = |place: Place| match at(said, place) {
            Outcome::Answer(answer) => answer.addresses().any(|found| found == self.address),
            _ => false,
        };
        let confirmed = self.forward.iter().find(|(_, place)| leads_back(*place));
        let failure = self.forward.iter().find_map(|(_, place)| match at(said, *place) {
            Outcome::Temporary(failure) => Some(failure.to_string()),
            _ => None,
        });
        let first = self.forward.first().map(|(name, _)| name.clone()).unwrap_or_default();
        match (self.found, confirmed, failure) {
            (Found::Unknown(reason), ..) => finding(Part::Reverse, Verdict::Temporary, "unknown", reason),
            (Found::None, ..) => finding(Part::Reverse, Verdict::Permanent, "none", String::new()),
            (Found::Name, Some((name, _)), _) => finding(Part::Reverse, Verdict::Ok, "confirmed", name.clone()),
            (Found::Name, None, Some(_)) => finding(Part::Reverse, Verdict::Temporary, "unconfirmed", first),
            (Found::Name, None, None) => finding(Part::Reverse, Verdict::Permanent, "unconfirmed", first),
        }
    }
}

/// The look for where mail to a domain would go.
pub struct Domain {
    name: String,
    exchangers: Place,
    decided: Option<Finding>,
    addresses: Vec<Place>,
}

impl Domain {
    /// Asks for MX records.
    pub fn begin(name: &str, round: &mut Round) -> Option<Domain> {
        let exchangers = round.add(Question::new(name, Kind::Mx).ok()?, None);
        Some(Domain { name: name.to_owned(), exchangers, decided: None, addresses: Vec::new() })
    }

    /// Without MX records, asks for addresses (RFC 5321 §5.1).
    pub fn go_on(&mut self, said: &[Outcome], round: &mut Round) {
        let is_null = |record: &Record| matches!(record, Record::Mx { exchange, .. } if exchange.is_root());
        self.decided = match at(said, self.exchangers) {
            Outcome::Answer(answer) if answer.records.iter().all(is_null) => Some(self.none("null-mx")),
            Outcome::Answer(_) => Some(finding(Part::Domain, Verdict::Ok, "mx", self.name.clone())),
            Outcome::NoSuchName => Some(self.none("no-domain")),
            Outcome::Temporary(failure) => Some(finding(Part::Domain, Verdict::Temporary, "unknown", failure.to_string())),
            Outcome::NoData => None,
        };
        if self.decided.is_none() {
            let questions = [Kind::Aaaa, Kind::A].into_iter().filter_map(|kind| Question::new(&self.name, kind).ok());
            self.addresses = questions.map(|question| round.add(question, None)).collect();
        }
    }

    /// What has been found.
    pub fn end(self, said: &[Outcome]) -> Finding {
        if let Some(finding) = self.decided {
            return finding;
        }
        let outcomes = || self.addresses.iter().map(|place| at(said, *place));
        if outcomes().any(|outcome| matches!(outcome, Outcome::Answer(_))) {
            return finding(Part::Domain, Verdict::Ok, "address", self.name.clone());
        }
        let failure = outcomes().find_map(|outcome| match outcome {
            Outcome::Temporary(failure) => Some(failure.to_string()),
            _ => None,
        });
        match failure {
            Some(reason) => finding(Part::Domain, Verdict::Temporary, "unknown", reason),
            None => self.none("no-host"),
        }
    }

    fn none(&self, word: &str) -> Finding {
        finding(Part::Domain, Verdict::Permanent, word, self.name.clone())
    }
}

fn finding(part: Part, verdict: Verdict, rule: &str, text: String) -> Finding {
    Finding { part, verdict, rule: rule.to_owned(), text, is_open: false }
}
