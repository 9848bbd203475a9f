//! The lines of control/accounts: `NAME:VERIFIERS:WORDS`.
//!
//! Security stance: a reason never quotes a verifier. What is not understood is an error, for a word that was meant to
//! restrict an account and does not would let somebody in. How it fails: a sentence that says what to write.

use super::address_or_domain;
use super::network::Network;
use super::who::is_class;
use std::fmt;
use std::net::IpAddr;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 128;

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Its name, in lower case.
    pub name: String,
    /// What tells whether a password is right.
    pub verifiers: Vec<String>,
    /// Whether a program stands behind it.
    pub is_robot: bool,
    /// Whether it is locked.
    pub is_locked: bool,
    /// From where alone it may log in, if from these alone.
    pub networks: Vec<Network>,
    /// What it may send from: `user@domain`, `@domain`, `*`.
    pub senders: Vec<String>,
    /// What takes the place of any other sender.
    pub rewrite: Option<String>,
    /// Its names in control/limits.
    pub limits: Vec<String>,
}

impl Account {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Account, String> {
        let mut parts = line.splitn(3, ':');
        let (Some(name), Some(verifiers)) = (parts.next(), parts.next()) else {
            return Err("the line has no colon; write NAME:VERIFIERS:WORDS, or use stafett-passwd".to_owned());
        };
        let mut account = Account { name: self::name(name)?, ..Account::default() };
        account.verifiers = verifiers.split_whitespace().map(str::to_owned).collect();
        if !account.verifiers.iter().all(|word| is_verifier(word)) {
            return Err(format!("a verifier of {} is damaged or of no known kind; set the password with stafett-passwd", account.name));
        }
        parts.next().unwrap_or_default().split_whitespace().try_for_each(|word| account.set(word))?;
        Ok(account)
    }

    /// Takes one of the words behind the verifiers. A list without items is empty again.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn set(&mut self, word: &str) -> Result<(), String> {
        let unknown = || format!("\"{word}\" is not known; write role=, status=, networks=, senders=, rewrite= or limits=");
        let (name, value) = word.split_once('=').ok_or_else(unknown)?;
        match (name, value) {
            ("role", "person") => self.is_robot = false,
            ("role", "robot") => self.is_robot = true,
            ("role", _) => return Err(format!("\"{value}\" is no role; write role=person or role=robot")),
            ("status", "active") => self.is_locked = false,
            ("status", "locked") => self.is_locked = true,
            ("status", _) => return Err(format!("\"{value}\" is no status; write status=active or status=locked")),
            ("networks", _) => self.networks = items(value).map(Network::parse).collect::<Result<_, _>>()?,
            ("senders", _) => self.senders = items(value).map(sender).collect::<Result<_, _>>()?,
            ("rewrite", "") => self.rewrite = None,
            ("rewrite", _) => self.rewrite = Some(address(value)?),
            ("limits", _) => self.limits = items(value).map(class).collect::<Result<_, _>>()?,
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// Whether it may log in from this address.
    pub fn may_come_from(&self, ip: Option<IpAddr>) -> bool {
        self.networks.is_empty() || ip.is_some_and(|ip| self.networks.iter().any(|network| network.contains(ip)))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.is_robot { "robot" } else { "person" };
        write!(f, "{}:{}:role={role}", self.name, self.verifiers.join(" "))?;
        if self.is_locked {
            f.write_str(" status=locked")?;
        }
        let networks: Vec<String> = self.networks.iter().map(Network::to_string).collect();
        for (name, values) in [("networks", &networks), ("senders", &self.senders), ("limits", &self.limits)] {
            if !values.is_empty() {
                write!(f, " {name}={}", values.join(","))?;
            }
        }
        self.rewrite.as_ref().map_or(Ok(()), |address| write!(f, " rewrite={address}"))
    }
}

/// The name of an account, in lower case.
///
/// # Errors
/// When it holds what no name may hold.
pub fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'@' | b'=' | b'/' | b'&');
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(fits) {
        return Err(format!("\"{text}\" is no name of an account; write letters, digits and . _ - + @ = / &, {LONGEST_NAME} at most"));
    }
    Ok(text.to_ascii_lowercase())
}

/// Judges a line.
///
/// # Errors
/// As [`Account::parse`].
pub fn account(line: &str) -> Result<(), String> {
    Account::parse(line).map(drop)
}

/// Whether a word has the form of a verifier: `$argon2id$v=19$COST$SALT$HASH` or `$scram-sha-256$COST$SALT$KEY$KEY`.
fn is_verifier(word: &str) -> bool {
    let parts: Vec<&str> = word.split('$').collect();
    let values = match parts[..] {
        ["", "argon2id", "v=19", cost, salt, hash] => [cost, salt, hash, hash],
        ["", "scram-sha-256", cost, salt, stored, server] => [cost, salt, stored, server],
        _ => return false,
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b',');
    values.iter().all(|value| !value.is_empty() && value.bytes().all(fits))
}

fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').filter(|item| !item.is_empty())
}

fn sender(text: &str) -> Result<String, String> {
    if text != "*" {
        address_or_domain(text)?;
    }
    Ok(text.to_lowercase())
}

fn address(text: &str) -> Result<String, String> {
    match text.starts_with('@') {
        true => Err(format!("\"{text}\" is no address; write user@domain")),
        false => address_or_domain(text).map(|()| text.to_owned()),
    }
}

fn class(text: &str) -> Result<String, String> {
    let wrong = || format!("\"{text}\" is no name for limits; write lower-case letters, digits, - and _, and neither people nor robots");
    Some(text).filter(|text| is_class(text)).map(str::to_owned).ok_or_else(wrong)
}

#[cfg(test)]
#[path = "account_test.rs"]
mod account_test;
