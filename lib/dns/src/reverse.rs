//! Names of addresses, for the listener: PTR, and the check that the name leads back to the address.
//!
//! Security stance: whoever owns an address writes its PTR record, so a name proves nothing until its own A or
//! AAAA records hold the address again. Names come back in lower case; the DNS promises nothing about their
//! characters, so [`ReverseName`] holds only those with host-name characters (RFC 1123 §2.1, and `_`).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::outcome::{Outcome, Record};
use crate::question::{Kind, Name, Question};
use crate::resolver::Resolver;

/// Names looked at per address; more is either an error or an attack on our time.
const MAX_NAMES: usize = 4;

/// The name of an address, as far as the DNS tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReverseName {
    /// Lower case, without the last dot.
    pub name: String,
    /// The name's own addresses hold the address.
    pub confirmed: bool,
}

impl Resolver {
    /// The first name of `address`, not checked further. Takes `within` at the longest.
    #[must_use]
    pub fn name_of(&self, address: IpAddr, within: Duration) -> Outcome<ReverseName> {
        self.names(address, within).and_then(|names| names.first().map(|name| ReverseName { name: text(name), confirmed: false }))
    }

    /// The name of `address` that leads back to it, or its first name unconfirmed. Takes `within` at the longest.
    #[must_use]
    pub fn confirmed_name_of(&self, address: IpAddr, within: Duration) -> Outcome<ReverseName> {
        let deadline = Instant::now() + within;
        let address = address.to_canonical();
        self.names(address, within).and_then(|names| {
            let kind = if address.is_ipv4() { Kind::A } else { Kind::Aaaa };
            let questions: Vec<Question> = names.iter().map(|name| Question::about(name.clone(), kind)).collect();
            let outcomes = self.ask_all(&questions, deadline.saturating_duration_since(Instant::now()));
            let confirmed = names.iter().zip(&outcomes).find(|(_, outcome)| leads_to(outcome, address));
            let name = confirmed.map(|(name, _)| name).or(names.first())?;
            Some(ReverseName { name: text(name), confirmed: confirmed.is_some() })
        })
    }

    fn names(&self, address: IpAddr, within: Duration) -> Outcome<Vec<Name>> {
        let Ok(question) = Question::reverse(address) else { return Outcome::NoSuchName };
        self.ask(&question, within).and_then(|answer| {
            let names = answer.records.into_iter().filter_map(|record| match record {
                Record::Ptr(name) if is_host_name(&text(&name)) => Some(name),
                _ => None,
            });
            let names: Vec<Name> = names.take(MAX_NAMES).collect();
            (!names.is_empty()).then_some(names)
        })
    }
}

fn leads_to(outcome: &Outcome, address: IpAddr) -> bool {
    matches!(outcome, Outcome::Answer(answer) if answer.addresses().any(|found| found == address))
}

fn text(name: &Name) -> String {
    name.to_string().to_ascii_lowercase()
}

fn is_host_name(name: &str) -> bool {
    name != "." && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
