//! The walk up the tree of names (RFC 9989 §4.10): where the policy of a domain is, and which organization it belongs to.
//!
//! It takes the place of a list of public suffixes, which would have to be kept up to date. At most eight look-ups, however
//! many labels a name has.

use super::record::{Record, Suffix};
use crate::names::{Names, Trouble, can_be_asked};

/// Labels of the longest name above the first that is asked for.
const MOST_LABELS: usize = 7;

/// The records that stand on the way from a domain up to the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    domain: String,
    found: Vec<(String, Record)>,
}

impl Walk {
    /// Walks up from a domain.
    ///
    /// # Errors
    /// When nobody could tell.
    pub fn from(domain: &str, names: &dyn Names) -> Result<Walk, Trouble> {
        let mut walk = Walk { domain: domain.to_owned(), found: Vec::new() };
        for name in way(domain) {
            if let Some(record) = record(name, names)? {
                walk.found.push((name.to_owned(), record));
                if record.suffix != Suffix::Unknown {
                    break;
                }
            }
        }
        Ok(walk)
    }

    /// The domain of the organization (§4.10.2).
    pub fn organization(&self) -> &str {
        for (name, record) in &self.found {
            match record.suffix {
                Suffix::No => return name,
                Suffix::Yes if *name != self.domain => return self.one_below(name),
                _ => {}
            }
        }
        self.found.last().map_or(&self.domain, |(name, _)| name)
    }

    /// The record that counts for the domain (§4.10.1), and where it stands: at the domain itself, else at its organization,
    /// else at the suffix above that.
    pub fn policy(&self) -> Option<(&str, Record)> {
        let at = |wanted: &str| self.found.iter().find(|(name, _)| name == wanted);
        let suffix = || self.found.last().filter(|(_, record)| record.suffix == Suffix::Yes);
        let found = at(&self.domain).or_else(|| at(self.organization())).or_else(suffix);
        found.map(|(name, record)| (name.as_str(), *record))
    }

    /// The name on our way that has one label more.
    fn one_below(&self, suffix: &str) -> &str {
        let ahead = self.domain.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.')).unwrap_or_default();
        let label = ahead.rsplit_once('.').map_or(ahead.len(), |(_, label)| label.len());
        self.domain.get(self.domain.len() - suffix.len() - 1 - label..).unwrap_or(&self.domain)
    }
}

/// The names that are asked, the domain first.
fn way(domain: &str) -> impl Iterator<Item = &str> {
    let labels = domain.split('.').count();
    let above = labels.saturating_sub(1).min(MOST_LABELS);
    let parents = (1..=above).rev().filter_map(move |count| {
        let start = domain.rmatch_indices('.').nth(count - 1).map(|(at, _)| at + 1)?;
        domain.get(start..)
    });
    std::iter::once(domain).chain(parents)
}

/// The one record of a name; several are none (§4.7).
fn record(name: &str, names: &dyn Names) -> Result<Option<Record>, Trouble> {
    let name = format!("_dmarc.{name}");
    if !can_be_asked(&name) {
        return Ok(None);
    }
    let texts = names.texts(&name)?;
    let mut records = texts.iter().filter_map(|text| Record::parse(text));
    Ok(records.next().filter(|_| records.next().is_none()))
}
