//! One line of masquerade: `PATTERN:ADDRESS`.
//!
//! The pattern is `user@host`, `user@.domain` (all hosts below it), `user@` (anywhere), `@host` or `@.domain` (whoever
//! it is). The address is a whole one, or `@domain`, which keeps the user.

use super::host;

/// A line, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masquerade {
    /// The local part that is meant, in lower case; `None` for all.
    pub local: Option<String>,
    /// Where it is.
    pub at: At,
    /// The local part that takes its place; `None` where it is kept.
    pub new_local: Option<String>,
    /// The domain that takes the place of its own.
    pub new_domain: String,
}

/// Which domains a pattern means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// All.
    Anywhere,
    /// This one, in lower case.
    Host(String),
    /// All below this one, in lower case.
    Below(String),
}

impl Masquerade {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Masquerade, String> {
        let (pattern, address) = line.rsplit_once(':').ok_or_else(|| format!("\"{line}\" has no colon; write pattern:address"))?;
        let (local, at) = pattern
            .trim()
            .rsplit_once('@')
            .ok_or_else(|| format!("\"{pattern}\" is no pattern; write user@host, user@.domain, user@ (anywhere), @host or @.domain"))?;
        let at = match at.strip_prefix('.') {
            Some(domain) => host(domain).map(|()| At::Below(domain.to_lowercase()))?,
            None if at.is_empty() && !local.is_empty() => At::Anywhere,
            None => host(at).map(|()| At::Host(at.to_lowercase()))?,
        };
        let address = address.trim();
        let (new_local, new_domain) = address
            .rsplit_once('@')
            .filter(|(local, _)| is_plain(local))
            .ok_or_else(|| format!("\"{address}\" is no address; write user@domain, or @domain to keep the user"))?;
        host(new_domain)?;
        let named = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(Masquerade { local: named(&local.to_lowercase()), at, new_local: named(new_local), new_domain: new_domain.to_owned() })
    }

    /// Whether it means this address, whose domain is in lower case.
    pub fn fits(&self, local: &str, domain: &str) -> bool {
        let is_there = match &self.at {
            At::Anywhere => true,
            At::Host(host) => host == domain,
            At::Below(parent) => domain.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.')),
        };
        is_there && self.local.as_ref().is_none_or(|wanted| *wanted == local.to_lowercase())
    }
}

/// The form of the file.
pub fn masquerade(line: &str) -> Result<(), String> {
    Masquerade::parse(line).map(drop)
}

/// What needs no quotes and no SMTPUTF8.
fn is_plain(local: &str) -> bool {
    local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte))
}

#[cfg(test)]
#[path = "masquerade_test.rs"]
mod masquerade_test;
