//! Compiled rules: which one decides over a client, in the order of tcprules(1).
//!
//! First match of: `info@address`; `info@=host`; the address; `=host`; shorter and shorter prefixes
//! of the address; shorter and shorter `=.suffix` of the host; `=` (the host has a name); the empty
//! key. Host names count without regard to case, ident answers as they are.
//! Security stance: the file is checked whole when it is opened, so that a damaged one is refused
//! then and not in the middle of the traffic.

use crate::address::{network_of_key, prefix_key};
use crate::environment::address_text;
use crate::instructions::Instructions;
use crate::table::{NOT_A_RULE, Table};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;

/// Addresses all over the world that have nothing in common: whoever gives something to all of one family gives it to everybody.
const ANYBODY: [&[&str]; 2] = [
    &["5.1.2.3", "45.33.32.1", "77.8.9.10", "101.102.103.104", "151.101.1.1", "185.5.6.7", "217.218.219.220"],
    &["2001:4860::1", "2400:cb00::1", "2600:1f00::1", "2804:14d::1", "2a00:1450::1", "2c0f:fb50::1"],
];

/// What the rules are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Its address.
    pub ip: IpAddr,
    /// Its name, where it was looked up and found.
    pub host: Option<&'a str>,
    /// What its ident server said, where it was asked.
    pub info: Option<&'a str>,
}

/// The rule that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The key under which it was found: the address of the rule, as it was compiled.
    pub key: Vec<u8>,
    /// What it says.
    pub instructions: Instructions,
}

/// Why compiled rules cannot be used.
#[derive(Debug)]
pub enum RulesError {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// It is not a complete cdb of rules; the text says what is wrong.
    Broken(&'static str),
}

impl Match {
    /// The address of the rule as one would write it.
    pub fn address(&self) -> String {
        network_of_key(&self.key).unwrap_or_else(|| String::from_utf8_lossy(&self.key).into_owned())
    }
}

impl RulesError {
    /// Whether the file is just not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, RulesError::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RulesError::Unreadable(error) => error.fmt(f),
            RulesError::Broken(reason) => write!(f, "{reason}; compile the rules again"),
        }
    }
}

impl std::error::Error for RulesError {}

/// A compiled file, open.
pub struct Rules {
    table: Table,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

impl Rules {
    /// Opens and checks a compiled file.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn open(path: &Path) -> Result<Rules, RulesError> {
        let bytes = std::fs::read(path).map_err(RulesError::Unreadable)?;
        let table = Table::new(bytes).map_err(RulesError::Broken)?;
        Ok(Rules { table })
    }

    /// Whether all clients of IPv4 or of IPv6 may send to every recipient, however that is spelled: an open relay.
    pub fn let_everybody_relay(&self) -> bool {
        let relays = |ip: IpAddr| {
            let found = self.look_up(&Client { ip, host: None, info: None }).ok().flatten();
            found.is_some_and(|found| {
                !found.instructions.deny && found.instructions.variables.iter().any(|(name, _)| name == b"RELAYCLIENT")
            })
        };
        ANYBODY.iter().any(|family| family.iter().filter_map(|ip| ip.parse().ok()).all(relays))
    }

    /// The rule that decides over `client`; `None` when none does, which means allow.
    ///
    /// # Errors
    /// When the value found is not a rule, which [`Rules::open`] excludes.
    pub fn look_up(&self, client: &Client<'_>) -> Result<Option<Match>, RulesError> {
        let ip = address_text(client.ip);
        let hosts = spellings(client.host);
        if let Some(info) = client.info {
            let at_hosts = hosts.iter().map(|host| format!("{info}@={host}"));
            if let Some(found) = self.first([format!("{info}@{ip}")].into_iter().chain(at_hosts))? {
                return Ok(Some(found));
            }
        }
        let named = hosts.iter().map(|host| format!("={host}"));
        if let Some(found) = self.first([ip.clone()].into_iter().chain(named))? {
            return Ok(Some(found));
        }
        if let Some(found) = self.longest_prefix(client.ip, &ip)? {
            return Ok(Some(found));
        }
        self.first(suffixes(&hosts).chain([String::new()]))
    }

    fn longest_prefix(&self, address: IpAddr, text: &str) -> Result<Option<Match>, RulesError> {
        match address.to_canonical() {
            IpAddr::V4(_) => {
                let dots = text.rmatch_indices('.').map(|(at, _)| at + 1);
                self.first(dots.filter_map(|end| text.get(..end)))
            }
            IpAddr::V6(ip) => {
                let key = prefix_key(ip);
                self.first((1..key.len()).rev().filter_map(|end| key.get(..end)))
            }
        }
    }

    fn first<K: AsRef<[u8]>>(&self, keys: impl Iterator<Item = K>) -> Result<Option<Match>, RulesError> {
        for key in keys {
            let key = key.as_ref();
            let Some(value) = self.table.find(key) else { continue };
            let instructions = Instructions::decode(value).ok_or(RulesError::Broken(NOT_A_RULE))?;
            return Ok(Some(Match { key: key.to_vec(), instructions }));
        }
        Ok(None)
    }
}

/// A host name as it was found and, where that differs, in lower case: we compile names in lower
/// case, djb's tcprules as they were written.
fn spellings(host: Option<&str>) -> Vec<String> {
    let mut spellings: Vec<String> = host.map(str::to_owned).into_iter().collect();
    spellings.extend(host.map(str::to_ascii_lowercase));
    spellings.dedup();
    spellings
}

/// `=.example.com`, `=.com`, `=` for `mail.example.com`, each in every spelling.
fn suffixes(hosts: &[String]) -> impl Iterator<Item = String> {
    let ends = hosts.first().map(|host| {
        let dots = host.match_indices('.').map(|(at, _)| at);
        dots.chain([host.len()])
    });
    let suffix = |at: usize| hosts.iter().filter_map(move |host| Some(format!("={}", host.get(at..)?)));
    ends.into_iter().flatten().flat_map(suffix)
}
