//! How many reports one place gets in one run.
//!
//! Security stance: the owner of many domains may name anybody as the one who wants their reports. What goes beyond the share of
//! a place waits for the next run, an hour later, and is given up with its day.
//! Known limits: a place is an address without what stands behind its first `+`, or a host; many addresses are many places.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use stafett_sts::record::Place;

/// Reports for one place in one run. Whoever collects them for others gets those of some thousand domains in a day.
const MOST: usize = 200;

/// The reports of one run, by place.
#[derive(Debug, Default)]
pub struct Shares(Mutex<HashMap<String, usize>>);

impl Shares {
    /// Counts a report for that place; whether it may have it.
    pub fn take(&self, place: &Place) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(owner(place)).or_default();
        *count += 1;
        *count <= MOST
    }
}

fn owner(place: &Place) -> String {
    let owner = match place {
        Place::Mail(address) => {
            let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
            format!("{}@{domain}", local.split('+').next().unwrap_or_default())
        }
        Place::Post(url) => {
            let authority = url.split(['/', '?', '#']).nth(2).unwrap_or_default();
            authority.trim_end_matches(":443").to_owned()
        }
    };
    owner.to_ascii_lowercase()
}

#[cfg(test)]
#[path = "shares_test.rs"]
mod shares_test;
