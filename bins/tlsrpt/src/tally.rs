//! The counts of one day.
//!
//! A row for each thing that can be told apart: domain, policy, and for failures their kind, hosts and words.
//! Security stance: domains, hosts and words are chosen by strangers. A domain that has too many rows loses what tells them
//! apart, then new ones; and so do all domains together. What is lost of a domain is lost to that domain's report alone.

use std::collections::BTreeMap;
use std::collections::HashMap;

use stafett_sts::{Count, Kind};

/// Domains of a day.
const MOST_DOMAINS: usize = 20_000;
/// Bytes of all rows, near enough.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Rows of a domain that have all their details.
const MOST_ROWS: usize = 64;
/// Bytes of a domain's rows.
const MOST_OF_DOMAIN: usize = 64 * 1024;
/// Rows of a domain without details, beside these.
const MOST_BARE: usize = 16;
/// What a row costs beside its texts, in bytes, near enough.
const ROW: usize = 256;

/// The counts.
#[derive(Debug, Default)]
pub struct Tally {
    rows: BTreeMap<Count, u64>,
    domains: HashMap<String, Size>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    rows: usize,
    bytes: usize,
}

impl Tally {
    /// Adds to a row; the row as it is kept, or nothing where there is no room for it.
    pub fn add(&mut self, mut count: Count, times: u64) -> Option<Count> {
        if count.result.is_empty() {
            make_bare(&mut count);
        }
        if !self.rows.contains_key(&count) && !self.has_room(&count, MOST_ROWS) {
            make_bare(&mut count);
        }
        if !self.rows.contains_key(&count) && !self.has_room(&count, MOST_ROWS + MOST_BARE) {
            return None;
        }
        self.insert(count.clone(), times);
        Some(count)
    }

    fn has_room(&self, count: &Count, most_rows: usize) -> bool {
        let size = self.domains.get(&count.domain).copied().unwrap_or_default();
        let is_known = size.rows > 0 || self.domains.len() < MOST_DOMAINS;
        let bytes = bytes(count);
        is_known && size.rows < most_rows && size.bytes + bytes <= MOST_OF_DOMAIN && self.bytes + bytes <= MOST_BYTES
    }

    fn insert(&mut self, count: Count, times: u64) {
        let bytes = bytes(&count);
        let domain = count.domain.clone();
        let known = self.rows.entry(count).or_insert(0);
        if *known == 0 {
            let size = self.domains.entry(domain).or_default();
            size.rows += 1;
            size.bytes += bytes;
            self.bytes += bytes;
        }
        *known = known.saturating_add(times);
    }

    /// Its rows, those of a domain together.
    pub fn rows(&self) -> impl Iterator<Item = (&Count, u64)> {
        self.rows.iter().map(|(count, times)| (count, *times))
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Its domains, in order.
    pub fn domains(&self) -> Vec<String> {
        let mut domains: Vec<String> = self.domains.keys().cloned().collect();
        domains.sort();
        domains
    }

    /// The rows of a domain.
    pub fn of(&self, domain: &str) -> Vec<(&Count, u64)> {
        let text = String::new;
        let (kind, policy, patterns) = (Kind::Tlsa, Vec::new(), Vec::new());
        let (result, from, host, address, words) = (text(), text(), text(), text(), text());
        // The least that a row of this domain can be.
        let least = Count { domain: domain.to_owned(), kind, policy, patterns, result, from, host, address, words };
        self.rows.range(least..).take_while(|(count, _)| count.domain == domain).map(|(count, times)| (count, *times)).collect()
    }
}

fn make_bare(count: &mut Count) {
    for text in [&mut count.from, &mut count.host, &mut count.address, &mut count.words] {
        text.clear();
    }
}

fn bytes(count: &Count) -> usize {
    let texts = [&count.domain, &count.result, &count.from, &count.host, &count.address, &count.words];
    let lines = count.policy.iter().chain(&count.patterns).map(|line| line.len() + 32);
    ROW + texts.into_iter().map(String::len).sum::<usize>() + lines.sum::<usize>()
}

#[cfg(test)]
#[path = "tally_test.rs"]
mod tally_test;
