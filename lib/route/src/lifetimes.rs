//! How long a recipient is tried: control/queuelifetime, bouncelifetime, queuelifetimes and holdlifetime.

use crate::DomainMap;
use stafett_control::{Control, Error, Setting, rows};

/// A week, in seconds.
const USUAL: u64 = 604_800;
/// The sender of a bounce of a bounce.
const DOUBLE: &str = "#@[]";

/// Seconds by sender and domain.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    usual: u64,
    bounces: u64,
    domains: DomainMap<u64>,
    /// Domains whose mail is kept here until their own host is back.
    kept: DomainMap<u64>,
}

impl Default for Lifetimes {
    /// Those where control/ says nothing.
    fn default() -> Lifetimes {
        Lifetimes { usual: USUAL, bounces: USUAL, domains: DomainMap::default(), kept: DomainMap::default() }
    }
}

impl Lifetimes {
    /// Reads them.
    ///
    /// # Errors
    /// At the first file that does not parse.
    pub fn read(control: &Control) -> Result<Lifetimes, Error> {
        let usual = control.integer(&rows::QUEUELIFETIME)?.unwrap_or(USUAL);
        Ok(Lifetimes {
            usual,
            bounces: control.integer(&rows::BOUNCELIFETIME)?.unwrap_or(usual),
            domains: by_domain(control, &rows::QUEUELIFETIMES)?,
            kept: by_domain(control, &rows::HOLDLIFETIME)?,
        })
    }

    /// Seconds that a recipient in `domain` of a message from `sender` is tried.
    pub fn of(&self, sender: &str, domain: &str) -> u64 {
        let usual = if sender.is_empty() || sender == DOUBLE { self.bounces } else { self.usual };
        self.kept.look_up(domain).or_else(|| self.domains.look_up(domain)).copied().unwrap_or(usual)
    }

    /// Whether the mail of a domain is kept here until its own host is back.
    pub fn keep(&self, domain: &str) -> bool {
        self.kept.look_up(domain).is_some()
    }

    /// Whether mail is kept here for any domain.
    pub fn keep_any(&self) -> bool {
        self.kept != DomainMap::default()
    }

    /// Whether mail is kept here for other domains than by these.
    pub fn keep_others(&self, than: &Lifetimes) -> bool {
        self.kept != than.kept
    }
}

fn by_domain(control: &Control, row: &Setting) -> Result<DomainMap<u64>, Error> {
    let mut lifetimes = DomainMap::default();
    for item in control.map(row)?.unwrap_or_default() {
        let (domain, seconds) = item.value;
        lifetimes.insert(&domain, seconds.parse().unwrap_or(u64::MAX));
    }
    Ok(lifetimes)
}

#[cfg(test)]
#[path = "lifetimes_test.rs"]
mod lifetimes_test;
