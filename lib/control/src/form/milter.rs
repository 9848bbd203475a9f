//! Lines of control/milters: `place word=value …`.
//!
//! A place is `unix:/path` or `inet:host:port`. The words: `timeout=SECONDS`, the longest wait for one answer;
//! `message=SECONDS`, for all answers about one message; `away=accept|tempfail|reject`, what happens when the filter does
//! not do its work; `skip=NETWORK` and `skip=relayclient`, clients that it does not see; `skip=ADDRESS` and `skip=@DOMAIN`,
//! recipients that it does not see; `name=WORD`, what the log calls it.
//!
//! Security stance: whatever is not said fails closed: a filter that is away refuses for now.
//! How it fails: a sentence that says what to write.

use std::net::IpAddr;
use std::time::Duration;

use super::host;
use super::network::{Network, ip_address};

/// How long one answer may take where nothing is said, in seconds.
const TIMEOUT: u64 = 30;
/// How long all answers about one message may take where nothing is said, in seconds.
const MESSAGE: u64 = 120;
/// The longest time that may be said; a client waits ten minutes behind its dot (RFC 5321 §4.5.3.2.6).
const LONGEST: u64 = 300;

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milter {
    /// What the log calls it: its word `name`, or its place.
    pub name: String,
    /// Where it listens.
    pub place: Place,
    /// The longest wait for one answer.
    pub timeout: Duration,
    /// The longest wait for all answers about one message.
    pub message: Duration,
    /// What happens when it does not do its work.
    pub away: Away,
    /// Clients that it does not see.
    pub networks: Vec<Network>,
    /// Whether it does not see clients that may relay.
    pub skips_relay_clients: bool,
    /// Recipients that it does not see: `user@domain` or `@domain`, lower case.
    pub recipients: Vec<String>,
}

/// Where a filter listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket.
    Unix(String),
    /// A TCP port at an address, or at a host that /etc/hosts knows.
    Inet(String, u16),
}

/// What happens when a filter does not do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// Mail passes without it.
    Accept,
    /// Mail is refused for now.
    Tempfail,
    /// Mail is refused.
    Reject,
}

impl Milter {
    /// Reads one line.
    ///
    /// # Errors
    /// A sentence that begins with the wrong part in quotes.
    pub fn parse(line: &str) -> Result<Milter, String> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let mut milter = Milter {
            name: first.to_owned(),
            place: place(first)?,
            timeout: Duration::from_secs(TIMEOUT),
            message: Duration::from_secs(MESSAGE),
            away: Away::Tempfail,
            networks: Vec::new(),
            skips_relay_clients: false,
            recipients: Vec::new(),
        };
        words.try_for_each(|word| milter.take(word)).map(|()| milter)
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        match word.split_once('=') {
            Some(("timeout", value)) => self.timeout = seconds(value)?,
            Some(("message", value)) => self.message = seconds(value)?,
            Some(("away", value)) => self.away = away(value)?,
            Some(("skip", value)) => self.skip(value)?,
            Some(("name", value)) => self.name = name(value)?,
            _ => return Err(format!("\"{word}\" is not a word of this file; write timeout=, message=, away=, skip= or name=")),
        }
        Ok(())
    }

    fn skip(&mut self, value: &str) -> Result<(), String> {
        if value == "relayclient" {
            self.skips_relay_clients = true;
        } else if let Some((_, domain)) = value.rsplit_once('@') {
            host(domain)?;
            self.recipients.push(value.to_lowercase());
        } else {
            let network = Network::parse(value);
            self.networks.push(network.map_err(|reason| format!("{reason}, or relayclient, user@domain, @domain"))?);
        }
        Ok(())
    }

    /// Whether it does not see a client.
    #[must_use]
    pub fn skips_client(&self, address: Option<IpAddr>, may_relay: bool) -> bool {
        (may_relay && self.skips_relay_clients) || address.is_some_and(|ip| self.networks.iter().any(|network| network.contains(ip)))
    }

    /// Whether it does not see a recipient.
    #[must_use]
    pub fn skips_recipient(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        let domain = address.rfind('@').and_then(|at| address.get(at..));
        self.recipients.iter().any(|skipped| *skipped == address || Some(skipped.as_str()) == domain)
    }
}

/// Judges one line.
///
/// # Errors
/// As [`Milter::parse`].
pub fn milter(line: &str) -> Result<(), String> {
    Milter::parse(line).map(drop)
}

fn place(text: &str) -> Result<Place, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        // unix(7): a socket's path has 107 bytes at most
        let fits = path.starts_with('/') && path.len() <= 107;
        return if fits {
            Ok(Place::Unix(path.to_owned()))
        } else {
            Err(format!("\"{path}\" is not the path of a socket; write unix:/path"))
        };
    }
    let wrong = || format!("\"{text}\" is not a place; write unix:/path or inet:host:port");
    let (where_to, port) = text.strip_prefix("inet:").and_then(|rest| rest.rsplit_once(':')).ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("\"{port}\" is not a port; write inet:host:port"))?;
    match ip_address(where_to) {
        Ok(address) => Ok(Place::Inet(address.to_string(), port)),
        Err(_) => host(where_to).map(|()| Place::Inet(where_to.to_owned(), port)),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().filter(|number| (1..=LONGEST).contains(number));
    number.map(Duration::from_secs).ok_or_else(|| format!("\"{text}\" is not a number of seconds from 1 to {LONGEST}"))
}

fn away(text: &str) -> Result<Away, String> {
    match text {
        "accept" => Ok(Away::Accept),
        "tempfail" => Ok(Away::Tempfail),
        "reject" => Ok(Away::Reject),
        _ => Err(format!("\"{text}\" is not what can happen; write away=accept, away=tempfail or away=reject")),
    }
}

fn name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits { Ok(text.to_owned()) } else { Err(format!("\"{text}\" is not a name; write up to 64 letters, digits, -, _ and .")) }
}

#[cfg(test)]
#[path = "milter_test.rs"]
mod milter_test;
