//! A setting per domain: the domain itself, else the longest `.suffix` above it, else the empty key.
//!
//! The order of look-up of control/smtproutes and control/virtualdomains, for any kind of value.

use std::collections::HashMap;

/// Values by domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainMap<T>(HashMap<String, T>);

impl<T> Default for DomainMap<T> {
    fn default() -> DomainMap<T> {
        DomainMap(HashMap::new())
    }
}

impl<T> DomainMap<T> {
    /// Adds a value for `domain`, `.suffix`, or all others (the empty key); the last one counts.
    pub fn insert(&mut self, key: &str, value: T) {
        self.0.insert(key.to_ascii_lowercase(), value);
    }

    /// The value that counts for a domain.
    #[must_use]
    pub fn look_up(&self, domain: &str) -> Option<&T> {
        if self.0.is_empty() {
            return None;
        }
        let domain = domain.to_ascii_lowercase();
        let suffixes = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot..));
        std::iter::once(domain.as_str()).chain(suffixes).chain([""]).find_map(|key| self.0.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::DomainMap;

    #[test]
    fn the_nearest_key_counts() {
        let mut map = DomainMap::default();
        for (key, value) in [("", 0), (".example.org", 1), ("Mail.example.org", 2), (".a.example.org", 3)] {
            map.insert(key, value);
        }
        for (domain, value) in [("mail.EXAMPLE.org", 2), ("x.example.org", 1), ("x.a.example.org", 3), ("example.org", 0), ("a.net", 0)] {
            assert_eq!(map.look_up(domain), Some(&value), "{domain}");
        }
        assert_eq!(DomainMap::<u8>::default().look_up("a.net"), None);
    }
}
