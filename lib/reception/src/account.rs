//! The account that a client has proved to have: who may send what in its name.
//!
//! What it does: keeps what stafett-auth said of the account. Its role and its addresses are in control/accounts, which no
//! program that talks to strangers can read.
//!
//! Security stance: a value of this type exists only where a password or a proof was found right. An answer that does not make
//! sense makes none.

use std::fmt;

use stafett_address::{Domain, Mailbox};
use stafett_ask::Answer;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name, in lower case.
    pub name: String,
    /// What stands behind it.
    pub role: Role,
    /// Which addresses it may send from.
    pub senders: Vec<Sender>,
    /// The address that takes the place of any other sender, where there is one.
    pub rewrite: Option<String>,
    /// The names under which control/limits may speak of it: `people` or `robots`, then those of its line.
    pub classes: Vec<String>,
}

/// What stands behind an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Somebody who writes mail.
    Person,
    /// A program that sends mail.
    Robot,
}

/// Addresses that an account may send from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// All.
    Any,
    /// This one, in lower case.
    Address(String),
    /// All of this domain, in lower case.
    Domain(String),
}

impl Account {
    /// Reads what stafett-auth says of an account: `account=`, `role=`, `sender=` and `class=` (as often as needed),
    /// `rewrite=`. Other fields are passed over.
    ///
    /// # Errors
    /// What is missing or makes no sense.
    pub fn read(answer: &Answer) -> Result<Account, String> {
        let fields: Vec<(&str, &str)> = answer.fields.iter().filter_map(|field| std::str::from_utf8(field).ok()?.split_once('=')).collect();
        let of = |name: &'static str| fields.iter().filter(move |(known, _)| *known == name).map(|(_, value)| *value);
        let name = of("account").next().filter(|name| !name.is_empty()).ok_or("an account without a name")?;
        let role = of("role").next().and_then(Role::from_word).ok_or("an account without a role")?;
        let classes = std::iter::once(role.class()).chain(of("class")).map(str::to_owned).collect();
        let senders = of("sender").map(Sender::from_word).collect();
        Ok(Account { name: name.to_lowercase(), role, senders, rewrite: of("rewrite").next().map(str::to_owned), classes })
    }

    /// Whether it may send from this address.
    pub fn may_send_from(&self, mailbox: &Mailbox) -> bool {
        let address = mailbox.to_string().to_lowercase();
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.senders.iter().any(|sender| match sender {
            Sender::Any => true,
            Sender::Address(own) => *own == address,
            Sender::Domain(own) => own == domain,
        })
    }
}

impl Role {
    /// Its word in control/accounts.
    pub fn word(self) -> &'static str {
        match self {
            Role::Person => "person",
            Role::Robot => "robot",
        }
    }

    /// All of its kind, in control/limits.
    pub fn class(self) -> &'static str {
        match self {
            Role::Person => "people",
            Role::Robot => "robots",
        }
    }

    fn from_word(word: &str) -> Option<Role> {
        [Role::Person, Role::Robot].into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sender::Any => f.write_str("any address"),
            Sender::Address(address) => f.write_str(address),
            Sender::Domain(domain) => write!(f, "@{domain}"),
        }
    }
}

impl Sender {
    /// Reads `*`, `@domain` or an address.
    pub fn from_word(word: &str) -> Sender {
        let word = word.to_lowercase();
        match word.rsplit_once('@') {
            _ if word == "*" => Sender::Any,
            Some(("", domain)) => Sender::Domain(canonical(domain)),
            Some((local, domain)) => Sender::Address(format!("{local}@{}", canonical(domain))),
            None => Sender::Address(word),
        }
    }
}

/// A domain as it stands in mail: an international one in its A-labels.
fn canonical(domain: &str) -> String {
    Domain::parse(domain).map_or_else(|_| domain.to_owned(), |domain| domain.to_string().to_lowercase())
}

#[cfg(test)]
#[path = "account_test.rs"]
mod account_test;
