//! Whom mail is accepted for: control/rcpthosts and morercpthosts.cdb.
//!
//! What it does: answers for a domain whether it is listed and which line says so. `domain` lists exactly that one,
//! `.domain` all that is below it. The compiled table has the same lines as keys (as qmail-newmrh makes it) and is asked last.
//! Security stance: this decides whether the host is an open relay. It takes a parsed [`Domain`], the very value that is
//! routed later, never text of a peer. No list, an empty list and a broken table list nobody. A literal is never listed.
//! How it fails: a line that is no domain is an error in words; a table that breaks while it is asked is an error that the
//! caller must answer with a temporary failure.
//! Known limits: keys of the compiled table are compared as they are, so they must be lower case and A-labels.

use std::collections::HashMap;
use std::fmt;
use std::io;

use stafett_address::Domain;
use stafett_control::{Control, Error, compiled, rows};

/// The lists. The default lists nobody.
#[derive(Default)]
pub struct RcptHosts {
    /// Canonical domain, with a leading dot for a suffix, and its line.
    lines: HashMap<String, usize>,
    table: Option<cdb2::CDB>,
}

/// Which entry lists a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// This line of rcpthosts.
    Line(usize),
    /// The compiled table.
    Table,
    /// None does.
    Nowhere,
}

impl RcptHosts {
    /// Lists nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the files of an instance.
    ///
    /// # Errors
    /// When a line cannot be used, or the table cannot be opened.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let mut hosts = RcptHosts::new();
        let fault = |name: &str, line: usize, what: &str, reason: &dyn fmt::Display| Error {
            file: format!("control/{name}"),
            line,
            reason: format!("unable to use {what}: {reason}"),
        };
        for item in control.list(&rows::RCPTHOSTS)?.unwrap_or_default() {
            let quoted = format!("\"{}\"", item.value);
            hosts.insert(item.line, &item.value).map_err(|reason| fault(rows::RCPTHOSTS.name, item.line, &quoted, &reason))?;
        }
        if let Some(path) = control.compiled(&rows::MORERCPTHOSTS)? {
            let table = compiled::open(&path).map_err(|reason| fault(rows::MORERCPTHOSTS.name, 0, "\"the table\"", &reason))?;
            hosts.set_table(Some(table));
        }
        Ok(hosts)
    }

    /// Adds line `number` of the file; the first of equal lines is the one that is named later.
    ///
    /// # Errors
    /// When it is neither a domain nor `.domain`.
    pub fn insert(&mut self, number: usize, line: &str) -> Result<(), stafett_address::Error> {
        self.lines.entry(compiled_key(line)?).or_insert(number);
        Ok(())
    }

    /// Sets the compiled table.
    pub fn set_table(&mut self, table: Option<cdb2::CDB>) {
        self.table = table;
    }

    /// Whether no domain can be listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.table.is_none()
    }

    /// Looks a domain up: itself first, then each suffix, longest first; the lines before the table.
    ///
    /// # Errors
    /// When the compiled table is broken.
    pub fn look_up(&self, domain: &Domain) -> io::Result<Listed> {
        let Some(name) = domain.as_name() else { return Ok(Listed::Nowhere) };
        if let Some(line) = keys(name).find_map(|key| self.lines.get(key)) {
            return Ok(Listed::Line(*line));
        }
        match &self.table {
            Some(table) if in_table(table, name)? => Ok(Listed::Table),
            _ => Ok(Listed::Nowhere),
        }
    }
}

/// The key of a line, also in the compiled table.
///
/// # Errors
/// When it is neither a domain nor `.domain`.
pub fn compiled_key(line: &str) -> Result<String, stafett_address::Error> {
    let bare = line.strip_prefix('.');
    let name = match Domain::parse(bare.unwrap_or(line))? {
        Domain::Name(name) => name,
        Domain::Literal(_) => return Err(stafett_address::Error::Syntax("an address literal cannot be listed")),
    };
    Ok(if bare.is_some() { format!(".{name}") } else { name })
}

impl fmt::Debug for RcptHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RcptHosts").field("lines", &self.lines).field("table", &self.table.is_some()).finish()
    }
}

/// `a.b.example`, `.b.example`, `.example`.
fn keys(name: &str) -> impl Iterator<Item = &str> {
    let suffixes = name.match_indices('.').filter_map(|(dot, _)| name.get(dot..));
    std::iter::once(name).chain(suffixes)
}

fn in_table(table: &cdb2::CDB, name: &str) -> io::Result<bool> {
    for key in keys(name) {
        if let Some(found) = table.get(key.as_bytes()) {
            return found.map(|_| true);
        }
    }
    Ok(false)
}

#[cfg(test)]
#[path = "rcpthosts_test.rs"]
mod rcpthosts_test;
