//! A whole address, `local@domain`, in canonical form.
//!
//! Printed, it is what stands between the angle brackets in SMTP. The *raw* form (`local@domain` without any quoting,
//! split at the last `@`) is what qmail's programs pass among themselves; it is converted here and nowhere else.

use std::fmt;

use crate::{Domain, Error, domain, local};

/// An address with a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    local: String,
    domain: Domain,
}

impl Mailbox {
    /// Parses a whole text in SMTP syntax, without angle brackets.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (local, rest) = local::take(text)?;
        let (mailbox, rest) = Self::take_domain(local, rest)?;
        if rest.is_empty() { Ok(mailbox) } else { Err(Error::Syntax("text after the address")) }
    }

    /// Parses the raw form: everything before the last `@` is the local part, as qmail reads it.
    pub fn from_raw(text: &str) -> Result<Self, Error> {
        let (local, domain) = text.rsplit_once('@').ok_or(Error::NoDomain)?;
        Self::new(local, Domain::parse(domain)?)
    }

    /// Joins a local part (meaning, not quoting) and a domain.
    pub fn new(local: &str, domain: Domain) -> Result<Self, Error> {
        local::check(local)?;
        Ok(Self { local: local.to_owned(), domain })
    }

    /// The local part without quotes and backslashes.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain, the one that is checked and the one that is routed.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The raw form, for qmail's descriptor protocols.
    pub fn raw(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// The same local part at another domain.
    pub fn with_domain(self, domain: Domain) -> Self {
        Self { domain, ..self }
    }

    /// Whether the address can travel without SMTPUTF8. The domain always can.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii()
    }

    /// Continues after a local part: `@domain`, then the rest.
    pub(crate) fn take_domain(local: String, text: &str) -> Result<(Self, &str), Error> {
        let after = text.strip_prefix('@').ok_or(Error::NoDomain)?;
        let (domain, rest) = domain::split(after);
        let domain = Domain::parse(domain)?;
        Ok((Self { local, domain }, rest))
    }
}

/// The SMTP form, quoted where it must be.
impl fmt::Display for Mailbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}", local::quote(&self.local), self.domain)
    }
}
