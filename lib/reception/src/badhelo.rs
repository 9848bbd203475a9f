//! Names in HELO and EHLO that are refused: control/badhelo.
//!
//! An entry is a name, `.suffix` for all below it, an address in brackets, or a word for a kind of name: `=me`, `=literal`,
//! `=bare`. Behind a `!` it is an exception from all others, wherever it stands. Names are compared in lower case, as
//! A-labels and without a last dot.

use std::collections::HashMap;
use std::net::IpAddr;

use stafett_address::Domain;
use stafett_control::form::helo::{BARE, LITERAL, OWN};

/// The entries.
#[derive(Debug, Default)]
pub struct BadHelo {
    refused: Names,
    excepted: Names,
}

/// Entries of one kind, each with its line.
#[derive(Debug, Default)]
struct Names(HashMap<String, usize>);

/// Who is asked, and who we are.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// Our names, in lower case.
    pub own_names: &'a [&'a str],
    /// Our address in this connection.
    pub own_ip: Option<IpAddr>,
    /// The client's address.
    pub client_ip: Option<IpAddr>,
}

impl BadHelo {
    /// Adds an entry; the first of equal ones is the one that is named later.
    ///
    /// # Errors
    /// When a name is none.
    pub fn insert(&mut self, line: usize, text: &str) -> Result<(), String> {
        let (names, entry) = match text.strip_prefix('!') {
            Some(entry) => (&mut self.excepted, entry),
            None => (&mut self.refused, text),
        };
        let key = match (entry.strip_prefix('.'), address(entry)) {
            _ if entry.starts_with('=') => entry.to_owned(),
            (_, Some(ip)) => format!("[{ip}]"),
            (Some(suffix), None) => format!(".{}", name(suffix)),
            (None, None) => name(entry),
        };
        names.0.entry(key).or_insert(line);
        Ok(())
    }

    /// Whether no name is refused.
    pub fn is_empty(&self) -> bool {
        self.refused.0.is_empty()
    }

    /// The line that refuses a name.
    pub fn line_of(&self, helo: &str, parties: Parties<'_>) -> Option<usize> {
        let helo = name(helo);
        let refused = self.refused.line_of(&helo, parties);
        refused.filter(|_| self.excepted.line_of(&helo, parties).is_none())
    }
}

impl Names {
    fn line_of(&self, helo: &str, parties: Parties<'_>) -> Option<usize> {
        let literal = address(helo);
        let exact = match literal {
            Some(ip) => self.0.get(&format!("[{ip}]")),
            None => self.0.get(helo),
        };
        let suffix = || helo.match_indices('.').find_map(|(dot, _)| self.0.get(helo.get(dot..)?));
        let of_kind = |word: &str, is_so: bool| self.0.get(word).filter(|_| is_so);
        let found = exact.or_else(suffix).or_else(|| of_kind(OWN, is_own(helo, literal, parties)));
        let found = found.or_else(|| of_kind(LITERAL, literal.is_some()));
        found.or_else(|| of_kind(BARE, literal.is_none() && !helo.contains('.'))).copied()
    }
}

/// Whether a client gives itself our name or address; this host itself may.
fn is_own(helo: &str, literal: Option<IpAddr>, parties: Parties<'_>) -> bool {
    let is_local = parties.client_ip.is_some_and(|ip| ip.is_loopback() || Some(ip) == parties.own_ip);
    let claims = match literal {
        Some(ip) => ip.is_loopback() || Some(ip) == parties.own_ip,
        None => parties.own_names.iter().any(|own| own.eq_ignore_ascii_case(helo)),
    };
    claims && !is_local
}

/// An address, with or without its brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let bare = bare.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")).map_or(bare, |tag| bare.get(tag.len()..).unwrap_or_default());
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// One form for each name; what is no domain stays as it is.
fn name(text: &str) -> String {
    let text = text.strip_suffix('.').unwrap_or(text);
    match Domain::parse(text) {
        Ok(domain) if domain.as_name().is_some() => domain.to_string().to_lowercase(),
        _ => text.to_lowercase(),
    }
}

#[cfg(test)]
#[path = "badhelo_test.rs"]
mod badhelo_test;
