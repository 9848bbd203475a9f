//! Patterns of domains: `domain`, `.domain` for all below it, `*domain` for both, `*` for every one.
//!
//! `*tugraz.at` ends at a dot as `.tugraz.at` does: it never fits `nottugraz.at`.

use stafett_address::{Domain, Error};

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainPattern {
    /// In lower case and ASCII; none for `*`.
    name: Option<String>,
    itself: bool,
    below: bool,
}

impl DomainPattern {
    /// Reads one.
    ///
    /// # Errors
    /// When it names no domain.
    pub fn parse(text: &str) -> Result<DomainPattern, Error> {
        if text == "*" {
            return Ok(DomainPattern { name: None, itself: true, below: true });
        }
        let (starred, name) = text.strip_prefix('*').map_or((false, text), |name| (true, name));
        let (dotted, name) = name.strip_prefix('.').map_or((false, name), |name| (true, name));
        let name = Domain::parse(name)?.to_string().to_ascii_lowercase();
        Ok(DomainPattern { name: Some(name), itself: !dotted, below: starred || dotted })
    }

    /// Whether it fits a domain, which is in ASCII.
    #[must_use]
    pub fn fits(&self, domain: &str) -> bool {
        let Some(name) = &self.name else { return true };
        let Some(at) = domain.len().checked_sub(name.len()) else { return false };
        let (Some(before), Some(end)) = (domain.get(..at), domain.get(at..)) else { return false };
        end.eq_ignore_ascii_case(name) && if before.is_empty() { self.itself } else { self.below && before.ends_with('.') }
    }
}

#[cfg(test)]
#[path = "pattern_test.rs"]
mod pattern_test;
