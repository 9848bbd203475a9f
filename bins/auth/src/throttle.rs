//! How many wrong passwords have come from where.
//!
//! What it does: an attempt counts as wrong from its begin, and is taken back when it was right: of many at once no more pass than
//! of one after the other. Who has given a right password from an address lately is not held up by others there, so that
//! one forgotten telephone does not lock out a house; but as many wrong ones for that very name end this.
//!
//! How it fails: not. There is room for [`MOST`] addresses and as many names; beyond that the oldest are forgotten.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How long a wrong password counts.
const WINDOW: Duration = Duration::from_secs(600);
/// How long a right one does.
const TRUST: Duration = Duration::from_secs(24 * 3600);
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
    since: Instant,
    /// Wrong ones for it since then.
    wrong: u64,
    open: u32,
}

#[derive(Debug)]
struct Source {
    since: Instant,
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
    pub fn begin(&mut self, ip: Option<IpAddr>, name: &str, (most, at_once): (u64, u32), now: Instant) -> Result<(), Barred> {
        let from = origin(ip);
        let key = (from, name.to_owned());
        let is_trusted = |known: &Known| now.duration_since(known.since) < TRUST && (most == 0 || known.wrong < most);
        if self.right.get(&key).is_some_and(|known| !is_trusted(known)) {
            self.right.remove(&key);
        }
        let is_known = self.right.get(&key).is_some_and(|known| known.wrong + u64::from(known.open) < most);
        self.make_room(now);
        let source = self.sources.entry(from).or_insert(Source { since: now, wrong: 0, open: 0 });
        if now.duration_since(source.since) >= WINDOW {
            (source.since, source.wrong) = (now, 0);
        }
        if source.open >= at_once {
            return Err(Barred::Busy);
        }
        if most > 0 && !is_known && source.wrong + u64::from(source.open) >= most {
            return Err(Barred::Wrong);
        }
        source.open += 1;
        self.right.get_mut(&key).into_iter().for_each(|known| known.open += 1);
        Ok(())
    }

    /// Ends an attempt: right, wrong, or neither.
    pub fn end(&mut self, ip: Option<IpAddr>, name: &str, was_right: Option<bool>, now: Instant) {
        let from = origin(ip);
        if let Some(source) = self.sources.get_mut(&from) {
            source.open = source.open.saturating_sub(1);
            source.wrong += u64::from(was_right == Some(false));
        }
        let known = (from, name.to_owned());
        if was_right == Some(true) {
            self.right.entry(known.clone()).or_insert(Known { since: now, wrong: 0, open: 0 }).since = now;
        }
        if let Some(known) = self.right.get_mut(&known) {
            known.open = known.open.saturating_sub(1);
            known.wrong = if was_right == Some(true) { 0 } else { known.wrong + u64::from(was_right == Some(false)) };
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.sources.len() >= MOST {
            self.sources.retain(|_, source| source.open > 0 || now.duration_since(source.since) < WINDOW);
        }
        if self.sources.len() >= MOST {
            self.sources.retain(|_, source| source.open > 0);
        }
        if self.right.len() >= MOST {
            self.right.retain(|_, known| now.duration_since(known.since) < TRUST / 4);
        }
        if self.right.len() >= MOST {
            self.right.clear();
        }
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
