//! Words from logs as label values: few of them, whatever the logs say.

use std::collections::BTreeMap;

/// A word's bytes at most.
const LONGEST: usize = 40;

/// Counters by words, of which only so many are kept apart.
#[derive(Debug, Default)]
pub struct Counters<const WORDS: usize> {
    counts: BTreeMap<[String; WORDS], u64>,
}

/// The word for all that are too many.
pub const OTHER: &str = "other";

impl<const WORDS: usize> Counters<WORDS> {
    /// Counts one. Once `most` combinations are known, new ones are counted as [`OTHER`].
    pub fn add(&mut self, words: [&str; WORDS], most: usize) {
        let key = words.map(label);
        let key = if self.counts.len() < most || self.counts.contains_key(&key) { key } else { words.map(|_| OTHER.to_owned()) };
        *self.counts.entry(key).or_default() += 1;
    }

    /// A combination that is told although it has not come yet.
    pub fn foresee(&mut self, words: [&str; WORDS]) {
        self.counts.entry(words.map(label)).or_default();
    }

    /// Each combination and its count, in order.
    pub fn each(&self) -> impl Iterator<Item = ([&str; WORDS], u64)> {
        self.counts.iter().map(|(words, count)| (std::array::from_fn(|at| words.get(at).map_or("", String::as_str)), *count))
    }
}

/// A word that is one of ours by its looks.
fn label(word: &str) -> String {
    let fits =
        !word.is_empty() && word.len() <= LONGEST && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    if fits { word.to_owned() } else { OTHER.to_owned() }
}

/// The first `most` top-level domains that come, the others as [`OTHER`].
#[derive(Debug, Default)]
pub struct Tops {
    known: Vec<String>,
}

impl Tops {
    /// The class of an address: its top-level domain if it is one of the first, in lower case.
    pub fn class(&mut self, address: &str, most: usize) -> String {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let top = domain.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let fits = domain.contains('.')
            && top.len() >= 2
            && top.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !top.bytes().all(|byte| byte.is_ascii_digit());
        if !fits {
            return OTHER.to_owned();
        }
        if !self.known.contains(&top) {
            if self.known.len() >= most {
                return OTHER.to_owned();
            }
            self.known.push(top.clone());
        }
        top
    }
}

#[cfg(test)]
#[path = "names_test.rs"]
mod tests;
