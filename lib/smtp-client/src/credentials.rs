//! Users and passwords for relays: control/smtpauth, by the names that routes use.
//!
//! Security stance: the file is read by the services that connect, and by nobody else; a password leaves this process in
//! AUTH alone and is shown nowhere.
//! How it fails: a line that does not parse is the control file's error; a file that may not be read leaves all other mail
//! alone, and the reason is said where credentials are needed.

use std::collections::HashMap;

use stafett_control::form::smtpauth::{Account, split};
use stafett_control::{Control, Error, rows};

use crate::sasl::{MECHANISMS, Mechanism};

/// What control/smtpauth says.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    accounts: HashMap<String, Account>,
    /// Why the file could not be read.
    unreadable: Option<String>,
}

impl Credentials {
    /// Reads the file.
    ///
    /// # Errors
    /// When a line does not parse.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let lines = match control.list(&rows::SMTPAUTH) {
            Ok(lines) => lines.unwrap_or_default(),
            // About the file as a whole.
            Err(error) if error.line == 0 => return Ok(Credentials { unreadable: Some(error.to_string()), ..Credentials::default() }),
            Err(error) => return Err(error),
        };
        // The row has judged each line already; the last one of a name counts.
        let accounts = lines.iter().filter_map(|item| split(&item.value).ok()).map(|account| (account.name.clone(), account));
        Ok(Credentials { accounts: accounts.collect(), unreadable: None })
    }

    /// The credentials of that name.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub fn named(&self, name: &str) -> Result<&Account, String> {
        let absent = || match &self.unreadable {
            Some(reason) => reason.clone(),
            None => format!("control/smtpauth has no line {name}"),
        };
        self.accounts.get(&name.to_lowercase()).ok_or_else(absent)
    }
}

/// The best mechanism among those that a server offers which the account may use.
#[must_use]
pub fn mechanism(account: &Account, offered: &[String]) -> Option<Mechanism> {
    let is_offered = |mechanism: &Mechanism| offered.iter().any(|name| Mechanism::named(name) == Some(*mechanism));
    let is_wanted = |mechanism: &Mechanism| {
        account.mechanisms.is_empty() || account.mechanisms.iter().any(|name| Mechanism::named(name) == Some(*mechanism))
    };
    MECHANISMS.into_iter().filter(is_wanted).find(is_offered)
}

#[cfg(test)]
#[path = "credentials_test.rs"]
mod credentials_test;
