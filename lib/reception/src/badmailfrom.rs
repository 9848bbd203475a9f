//! Senders that are refused: control/badmailfrom and the variable BADMAILFROM.
//!
//! An entry is an address or `@domain`. Both sides of the comparison are canonical and in lower case, as in qmail, so that
//! no spelling of a listed sender passes. The null sender is never listed: bounces must get through.

use std::collections::HashMap;

use stafett_address::{Domain, Error, Mailbox};

/// The entries, each with its line.
#[derive(Debug, Default)]
pub struct BadMailFrom {
    entries: HashMap<String, usize>,
}

impl BadMailFrom {
    /// The entries of the variable: words, numbered from 1.
    ///
    /// # Errors
    /// When a word is neither an address nor `@domain`.
    pub fn from_words(text: &str) -> Result<Self, Error> {
        let mut bad = Self::default();
        for (index, word) in text.split_whitespace().enumerate() {
            bad.insert(index + 1, word)?;
        }
        Ok(bad)
    }

    /// Adds an entry; the first of equal ones is the one that is named later.
    ///
    /// # Errors
    /// When it is neither an address nor `@domain`.
    pub fn insert(&mut self, line: usize, text: &str) -> Result<(), Error> {
        let key = match text.strip_prefix('@') {
            Some(domain) => at(&Domain::parse(domain)?),
            None => key(&Mailbox::from_raw(text)?),
        };
        self.entries.entry(key).or_insert(line);
        Ok(())
    }

    /// The line that lists a sender.
    pub fn line_of(&self, sender: &Mailbox) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let by_address = self.entries.get(&key(sender));
        by_address.or_else(|| self.entries.get(&at(sender.domain()))).copied()
    }
}

fn key(mailbox: &Mailbox) -> String {
    mailbox.raw().to_lowercase()
}

fn at(domain: &Domain) -> String {
    format!("@{domain}").to_lowercase()
}
