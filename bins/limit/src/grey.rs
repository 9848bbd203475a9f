//! Greylisting: which triplets of network, sender and recipient have been here before, on this machine.
//!
//! What it does: a new triplet waits; one that comes back in time passes, and is remembered from its last mail on. A network
//! from which enough triplets came back passes at once. Times are seconds of the service's clock.
//!
//! Security stance: a triplet is kept as a hash with a secret key, so that nobody can make two fall together, and
//! whoever sends from a million addresses pushes out other waiting ones first, and what has passed last.
//!
//! How it fails: not. Known limits: 17 bytes of memory for each place of a table that is half to seven eighths full.

use crate::siphash::{Secret, hash};
use stafett_control::form::greylist::Greylist;
use std::collections::HashMap;

/// Networks that are remembered at most.
const MOST_NETWORKS: usize = 100_000;

/// What is remembered.
#[derive(Debug)]
pub struct Grey {
    secret: Secret,
    triplets: HashMap<u64, Seen>,
    networks: HashMap<Box<str>, Trust>,
}

/// A triplet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it came first.
    pub first: u32,
    /// When it came last since it has passed; 0 while it waits.
    pub last: u32,
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    /// How many of its triplets came back.
    pub count: u32,
    /// When it came last.
    pub last: u32,
}

/// Network, sender and recipient of a mail.
#[derive(Clone, Copy, Debug)]
pub struct Triplet<'a> {
    /// The client's network.
    pub network: &'a str,
    /// The sender, made even ([`evened`]).
    pub sender: &'a str,
    /// The recipient, in lower case.
    pub recipient: &'a str,
}

/// A sender in lower case with each run of digits as `#`: bounce addresses with numbers of their own are one sender.
pub fn evened(sender: &str) -> String {
    let mut even = String::with_capacity(sender.len());
    for symbol in sender.chars().flat_map(char::to_lowercase) {
        match symbol {
            '0'..='9' if even.ends_with('#') => {}
            '0'..='9' => even.push('#'),
            other => even.push(other),
        }
    }
    even
}

impl Grey {
    /// Nothing is known yet.
    pub fn new(secret: Secret) -> Grey {
        Grey { secret, triplets: HashMap::new(), networks: HashMap::new() }
    }

    /// For how many seconds a mail must wait; 0: it passes.
    pub fn judge(&mut self, triplet: Triplet<'_>, now: u32, rules: &Greylist) -> u32 {
        if self.is_trusted(triplet.network, now, rules) {
            self.networks.get_mut(triplet.network).into_iter().for_each(|trust| trust.last = now);
            return 0;
        }
        self.make_room(now, rules);
        let key = self.key(triplet);
        let seen = self.triplets.entry(key).or_insert(Seen { first: now, last: 0 });
        if seen.is_over(now, rules) {
            *seen = Seen { first: now, last: 0 };
        }
        match seen.left(now, rules) {
            0 => {
                let is_new = seen.last == 0;
                seen.last = now;
                if is_new && rules.trust > 0 {
                    self.count(triplet.network, now, rules);
                }
                0
            }
            left => left,
        }
    }

    /// As [`Grey::judge`] without a trace.
    pub fn foresee(&self, triplet: Triplet<'_>, now: u32, rules: &Greylist) -> u32 {
        if self.is_trusted(triplet.network, now, rules) {
            return 0;
        }
        let seen = self.triplets.get(&self.key(triplet)).filter(|seen| !seen.is_over(now, rules));
        seen.unwrap_or(&Seen { first: now, last: 0 }).left(now, rules)
    }

    /// Notes what another memory has decided, so that this one is of use when that is away.
    pub fn learn(&mut self, triplet: Triplet<'_>, passed: bool, now: u32, rules: &Greylist) {
        self.make_room(now, rules);
        let key = self.key(triplet);
        let seen = self.triplets.entry(key).or_insert(Seen { first: now, last: 0 });
        if passed {
            seen.last = now;
        }
    }

