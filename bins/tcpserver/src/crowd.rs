//! How many are served now, in all and from one place.
//!
//! An IPv6 client owns a whole /64 and could come from another address each time, so that is what
//! counts as one place (RFC 6177 section 2).

use std::collections::HashMap;
use std::net::IpAddr;

/// Counts of conversations.
#[derive(Debug)]
pub struct Crowd {
    count: usize,
    limit: usize,
    limit_per_place: Option<usize>,
    places: HashMap<u64, usize>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(limit: usize, limit_per_place: Option<usize>) -> Crowd {
        Crowd { count: 0, limit, limit_per_place, places: HashMap::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many there may be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether no more may be accepted.
    pub fn is_full(&self) -> bool {
        self.count >= self.limit
    }

    /// Counts one more; `false` when its place has as many as it may have, and it is not counted.
    pub fn enter(&mut self, ip: IpAddr) -> bool {
        if let Some(limit) = self.limit_per_place {
            let there = self.places.entry(place(ip)).or_default();
            if *there >= limit {
                return false;
            }
            *there += 1;
        }
        self.count += 1;
        true
    }

    /// One that had entered is gone.
    pub fn leave(&mut self, ip: IpAddr) {
        self.count = self.count.saturating_sub(1);
        let place = place(ip);
        if let Some(there) = self.places.get_mut(&place) {
            *there -= 1;
            if *there == 0 {
                self.places.remove(&place);
            }
        }
    }
}

/// The IPv4 address, or the first half of the IPv6 address. They do not meet: the only IPv6 client
/// whose first half is below 2^32 is `::1`, and 0.0.0.0 is no client.
fn place(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
#[path = "crowd_test.rs"]
mod tests;
