//! Lists of recipients: control/badrcptto, and control/validrcptto with its compiled form.
//!
//! An entry is an address or `@domain`, with `!` or `-` in front for "not this one". An address goes before its domain, and
//! what is negated before what is not. Both sides of the comparison are canonical and in lower case.
//! Security stance: a list that cannot be asked is an error, never a yes.
//! Known limits: keys of the compiled table are compared as they are, so they must be canonical and in lower case.

use std::collections::HashMap;
use std::fmt;
use std::io;

use stafett_address::{Domain, Error, Mailbox};

/// The entries.
#[derive(Default)]
pub struct RecipientList {
    lines: HashMap<String, Entry>,
    table: Option<cdb2::CDB>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    line: usize,
    is_negated: bool,
}

/// What a list says about a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// It is on the list.
    Yes(Place),
    /// The list says that it is not.
    Not(Place),
    /// The list does not know it.
    Nowhere,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This line of the file.
    Line(usize),
    /// The compiled table.
    Table,
}

impl RecipientList {
    /// Adds an entry; the first of equal ones counts, but a negated one always.
    ///
    /// # Errors
    /// When it is neither an address nor `@domain`.
    pub fn insert(&mut self, line: usize, text: &str) -> Result<(), Error> {
        let (is_negated, key) = entry(text)?;
        let entry = self.lines.entry(key).or_insert(Entry { line, is_negated });
        if is_negated && !entry.is_negated {
            *entry = Entry { line, is_negated };
        }
        Ok(())
    }

    /// Sets the compiled table.
    pub fn set_table(&mut self, table: Option<cdb2::CDB>) {
        self.table = table;
    }

    /// What the list says; the lines before the table, the address before its domain.
    ///
    /// # Errors
    /// When the compiled table is broken.
    pub fn look_up(&self, recipient: &Mailbox) -> io::Result<Listed> {
        if self.lines.is_empty() && self.table.is_none() {
            return Ok(Listed::Nowhere);
        }
        for key in [key(recipient), at(recipient.domain())] {
            match self.lines.get(&key) {
                Some(Entry { line, is_negated: false }) => return Ok(Listed::Yes(Place::Line(*line))),
                Some(Entry { line, is_negated: true }) => return Ok(Listed::Not(Place::Line(*line))),
                None => {}
            }
            if let Some(table) = &self.table {
                if has(table, &format!("!{key}"))? || has(table, &format!("-{key}"))? {
                    return Ok(Listed::Not(Place::Table));
                }
                if has(table, &key)? {
                    return Ok(Listed::Yes(Place::Table));
                }
            }
        }
        Ok(Listed::Nowhere)
    }
}

/// The key of a line in the compiled table.
///
/// # Errors
/// When the line is neither an address nor `@domain`.
pub fn compiled_key(line: &str) -> Result<String, Error> {
    entry(line).map(|(is_negated, key)| if is_negated { format!("!{key}") } else { key })
}

/// Whether a line says "not this one", and the address or `@domain` as it is compared.
fn entry(line: &str) -> Result<(bool, String), Error> {
    let rest = line.strip_prefix(['!', '-']);
    let text = rest.unwrap_or(line);
    let key = match text.strip_prefix('@') {
        Some(domain) => at(&Domain::parse(domain)?),
        None if text.starts_with('"') => key(&Mailbox::parse(text)?),
        None => key(&Mailbox::from_raw(text)?),
    };
    Ok((rest.is_some(), key))
}

impl fmt::Debug for RecipientList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientList").field("lines", &self.lines).field("table", &self.table.is_some()).finish()
    }
}

fn has(table: &cdb2::CDB, key: &str) -> io::Result<bool> {
    table.get(key.as_bytes()).transpose().map(|found| found.is_some())
}

fn key(mailbox: &Mailbox) -> String {
    mailbox.raw().to_lowercase()
}

fn at(domain: &Domain) -> String {
    format!("@{domain}").to_lowercase()
}

#[cfg(test)]
#[path = "recipients_test.rs"]
mod recipients_test;
