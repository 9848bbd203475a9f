//! The lists of one control file, and what hits of them decide.

use stafett_control::form::blocklist::{BlockList, Hit};
use stafett_control::{Control, Error, Item, Setting, rows};
use std::sync::Arc;

/// What the sum of weights must reach where control/dnsblthreshold is absent.
const THRESHOLD: u64 = 10;

/// The lists, in the order of their lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists {
    /// The entries.
    pub entries: Vec<Entry>,
    /// What the sum of weights must reach.
    threshold: i64,
}

/// One list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What named it: a file and line, or an option.
    pub rule: String,
    /// Its zone.
    pub zone: Arc<str>,
    /// What the client hears instead of the list's own text.
    pub text: Option<String>,
    /// What a hit means.
    hit: Hit,
}

/// What the hits decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No list, or not enough of them.
    Pass,
    /// The allow list with this number.
    Accept(usize),
    /// The lists with these numbers.
    Refuse {
        /// For good.
        permanent: bool,
        /// Those that count against the client.
        entries: Vec<usize>,
    },
}

impl Lists {
    /// Reads the lists of a control file.
    ///
    /// # Errors
    /// When a line or the threshold does not parse.
    pub fn read(control: &Control, row: &Setting) -> Result<Lists, Error> {
        let threshold = control.integer(&rows::DNSBLTHRESHOLD)?.unwrap_or(THRESHOLD);
        let lines = control.list(row)?.unwrap_or_default();
        let entry = |item: Item<String>| {
            // The row has judged each line already.
            let list = BlockList::parse(&item.value).ok()?;
            Some(Entry::new(format!("control/{}:{}", row.name, item.line), list))
        };
        let threshold = i64::try_from(threshold).unwrap_or(i64::MAX);
        Ok(Lists { entries: lines.into_iter().filter_map(entry).collect(), threshold })
    }

    /// Lists that a command line names.
    pub fn of(entries: Vec<Entry>) -> Lists {
        Lists { entries, threshold: THRESHOLD.cast_signed() }
    }

    /// What it means that these lists hit: the first line that decides does, and weights add up behind that.
    pub fn decide(&self, hits: &[bool]) -> Decision {
        let mut sum = 0;
        let mut weighty = Vec::new();
        let mut permanent = true;
        for (number, entry) in self.entries.iter().enumerate().filter(|(number, _)| hits.get(*number) == Some(&true)) {
            match entry.hit {
                Hit::Accept => return Decision::Accept(number),
                Hit::Refuse { permanent } => return Decision::Refuse { permanent, entries: vec![number] },
                Hit::Weigh { weight, permanent: its } => {
                    sum += i64::from(weight);
                    if weight > 0 {
                        weighty.push(number);
                        permanent &= its;
                    }
                }
            }
        }
        if sum >= self.threshold { Decision::Refuse { permanent, entries: weighty } } else { Decision::Pass }
    }
}

impl Entry {
    /// A list and what named it.
    pub fn new(rule: String, list: BlockList) -> Entry {
        Entry { rule, zone: list.zone.into(), text: list.text, hit: list.hit }
    }
}

#[cfg(test)]
#[path = "lists_test.rs"]
mod lists_test;
