//! The lines of control/greylist: `wait TIME`, `window TIME`, `lifetime TIME`, `network V4 V6`, `trust NUMBER`,
//! `most NUMBER`, `for RECIPIENTS`, `exempt clients|senders|recipients LIST`, `away pass|later`, `say TEXT`.
//!
//! How it fails: a sentence that says what to write.

use super::limits::spoken;
use super::span::duration;
use super::who::{Client, Who};
use super::{address_or_domain, domain_or_suffix};
use std::time::Duration;

/// How greylisting is done. The defaults are what counts without a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greylist {
    /// How long a new triplet is refused.
    pub wait: Duration,
    /// How long after its first attempt it may come back.
    pub window: Duration,
    /// How long a triplet or network that has passed is remembered after its last message.
    pub lifetime: Duration,
    /// Leading bits of an IPv4 and an IPv6 address that stand for the client.
    pub prefixes: (u8, u8),
    /// After so many triplets that came back a network passes at once; 0: never.
    pub trust: u32,
    /// Triplets that are remembered at most.
    pub most: usize,
    /// Only for these recipients, unless there are none.
    pub only: Vec<Whose>,
    /// Clients that pass.
    pub clients: Vec<Who>,
    /// Senders that pass.
    pub senders: Vec<Whose>,
    /// Recipients that want none of it.
    pub recipients: Vec<Whose>,
    /// Whether mail passes while nobody answers who remembers.
    pub away: bool,
    /// What the client hears instead of the usual words.
    pub text: Option<String>,
}

/// Addresses, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One.
    Address(String),
    /// All at a domain.
    Domain(String),
    /// All below a domain; with its dot.
    Below(String),
}

impl Default for Greylist {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            wait: Duration::from_secs(300),
            window: 2 * day,
            lifetime: 36 * day,
            prefixes: (24, 64),
            trust: 5,
            most: 1_000_000,
            only: Vec::new(),
            clients: Vec::new(),
            senders: Vec::new(),
            recipients: Vec::new(),
            away: false,
            text: None,
        }
    }
}

/// Judges a line.
///
/// # Errors
/// As [`Greylist::add`].
pub fn greylist(line: &str) -> Result<(), String> {
    Greylist::default().add(line)
}

impl Greylist {
    /// Takes a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        if let Some(text) = line.strip_prefix("say ") {
            self.text = Some(spoken(text.trim())?);
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match &words[..] {
            ["wait", time] => self.wait = duration(time)?,
            ["window", time] => self.window = duration(time)?,
            ["lifetime", time] => self.lifetime = duration(time)?,
            ["network", four, six] => self.prefixes = (bits(four, 32)?, bits(six, 128)?),
            ["trust", number] => self.trust = count(number, 0, 1_000_000)?,
            ["most", number] => self.most = count(number, 1000, 100_000_000)? as usize,
            ["away", "pass"] => self.away = true,
            ["away", "later"] => self.away = false,
            ["for", list @ ..] => self.only.extend(all(list, Whose::parse)?),
            ["exempt", "clients", list @ ..] => self.clients.extend(all(list, Who::parse)?),
            ["exempt", "senders", list @ ..] => self.senders.extend(all(list, Whose::parse)?),
            ["exempt", "recipients", list @ ..] => self.recipients.extend(all(list, Whose::parse)?),
            _ => {
                return Err(format!(
                    "\"{line}\" is nothing that greylisting knows; write for example: wait 5m, or exempt recipients example.org"
                ));
            }
        }
        Ok(())
    }

    /// Whether mail of that client, sender and recipient (canonical, in lower case) has to prove that it comes back.
    pub fn concerns(&self, client: &Client<'_>, sender: &str, recipient: &str) -> bool {
        let any = |list: &[Whose], address: &str| list.iter().any(|whose| whose.owns(address));
        let exempt = self.clients.iter().any(|who| who.is(client)) || any(&self.senders, sender) || any(&self.recipients, recipient);
        !exempt && (self.only.is_empty() || any(&self.only, recipient))
    }
}

impl Whose {
    /// Reads an address, `domain`, `@domain`, or `.domain` for all below it.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(word: &str) -> Result<Whose, String> {
        let lower = word.to_lowercase();
        match (lower.strip_prefix('@'), lower.contains('@')) {
            (Some(domain), _) => super::host(domain).map(|()| Whose::Domain(domain.to_owned())),
            (None, true) => address_or_domain(&lower).map(|()| Whose::Address(lower)),
            (None, false) => {
                domain_or_suffix(&lower).map(|()| if lower.starts_with('.') { Whose::Below(lower) } else { Whose::Domain(lower) })
            }
        }
    }

    /// Whether an address in lower case is meant.
    pub fn owns(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        match self {
            Whose::Address(own) => own == address,
            Whose::Domain(own) => own == domain,
            Whose::Below(suffix) => domain.ends_with(suffix.as_str()),
        }
    }
}

fn all<T>(words: &[&str], parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    if words.is_empty() {
        return Err("nothing stands behind the word; write whom it is about".to_owned());
    }
    words.iter().map(|word| parse(word)).collect()
}

fn bits(text: &str, most: u8) -> Result<u8, String> {
    let number = text.parse().ok().filter(|bits| (1..=most).contains(bits));
    number.ok_or_else(|| format!("\"{text}\" is not a prefix length; write a number from 1 to {most}"))
}

fn count(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("\"{text}\" is not a number from {least} to {most}; write digits only"))
}

#[cfg(test)]
#[path = "greylist_test.rs"]
mod greylist_test;
