//! The walk over the records of a domain (RFC 7208 §4 to §6).
//!
//! Look-ups are counted over all records of one check, so that no nesting buys more of them (§4.6.4).

use super::expansion::Values;
use super::macros::Template;
use super::record::{Bits, Directive, Mechanism, Qualifier, Record};
use super::{Question, Verdict};
use crate::names::{Family, Found, Names, Trouble, can_be_asked};
use std::net::IpAddr;

/// Terms that cause look-ups, in one check.
const MOST_TERMS: usize = 10;
/// Look-ups that find nothing, in one check.
const MOST_VOIDS: usize = 2;
/// Mail exchangers of a name, and names of an address.
const MOST_HOSTS: usize = 10;

/// Why there is no verdict of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nobody could tell.
    Temporary(String),
    /// The records are wrong.
    Permanent(String),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Stop {
        Stop::Temporary(trouble.0)
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The verdict.
    pub verdict: Verdict,
    /// The mechanism that matched, or `default`.
    pub reason: String,
    /// Where the explanation is, and the domain for whose record it stands.
    pub explanation: Option<(Template, String)>,
}

/// One check with what it has used up.
pub struct Evaluation<'a> {
    names: &'a dyn Names,
    question: &'a Question<'a>,
    terms: usize,
    voids: usize,
    /// The client's names that lead back to it.
    clients: Option<Vec<String>>,
}

impl<'a> Evaluation<'a> {
    /// With nothing used up.
    pub fn new(names: &'a dyn Names, question: &'a Question<'a>) -> Self {
        Self { names, question, terms: 0, voids: 0, clients: None }
    }