    /// Forgets a network; whether it was known.
    pub fn reset(&mut self, network: &str) -> bool {
        self.networks.remove(network).is_some()
    }

    /// Puts a triplet back that was kept elsewhere.
    pub fn restore(&mut self, key: u64, seen: Seen) {
        self.triplets.insert(key, seen);
    }

    /// Puts a network back that was kept elsewhere.
    pub fn restore_network(&mut self, network: &str, trust: Trust) {
        self.networks.insert(network.into(), trust);
    }

    /// The key of the hashes.
    pub fn secret(&self) -> Secret {
        self.secret
    }

    /// All triplets.
    pub fn triplets(&self) -> &HashMap<u64, Seen> {
        &self.triplets
    }

    /// All networks.
    pub fn networks(&self) -> &HashMap<Box<str>, Trust> {
        &self.networks
    }

    /// Forgets what is over, and when there is no room, an eighth of what is of least value.
    pub fn make_room(&mut self, now: u32, rules: &Greylist) {
        if self.triplets.len() >= rules.most {
            self.triplets.retain(|_, seen| !seen.is_over(now, rules));
            shrink(&mut self.triplets, rules.most - rules.most / 8, Seen::value);
        }
        if self.networks.len() >= MOST_NETWORKS {
            shrink(&mut self.networks, MOST_NETWORKS - MOST_NETWORKS / 8, |trust| u64::from(trust.last));
        }
    }

    fn is_trusted(&self, network: &str, now: u32, rules: &Greylist) -> bool {
        let recent = |trust: &&Trust| seconds(rules.lifetime) >= now.saturating_sub(trust.last);
        rules.trust > 0 && self.networks.get(network).filter(recent).is_some_and(|trust| trust.count >= rules.trust)
    }

    fn count(&mut self, network: &str, now: u32, rules: &Greylist) {
        let known = self.networks.entry(network.into()).or_insert(Trust { count: 0, last: now });
        if now.saturating_sub(known.last) > seconds(rules.lifetime) {
            known.count = 0;
        }
        *known = Trust { count: known.count.saturating_add(1), last: now };
    }

    fn key(&self, triplet: Triplet<'_>) -> u64 {
        hash(self.secret, &[triplet.network.as_bytes(), triplet.sender.as_bytes(), triplet.recipient.as_bytes()])
    }
}

impl Seen {
    fn is_over(self, now: u32, rules: &Greylist) -> bool {
        match self.last {
            0 => now.saturating_sub(self.first) > seconds(rules.window),
            last => now.saturating_sub(last) > seconds(rules.lifetime),
        }
    }

    fn left(self, now: u32, rules: &Greylist) -> u32 {
        if self.last > 0 { 0 } else { seconds(rules.wait).saturating_sub(now.saturating_sub(self.first)) }
    }

    /// Whoever has passed is worth more than whoever waits, and the younger more than the elder.
    fn value(&self) -> u64 {
        if self.last > 0 { 1 << 32 | u64::from(self.last) } else { u64::from(self.first) }
    }
}

fn seconds(time: std::time::Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// Leaves `wanted` entries, those of the highest value.
fn shrink<K: Eq + std::hash::Hash, V>(table: &mut HashMap<K, V>, wanted: usize, value: impl Fn(&V) -> u64) {
    if table.len() <= wanted {
        return;
    }
    let mut values: Vec<u64> = table.values().map(&value).collect();
    let mut excess = values.len() - wanted;
    let border = *values.select_nth_unstable(excess - 1).1;
    excess -= values.iter().filter(|value| **value < border).count();
    table.retain(|_, entry| {
        let spare = value(entry) == border && excess > 0;
        excess -= usize::from(spare);
        value(entry) >= border && !spare
    });
}

#[cfg(test)]
#[path = "grey_test.rs"]
mod grey_test;
