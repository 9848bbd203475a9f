//! How many wrong passwords have come from where.
//!
//! What it does: an attempt counts as wrong from its begin, and is taken back when it was right: of many at once no more pass than
//! of one after the other. Who has given a right password from an address lately is not held up by others there, nor by how many are under way, so that
//! one forgotten telephone does not lock out a house; but as many wrong ones for that very name end this.
//!
//! Times are those of the day, so that counts outlast the process ([`crate::counts`]).
//!
//! How it fails: not. There is room for [`MOST`] addresses and as many names; beyond that the oldest are forgotten.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// How long a wrong password counts.
const WINDOW: Duration = Duration::from_secs(600);
/// How long a right one does.
const TRUST: Duration = Duration::from_secs(24 * 3600);
/// How often a right one is written down, in seconds.
const AGAIN: u64 = 3600;
/// Attempts of one address at once.
pub const AT_ONCE: u32 = 8;
/// Where others are asked about passwords, which may take long.
pub const ASKED_AT_ONCE: u32 = 2;
/// What is remembered at most, of each kind.
const MOST: usize = 20_000;

/// What has come from where.
#[derive(Debug, Default)]
pub struct Throttle {
    sources: HashMap<IpAddr, Source>,
    right: HashMap<(IpAddr, String), Known>,
}

/// A name for which a right password came from an address.
#[derive(Debug)]
struct Known {
    since: Duration,
    /// Wrong ones for it since then.
    wrong: u64,
    open: u32,
}

#[derive(Debug)]
struct Source {
    since: Duration,
    wrong: u64,
    open: u32,
}

/// Why an attempt is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// Too many were wrong.
    Wrong,
    /// Too many are under way.
    Busy,
}

impl Throttle {
    /// Begins an attempt; [`Throttle::end`] ends it. `most` may be wrong (0 = all), and `at_once` under way.
    ///
    /// # Errors
    /// Why it is not looked at.
    pub fn begin(&mut self, ip: Option<IpAddr>, name: &str, (most, at_once): (u64, u32), now: Duration) -> Result<(), Barred> {
        let from = origin(ip);
        let key = (from, name.to_owned());
        let is_trusted = |known: &Known| now.saturating_sub(known.since) < TRUST && (most == 0 || known.wrong < most);
        if self.right.get(&key).is_some_and(|known| !is_trusted(known)) {
            self.right.remove(&key);
        }
        let known = self.right.get(&key).map(|known| known.open);
        let is_known = self.right.get(&key).is_some_and(|known| known.wrong + u64::from(known.open) < most);
        self.make_room(now);
        let source = self.sources.entry(from).or_insert(Source { since: now, wrong: 0, open: 0 });
        if now.saturating_sub(source.since) >= WINDOW {
            (source.since, source.wrong) = (now, 0);
        }
        // who was right waits for attempts of that name alone, not for those who guess at others
        if known.unwrap_or(source.open) >= at_once {
            return Err(Barred::Busy);
        }
        if most > 0 && !is_known && source.wrong + u64::from(source.open) >= most {
            return Err(Barred::Wrong);
        }
        source.open += 1;
        self.right.get_mut(&key).into_iter().for_each(|known| known.open += 1);
        Ok(())
    }

    /// Ends an attempt: right, wrong, or neither. What is to be kept of it, a line each.
    pub fn end(&mut self, ip: Option<IpAddr>, name: &str, was_right: Option<bool>, now: Duration) -> String {
        let from = origin(ip);
        let mut kept = String::new();
        if let Some(source) = self.sources.get_mut(&from) {
            source.open = source.open.saturating_sub(1);
            if was_right == Some(false) {
                source.wrong += 1;
                kept.push_str(&source.line(from));
            }
        }
        let key = (from, name.to_owned());
        let is_new = was_right == Some(true) && self.right.get(&key).is_none_or(|known| known.is_to_be_written_again(now));
        if was_right == Some(true) {
            self.right.entry(key.clone()).or_insert(Known { since: now, wrong: 0, open: 0 }).since = now;
        }
        if let Some(known) = self.right.get_mut(&key) {
            known.open = known.open.saturating_sub(1);
            known.wrong = if was_right == Some(true) { 0 } else { known.wrong + u64::from(was_right == Some(false)) };
            if is_new || was_right == Some(false) {
                kept.push_str(&known.line(&key));
            }
        }
        kept
    }

    /// All that still counts, a line each, for [`Throttle::restore`].
    pub fn lines(&self, now: Duration) -> String {
        let sources = self.sources.iter().filter(|(_, source)| source.wrong > 0 && now.saturating_sub(source.since) < WINDOW);
        let right = self.right.iter().filter(|(_, known)| now.saturating_sub(known.since) < TRUST);
        sources.map(|(from, source)| source.line(*from)).chain(right.map(|(key, known)| known.line(key))).collect()
    }

    /// Takes a line back; nothing where it is none. A time to come is now: the clock was set.
    pub fn restore(&mut self, line: &str, now: Duration) -> Option<()> {
        let parts: Vec<&str> = line.split(' ').collect();
        let ([kind, since, wrong, from] | [kind, since, wrong, from, _]) = parts[..] else { return None };
        let (since, wrong, from) = (Duration::from_secs(since.parse().ok()?).min(now), wrong.parse().ok()?, from.parse().ok()?);
        self.make_room(now);
        match (kind, parts.get(4)) {
            ("from", None) => drop(self.sources.insert(from, Source { since, wrong, open: 0 })),
            ("known", Some(name)) => drop(self.right.insert((from, (*name).to_owned()), Known { since, wrong, open: 0 })),
            _ => return None,
        }
        Some(())
    }

    fn make_room(&mut self, now: Duration) {
        if self.sources.len() >= MOST {
            self.sources.retain(|_, source| source.open > 0 || now.saturating_sub(source.since) < WINDOW);
        }
        if self.sources.len() >= MOST {
            self.sources.retain(|_, source| source.open > 0);
        }
        if self.right.len() >= MOST {
            self.right.retain(|_, known| now.saturating_sub(known.since) < TRUST / 4);
        }
        if self.right.len() >= MOST {
            self.right.clear();
        }
    }
}

impl Source {
    fn line(&self, from: IpAddr) -> String {
        format!("from {} {} {from}\n", self.since.as_secs(), self.wrong)
    }
}

impl Known {
    /// The name is that of an account, which has no blanks in it.
    fn line(&self, (from, name): &(IpAddr, String)) -> String {
        format!("known {} {} {from} {name}\n", self.since.as_secs(), self.wrong)
    }

    /// Whoever logs in all the time is written down once in an hour.
    fn is_to_be_written_again(&self, now: Duration) -> bool {
        self.wrong > 0 || self.since.as_secs() / AGAIN != now.as_secs() / AGAIN
    }
}

/// An address, or the first 64 bits of an IPv6 address: whoever has one has all behind it.
fn origin(ip: Option<IpAddr>) -> IpAddr {
    match ip {
        Some(IpAddr::V6(six)) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
        Some(four) => four,
        None => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
#[path = "throttle_test.rs"]
mod throttle_test;
