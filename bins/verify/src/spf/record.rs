//! A record as a value (RFC 7208 §4.6, §12): the whole of it, or what is wrong with it.

use super::macros::Template;
use super::terms;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its directives, in order.
    pub directives: Vec<Directive>,
    /// Where the rest is said, if nothing matches.
    pub redirect: Option<Template>,
    /// Where the explanation is.
    pub explanation: Option<Template>,
}

/// A mechanism and what it means when it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// What a match means.
    pub qualifier: Qualifier,
    /// What is to match.
    pub mechanism: Mechanism,
    /// As it is written.
    pub text: String,
}

/// What a match means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `+`, or none.
    Pass,
    /// `-`
    Fail,
    /// `~`
    SoftFail,
    /// `?`
    Neutral,
}

/// How many bits of an address count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// For IPv4.
    pub four: u8,
    /// For IPv6.
    pub six: u8,
}

/// What is to match; a missing name is the record's own domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Everybody.
    All,
    /// Whoever passes there.
    Include(Template),
    /// The addresses of a name.
    A(Option<Template>, Bits),
    /// The addresses of its mail exchangers.
    Mx(Option<Template>, Bits),
    /// Clients whose own name is below it.
    Ptr(Option<Template>),
    /// A network.
    Ip4(Ipv4Addr, u8),
    /// A network.
    Ip6(Ipv6Addr, u8),
    /// A name that has an address.
    Exists(Template),
}

/// What is wrong with a record, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw(pub String);

impl Record {
    /// Whether a text is a record of this version at all (§4.5).
    pub fn is_one(text: &[u8]) -> bool {
        let head = text.get(..6).unwrap_or_default();
        head.eq_ignore_ascii_case(b"v=spf1") && matches!(text.get(6), None | Some(b' '))
    }

    /// Reads a record whole; the terms behind the version.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Record, Flaw> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii());
        let text = text.ok_or_else(|| Flaw("the record is not ASCII".to_owned()))?;
        Self::of_terms(text.get(6..).unwrap_or_default())
    }

    /// Reads terms without a version before them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of_terms(text: &str) -> Result<Record, Flaw> {
        let mut record = Record { directives: Vec::new(), redirect: None, explanation: None };
        for term in text.split(' ').filter(|term| !term.is_empty()) {
            record.take(term)?;
        }
        Ok(record)
    }

    /// Whether some directive matches everybody, which makes a redirection mean nothing (§6.1).
    pub fn has_all(&self) -> bool {
        self.directives.iter().any(|directive| directive.mechanism == Mechanism::All)
    }

    fn take(&mut self, term: &str) -> Result<(), Flaw> {
        match modifier(term) {
            Some((name, value)) if name.eq_ignore_ascii_case("redirect") => once(&mut self.redirect, terms::domain(value, term)?, term),
            Some((name, value)) if name.eq_ignore_ascii_case("exp") => once(&mut self.explanation, terms::domain(value, term)?, term),
            // unknown ones mean nothing, but must be well formed (§6)
            Some((_, value)) => Template::parse(value, false).map(|_| ()).map_err(|reason| terms::flaw(term, reason)),
            None => {
                self.directives.push(terms::directive(term)?);
                Ok(())
            }
        }
    }
}

fn once(place: &mut Option<Template>, value: Template, term: &str) -> Result<(), Flaw> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(terms::flaw(term, "given twice")),
    }
}

/// A term that is `name=value`.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let goes_on = name.chars().all(|symbol| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_' | '.'));
    (begins && goes_on).then_some((name, value))
}
