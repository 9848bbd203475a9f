//! What filters may know beside the commands: Sendmail's macros, as far as this relay has values for them.

use crate::protocol::options::{Agreed, Stage};
use std::collections::BTreeMap;

/// Those of TLS, known from HELO on.
pub const TLS: &[&str] = &["{tls_version}", "{cipher}", "{cipher_bits}", "{cert_subject}", "{cert_issuer}"];
/// Those of a client that has logged in, known from MAIL on.
pub const ACCOUNT: &[&str] = &["{auth_type}", "{auth_authen}", "{auth_author}"];

/// The macros and their values now.
#[derive(Clone, Debug, Default)]
pub struct Macros(BTreeMap<&'static str, String>);

impl Macros {
    /// Gives a macro a value.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    /// Gives those of a kind the values that smtpd tells now, `{name}=value`; the others of it have none any more.
    pub fn tell(&mut self, kind: &[&'static str], told: &[&str]) {
        for name in kind {
            match told.iter().find_map(|one| one.strip_prefix(name)?.strip_prefix('=')) {
                Some(value) => self.set(name, value),
                None => drop(self.0.remove(name)),
            }
        }
    }

    /// Those that go with a step: the ones that the filter has asked for, or the usual ones.
    pub fn of<'a>(&'a self, stage: Stage, agreed: &Agreed) -> Vec<(&'a str, &'a str)> {
        let value = |name: &str| self.0.get_key_value(name).map(|(name, value)| (*name, value.as_str()));
        match agreed.macros(stage) {
            Some(wanted) => wanted.iter().filter_map(|name| value(name).or_else(|| value(bare(name)))).collect(),
            None => usual(stage).iter().filter_map(|name| value(name)).collect(),
        }
    }
}

/// `{j}` is `j`.
fn bare(name: &str) -> &str {
    name.strip_prefix('{').and_then(|inside| inside.strip_suffix('}')).filter(|inside| inside.len() == 1).unwrap_or(name)
}

fn usual(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Connect => &[
            "j",
            "v",
            "_",
            "{daemon_name}",
            "{daemon_addr}",
            "{daemon_port}",
            "{if_name}",
            "{if_addr}",
            "{client_addr}",
            "{client_name}",
            "{client_port}",
        ],
        Stage::Helo => TLS,
        Stage::Mail => &["i", "{mail_addr}", "{mail_host}", "{auth_type}", "{auth_authen}", "{auth_author}"],
        Stage::Rcpt => &["i", "{rcpt_addr}", "{rcpt_host}"],
        Stage::Data | Stage::EndOfHeader | Stage::End => &["i"],
    }
}
