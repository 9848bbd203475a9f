//! What is known: the policies of domains, and which domains have none.
//!
//! Security stance: whoever can have us send mail chooses the domains, and can have as many with policies as it likes. When
//! there is room for no more, those that were asked for least give way, so that such a crowd drives out itself and not the
//! domains that mail goes to every day.
//! Known limits: times are those of the wall clock, because they outlive the process; a policy from the future is as old as now.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use stafett_sts::policy::Policy;

/// Policies at most.
pub const MOST: usize = 10_000;
/// Domains without a policy that are remembered at most.
const MOST_WITHOUT: usize = 50_000;
/// How long a policy is kept at least, in seconds, so that one that expires at once is not fetched for each message.
const LEAST: Seconds = 60;
/// When a policy is fetched again at the latest, whatever its id (RFC 8461 §10.2: it must not run out while its host is well).
const REFRESH: Seconds = 24 * 3600;
/// A policy that nobody has asked for this long is not fetched again.
const FORGOTTEN: Duration = Duration::from_secs(31 * 24 * 3600);

/// A point in time, in seconds since 1970.
pub type Seconds = u64;

/// Everything that is known.
#[derive(Debug, Default)]
pub struct Memory {
    policies: HashMap<String, Kept>,
    without: HashMap<String, Without>,
}

/// A policy and its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// What it says.
    pub policy: Policy,
    /// When it was fetched.
    pub fetched: Seconds,
    /// How often it was asked for.
    pub asked: u64,
    /// What was wrong when it was to be fetched again, as a result type.
    pub trouble: Option<String>,
    /// When it was asked for the last time.
    pub last_asked: Instant,
    /// When its record is looked at again at the earliest.
    pub next_look: Instant,
}

/// A domain without a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// How long that counts.
    pub until: Instant,
    /// What is wrong, as a result type, where one is announced.
    pub trouble: Option<String>,
    /// Why there is none.
    pub words: String,
}

impl Kept {
    /// A policy that was fetched then.
    pub fn new(id: String, policy: Policy, fetched: Seconds, asked: u64) -> Kept {
        let now = Instant::now();
        Kept { id, policy, fetched, asked, trouble: None, last_asked: now, next_look: now }
    }

    /// When it does not count any more.
    pub fn expires(&self) -> Seconds {
        self.fetched.saturating_add(self.policy.max_age.max(LEAST))
    }

    /// Whether it is to be fetched again even if its id is the same.
    pub fn is_old(&self, now: Seconds) -> bool {
        now.saturating_sub(self.fetched) >= REFRESH.min(self.policy.max_age / 2).max(LEAST)
    }
}

impl Memory {
    /// With these policies.
    pub fn remembered(policies: Vec<(String, Kept)>) -> Memory {
        Memory { policies: policies.into_iter().collect(), without: HashMap::new() }
    }

    /// The policy of a domain, where it has not expired.
    pub fn policy(&mut self, domain: &str, now: Seconds) -> Option<&mut Kept> {
        let kept = self.policies.get_mut(domain)?;
        kept.fetched = kept.fetched.min(now);
        (kept.expires() > now).then_some(kept)
    }

    /// Why a domain has none, where that is known.
    pub fn without(&self, domain: &str, now: Instant) -> Option<&Without> {
        self.without.get(domain).filter(|without| without.until > now)
    }

    /// Keeps a policy; the answer is who had to give way.
    pub fn keep(&mut self, domain: &str, kept: Kept) -> Option<String> {
        self.without.remove(domain);
        let gives_way = (self.policies.len() >= MOST && !self.policies.contains_key(domain)).then(|| self.least_asked()).flatten();
        if let Some(other) = &gives_way {
            self.policies.remove(other);
        }
        self.policies.insert(domain.to_owned(), kept);
        gives_way
    }

    fn least_asked(&self) -> Option<String> {
        let least = self.policies.iter().min_by_key(|(_, kept)| (kept.asked, kept.last_asked));
        least.map(|(domain, _)| domain.clone())
    }

    /// Notes that a domain has none. When there are too many, all of them are asked for again.
    pub fn keep_without(&mut self, domain: &str, without: Without, now: Instant) {
        if self.without.len() >= MOST_WITHOUT {
            self.without.retain(|_, without| without.until > now);
        }
        if self.without.len() >= MOST_WITHOUT {
            self.without.clear();
        }
        self.without.insert(domain.to_owned(), without);
    }

    /// Forgets a domain; whether anything was known.
    pub fn forget(&mut self, domain: &str) -> bool {
        let had_none = self.without.remove(domain).is_some();
        self.policies.remove(domain).is_some() || had_none
    }

    /// Takes out what has expired.
    pub fn expired(&mut self, now: Seconds) -> Vec<(String, Kept)> {
        self.policies.extract_if(|_, kept| kept.expires() <= now).collect()
    }

    /// The domains whose policy is old, and whose time to look has come.
    pub fn old(&self, now: Seconds, at: Instant) -> Vec<String> {
        let is_due = |kept: &Kept| kept.next_look <= at && kept.is_old(now) && at.saturating_duration_since(kept.last_asked) < FORGOTTEN;
        self.policies.iter().filter(|(_, kept)| is_due(kept)).map(|(domain, _)| domain.clone()).collect()
    }
}

#[cfg(test)]
#[path = "memory_test.rs"]
mod memory_test;
