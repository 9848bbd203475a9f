//! Senders and clients that are refused: control/badmailfrom and the variable BADMAILFROM.
//!
//! An entry is an address, `@domain`, `@.domain` for all below it, or a network of clients. Both sides of the comparison are canonical and in lower case, as in qmail, so that
//! no spelling of a listed sender passes. The null sender is never listed: bounces must get through; but for a listed network.

use std::collections::HashMap;
use std::net::IpAddr;

use stafett_address::{Domain, Mailbox};
use stafett_control::form::network::Network;

use crate::policy::Policy;

/// The entries, each with its line.
#[derive(Debug, Default)]
pub struct BadMailFrom {
    entries: HashMap<String, usize>,
    networks: Vec<(Network, usize)>,
}

impl BadMailFrom {
    /// The entries of the variable: words, numbered from 1.
    ///
    /// # Errors
    /// When a word is no entry.
    pub fn from_words(text: &str) -> Result<Self, String> {
        let mut bad = Self::default();
        for (index, word) in text.split_whitespace().enumerate() {
            bad.insert(index + 1, word)?;
        }
        Ok(bad)
    }

    /// Adds an entry; the first of equal ones is the one that is named later.
    ///
    /// # Errors
    /// When it is none.
    pub fn insert(&mut self, line: usize, text: &str) -> Result<(), String> {
        if !text.contains('@') {
            self.networks.push((Network::parse(text)?, line));
            return Ok(());
        }
        let domain = |domain: &str| Domain::parse(domain).map_err(|error| error.to_string());
        let key = match (text.strip_prefix("@."), text.strip_prefix('@')) {
            (Some(suffix), _) => format!("@.{}", domain(suffix)?).to_lowercase(),
            (None, Some(name)) => at(&domain(name)?),
            (None, None) => key(&Mailbox::from_raw(text).map_err(|error| error.to_string())?),
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
        let host = at(sender.domain());
        let suffix = || host.match_indices('.').find_map(|(dot, _)| self.entries.get(&format!("@{}", host.get(dot..)?)));
        by_address.or_else(|| self.entries.get(&host)).or_else(suffix).copied()
    }

    /// The line that lists a client's network.
    pub fn line_of_client(&self, ip: IpAddr) -> Option<usize> {
        self.networks.iter().find(|(network, _)| network.contains(ip)).map(|(_, line)| *line)
    }
}

impl Policy<'_> {
    /// What lists a sender as bad.
    pub(crate) fn bad_sender(&self, mailbox: &Mailbox) -> Option<String> {
        let file = self.settings.badmailfrom.line_of(mailbox).map(|line| format!("control/badmailfrom:{line}"));
        file.or_else(|| self.client.badmailfrom.line_of(mailbox).map(|_| "rule BADMAILFROM".to_owned()))
    }

    /// What lists the client's network as bad.
    pub(crate) fn bad_network(&self) -> Option<String> {
        let ip = self.client.ip?;
        let file = self.settings.badmailfrom.line_of_client(ip).map(|line| format!("control/badmailfrom:{line}"));
        file.or_else(|| self.client.badmailfrom.line_of_client(ip).map(|_| "rule BADMAILFROM".to_owned()))
    }
}

fn key(mailbox: &Mailbox) -> String {
    mailbox.raw().to_lowercase()
}

fn at(domain: &Domain) -> String {
    format!("@{domain}").to_lowercase()
}