    /// What a domain's record says; nothing when it has none.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn domain(&mut self, domain: &str) -> Result<Option<Said>, Stop> {
        match self.record(domain)? {
            Some(record) => self.evaluate(domain, &record).map(Some),
            None => Ok(None),
        }
    }

    /// What a record says for a domain.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn evaluate(&mut self, domain: &str, record: &Record) -> Result<Said, Stop> {
        for directive in &record.directives {
            if self.matches(domain, directive)? {
                let explanation = record.explanation.clone().map(|template| (template, domain.to_owned()));
                return Ok(Said { verdict: meaning(directive.qualifier), reason: directive.text.clone(), explanation });
            }
        }
        match record.redirect.as_ref().filter(|_| !record.has_all()) {
            Some(redirect) => self.redirected(domain, redirect),
            None => Ok(Said { verdict: Verdict::Neutral, reason: "default".to_owned(), explanation: None }),
        }
    }

    /// The explanation of a failure (§6.2); whatever is wrong with it, it is only left out.
    pub fn explanation(&mut self, said: &Said) -> Option<String> {
        let (template, domain) = said.explanation.as_ref()?;
        let name = self.expanded(template, domain);
        let texts = if can_be_asked(&name) { self.names.texts(&name).ok()? } else { return None };
        let [text] = &texts[..] else { return None };
        let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
        self.said(text, domain)
    }

    /// An explanation's text with its macros expanded.
    pub fn said(&mut self, text: &str, domain: &str) -> Option<String> {
        let template = Template::parse(text, true).ok()?;
        let client = self.client(&template, domain);
        let explanation = Values { question: self.question, domain, client: &client }.explanation(&template);
        Some(explanation).filter(|explanation| !explanation.is_empty())
    }

    /// §4.4, §4.5.
    fn record(&mut self, domain: &str) -> Result<Option<Record>, Stop> {
        if !can_be_asked(domain) {
            return Ok(None);
        }
        let texts = self.names.texts(domain)?;
        let mut records = texts.iter().filter(|text| Record::is_one(text));
        match (records.next(), records.next()) {
            (None, _) => Ok(None),
            (Some(text), None) => Record::parse(text).map(Some).map_err(|flaw| Stop::Permanent(flaw.0)),
            (Some(_), Some(_)) => Err(Stop::Permanent(format!("{domain} has more than one record"))),
        }
    }

    /// §6.1
    fn redirected(&mut self, domain: &str, redirect: &Template) -> Result<Said, Stop> {
        self.count()?;
        let target = self.expanded(redirect, domain);
        let said = self.domain(&target)?;
        said.ok_or_else(|| Stop::Permanent(format!("redirect={target}: no record there")))
    }

    fn matches(&mut self, domain: &str, directive: &Directive) -> Result<bool, Stop> {
        match &directive.mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, bits) => Ok(covers(IpAddr::V4(*network), *bits, self.question.ip)),
            Mechanism::Ip6(network, bits) => Ok(covers(IpAddr::V6(*network), *bits, self.question.ip)),
            Mechanism::Include(target) => self.includes(domain, target),
            Mechanism::A(target, bits) => {
                let name = self.target(domain, target.as_ref())?;
                self.has_address(&name, *bits)
            }
            Mechanism::Mx(target, bits) => {
                let name = self.target(domain, target.as_ref())?;
                self.has_exchange(&name, *bits)
            }
            Mechanism::Ptr(target) => {
                let name = self.target(domain, target.as_ref())?;
                let below = format!(".{}", name.to_ascii_lowercase());
                let clients = self.clients();
                Ok(clients.iter().any(|client| format!(".{client}").ends_with(&below)))
            }
            Mechanism::Exists(target) => {
                let name = self.target(domain, Some(target))?;
                Ok(!self.addresses(&name, Family::Four)?.is_empty())
            }
        }
    }

    /// §5.2
    fn includes(&mut self, domain: &str, target: &Template) -> Result<bool, Stop> {
        let name = self.target(domain, Some(target))?;
        match self.domain(&name)? {
            Some(said) => Ok(said.verdict == Verdict::Pass),
            None => Err(Stop::Permanent(format!("include:{name}: no record there"))),
        }
    }

    fn has_address(&mut self, name: &str, bits: Bits) -> Result<bool, Stop> {
        let ip = self.question.ip;
        let addresses = self.addresses(name, Family::of(ip))?;
        let bits = if ip.is_ipv4() { bits.four } else { bits.six };
        Ok(addresses.into_iter().any(|address| covers(address, bits, ip)))
    }

    /// §5.4
    fn has_exchange(&mut self, name: &str, bits: Bits) -> Result<bool, Stop> {
        let exchanges = if can_be_asked(name) { self.names.exchanges(name) } else { Ok(Vec::new()) };
        let exchanges = self.or_void(exchanges)?;
        if exchanges.len() > MOST_HOSTS {
            return Err(Stop::Permanent(format!("{name} has more than {MOST_HOSTS} mail exchangers")));
        }
        for exchange in exchanges {
            if self.has_address(&exchange, bits)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn addresses(&mut self, name: &str, family: Family) -> Result<Vec<IpAddr>, Stop> {
        let found = if can_be_asked(name) { self.names.addresses(name, family) } else { Ok(Vec::new()) };
        self.or_void(found)
    }

    /// Counts a look-up that found nothing.
    fn or_void<T>(&mut self, found: Found<T>) -> Result<Vec<T>, Stop> {
        let found = found?;
        if found.is_empty() {
            self.voids += 1;
            if self.voids > MOST_VOIDS {
                return Err(Stop::Permanent(format!("more than {MOST_VOIDS} look-ups that find nothing")));
            }
        }
        Ok(found)
    }

    /// Counts a term that causes look-ups.
    fn count(&mut self) -> Result<(), Stop> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(Stop::Permanent(format!("more than {MOST_TERMS} terms that need look-ups")));
        }
        Ok(())
    }

    /// The name that a mechanism is about; counts the mechanism.
    fn target(&mut self, domain: &str, target: Option<&Template>) -> Result<String, Stop> {
        self.count()?;
        match target {
            Some(template) => Ok(self.expanded(template, domain)),
            None => Ok(domain.to_owned()),
        }
    }

    fn expanded(&mut self, template: &Template, domain: &str) -> String {
        let client = self.client(template, domain);
        Values { question: self.question, domain, client: &client }.name(template)
    }

    /// The value of the macro p (§7.3), if the template has it.
    fn client(&mut self, template: &Template, domain: &str) -> String {
        if !template.names_the_client() {
            return String::new();
        }
        let domain = domain.to_ascii_lowercase();
        let below = format!(".{domain}");
        let clients = self.clients();
        let best = clients.iter().find(|client| **client == domain);
        let next = || clients.iter().find(|client| client.ends_with(&below));
        best.or_else(next).or(clients.first()).cloned().unwrap_or_else(|| "unknown".to_owned())
    }

    /// The client's names that lead back to it (§5.5); trouble on the way only makes them fewer.
    fn clients(&mut self) -> Vec<String> {
        if let Some(clients) = &self.clients {
            return clients.clone();
        }
        let ip = self.question.ip;
        let mut clients = Vec::new();
        for name in self.names.pointers(ip).unwrap_or_default().into_iter().take(MOST_HOSTS) {
            let addresses = if can_be_asked(&name) { self.names.addresses(&name, Family::of(ip)) } else { continue };
            if addresses.is_ok_and(|addresses| addresses.contains(&ip)) {
                clients.push(name.to_ascii_lowercase());
            }
        }
        self.clients = Some(clients.clone());
        clients
    }
}

fn meaning(qualifier: Qualifier) -> Verdict {
    match qualifier {
        Qualifier::Pass => Verdict::Pass,
        Qualifier::Fail => Verdict::Fail,
        Qualifier::SoftFail => Verdict::SoftFail,
        Qualifier::Neutral => Verdict::Neutral,
    }
}

/// Whether an address is in a network.
fn covers(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            (u32::from(network) ^ u32::from(ip)) & mask == 0
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            (u128::from(network) ^ u128::from(ip)) & mask == 0
        }
        _ => false,
    }
}
