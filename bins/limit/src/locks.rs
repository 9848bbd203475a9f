//! Accounts that are locked until somebody unlocks them.
//!
//! What it does: a lock is on disk before it is answered. Where a store is shared, its locks are what counts; those
//! made while it was away are handed to it when it is back.
//!
//! How it fails: a lock that cannot be written holds until the service ends, and the log says so.

use crate::snapshot::{self, Found};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

/// The locks.
#[derive(Debug)]
pub struct Locks {
    path: PathBuf,
    by_account: BTreeMap<String, Lock>,
}

/// Why and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Seconds since 1970.
    pub since: u64,
    /// The rule that did it, or who.
    pub rule: String,
    /// Whether the shared store does not know of it yet.
    pub is_news: bool,
}

impl Locks {
    /// Reads them; the second is where a damaged file lies now.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub fn read(path: PathBuf) -> io::Result<(Locks, Option<PathBuf>)> {
        let (text, damaged) = match snapshot::read(&path)? {
            Found::Text(text) => (text, None),
            Found::Nothing => (String::new(), None),
            Found::Damaged(aside) => (String::new(), Some(aside)),
        };
        let by_account = text.lines().filter_map(parse).collect();
        Ok((Locks { path, by_account }, damaged))
    }

    /// The lock of an account.
    pub fn of(&self, account: &str) -> Option<&Lock> {
        self.by_account.get(account)
    }

    /// All, by account.
    pub fn all(&self) -> &BTreeMap<String, Lock> {
        &self.by_account
    }

    /// Locks an account.
    ///
    /// # Errors
    /// When that cannot be written; it holds all the same.
    pub fn lock(&mut self, account: &str, lock: Lock) -> io::Result<()> {
        self.by_account.insert(account.to_owned(), lock);
        self.write()
    }

    /// Unlocks an account; whether it was locked.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn unlock(&mut self, account: &str) -> io::Result<bool> {
        match self.by_account.remove(account) {
            Some(_) => self.write().map(|()| true),
            None => Ok(false),
        }
    }

    /// Those that the shared store does not know of, which it is told now.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn told(&mut self) -> io::Result<()> {
        self.by_account.values_mut().for_each(|lock| lock.is_news = false);
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let mut text = String::new();
        for (account, lock) in &self.by_account {
            let _ = writeln!(text, "{} {} {account} {}", lock.since, if lock.is_news { "new" } else { "known" }, lock.rule);
        }
        snapshot::write(&self.path, text.into_bytes())
    }
}

fn parse(line: &str) -> Option<(String, Lock)> {
    let mut words = line.splitn(4, ' ');
    let (since, news, account, rule) = (words.next()?, words.next()?, words.next()?, words.next()?);
    Some((account.to_owned(), Lock { since: since.parse().ok()?, rule: rule.to_owned(), is_news: news == "new" }))
}
