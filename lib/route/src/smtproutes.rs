//! Where mail for a domain goes: control/smtproutes.
//!
//! What it does: holds the routes and answers for a domain with the first of: the domain itself, each `.suffix` of it
//! (longest first), the empty key; without a route, the domain's MX records (interfaces of qmail-remote(8)). A relay
//! may speak LMTP, over TCP or at a Unix socket: `lmtp:host:port`, `lmtp:unix:/path`. Words behind a route say how to talk
//! to the relay: `relay:465 tls=verify`.
//! Security stance: routes come from the admin, domains from strangers; a domain only ever selects a line. An address
//! literal is handed on as one and never looked up.
//! How it fails: a value that does not parse is an error that says what to write; the whole table is refused with it.
//! Known limits: no credentials in the file itself (`|user|password`), which everybody may read.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use stafett_control::form::route::{judge_words, split_words};
use stafett_wire::delivery::{Destination, Kind, LONGEST_SOCKET_PATH};

/// The port of SMTP (RFC 5321 §2.3.4).
pub const SMTP_PORT: u16 = 25;
/// The usual port of LMTP, "any private mail system"; it must not be 25 (RFC 2033 §5).
pub const LMTP_PORT: u16 = 24;

/// The table of routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmtpRoutes {
    routes: HashMap<String, Route>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    /// The MX records of the recipient's domain, on that port.
    Exchangers { port: u16, words: String },
    /// Always the same way.
    To(Destination),
}

impl SmtpRoutes {
    /// A table without routes: everything goes by MX.
    #[must_use]
    pub fn new() -> Self {
        SmtpRoutes::default()
    }

    /// Adds the line `key:value`; a later line of the same key, in any case, replaces an earlier one.
    ///
    /// # Errors
    /// [`BadRoute`] where `value` is not `relay`, `relay:port`, `[ipv6]`, `[ipv6]:port`, `:port` or empty, nor one of
    /// these behind `lmtp:`, nor `lmtp:unix:/path`; and where a word behind it is not known.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), BadRoute> {
        self.routes.insert(canonical(key), parse_route(value)?);
        Ok(())
    }

    /// Where mail for `domain` goes.
    #[must_use]
    pub fn destination(&self, domain: &str) -> Destination {
        let domain = canonical(domain);
        match self.route(&domain) {
            None => by_mx(domain, SMTP_PORT, String::new()),
            Some(Route::Exchangers { port, words }) => by_mx(domain, *port, words.clone()),
            Some(Route::To(destination)) => destination.clone(),
        }
    }

    /// How many domains have a route.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether everything goes by MX.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    fn route(&self, domain: &str) -> Option<&Route> {
        let suffixes = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot..));
        std::iter::once(domain).chain(suffixes).chain([""]).find_map(|key| self.routes.get(key))
    }
}

/// The MX hosts of a domain; an address literal is no domain but means itself (RFC 5321 §4.1.3).
fn by_mx(domain: String, port: u16, words: String) -> Destination {
    let name = literal(&domain).map_or(domain, |address| format!("[{address}]"));
    Destination { kind: Kind::Mx, name, port, words }
}

/// A value of smtproutes that does not parse: a sentence that says what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRoute(String);

impl fmt::Display for BadRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadRoute {}

fn parse_route(value: &str) -> Result<Route, BadRoute> {
    let (value, words) = split_words(value);
    if value.contains('|') {
        return Err(BadRoute(
            "stafett does not support credentials in smtproutes, which everybody may read; write auth=NAME in place of all from \
             the first | on, and NAME:user:password to control/smtpauth"
                .to_owned(),
        ));
    }
    judge_words(&words).map_err(BadRoute)?;
    let words = in_order(words);
    match lmtp(value) {
        Some(place) => parse_lmtp(place, words),
        None => parse_smtp(value, words),
    }
}

/// One text for all orders of the same words.
fn in_order(mut words: Vec<(&str, &str)>) -> String {
    words.sort_unstable();
    words.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// What stands behind `lmtp:`. A port there means a host that is called lmtp, as qmail would read it.
fn lmtp(value: &str) -> Option<&str> {
    let rest = value.strip_prefix("lmtp:")?;
    (!rest.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
}

fn parse_lmtp(place: &str, words: String) -> Result<Route, BadRoute> {
    if let Some(path) = place.strip_prefix("unix:") {
        if !path.starts_with('/') || path.len() > LONGEST_SOCKET_PATH || path.contains(char::is_control) {
            let most = LONGEST_SOCKET_PATH;
            return Err(BadRoute(format!("\"{path}\" is not the path of a socket; write lmtp:unix:/path, {most} bytes at most")));
        }
        return Ok(Route::To(Destination { words, ..Destination::plain(Kind::LmtpSocket, path, 0) }));
    }
    let (relay, port) = split_relay(place)?;
    if relay.is_empty() {
        return Err(BadRoute(format!("\"lmtp:{place}\" names no host; write lmtp:host:port or lmtp:unix:/path")));
    }
    let port = if port.is_empty() { LMTP_PORT } else { parse_port(port)? };
    Ok(Route::To(Destination { kind: Kind::Lmtp, name: canonical(relay), port, words }))
}

fn parse_smtp(value: &str, words: String) -> Result<Route, BadRoute> {
    let (relay, port) = split_relay(value)?;
    let port = if port.is_empty() { SMTP_PORT } else { parse_port(port)? };
    if relay.is_empty() {
        return Ok(Route::Exchangers { port, words });
    }
    Ok(Route::To(Destination { kind: Kind::Host, name: canonical(relay), port, words }))
}

/// Splits off the port; an IPv6 address loses its brackets.
fn split_relay(value: &str) -> Result<(&str, &str), BadRoute> {
    let Some(inner) = value.strip_prefix('[') else {
        let (relay, port) = value.split_once(':').unwrap_or((value, ""));
        if port.contains(':') {
            return Err(BadRoute(format!("\"{value}\" has too many colons; write an IPv6 relay as [address]:port")));
        }
        return host(relay).map(|()| (relay, port));
    };
    let (address, rest) = inner.split_once(']').ok_or_else(|| BadRoute(format!("\"{value}\" has [ without ]")))?;
    if address.parse::<IpAddr>().is_err() {
        return Err(BadRoute(format!("\"{address}\" is not an IP address; write a host name without brackets")));
    }
    match rest.strip_prefix(':') {
        Some(port) => Ok((address, port)),
        None if rest.is_empty() => Ok((address, "")),
        None => Err(BadRoute(format!("\"{value}\" has \"{rest}\" behind the ]; write [address]:port"))),
    }
}

fn host(relay: &str) -> Result<(), BadRoute> {
    if relay.bytes().any(|byte| byte.is_ascii_control() || byte.is_ascii_whitespace() || byte == b'@') {
        return Err(BadRoute(format!("\"{}\" is not the name of a relay", relay.escape_debug())));
    }
    Ok(())
}

fn parse_port(port: &str) -> Result<u16, BadRoute> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits && number != 0 => Ok(number),
        _ => Err(BadRoute(format!("\"{}\" is not a port; write a number from 1 to 65535", port.escape_debug()))),
    }
}

fn literal(domain: &str) -> Option<IpAddr> {
    let inside = domain.strip_prefix('[')?.strip_suffix(']')?;
    inside.strip_prefix("ipv6:").unwrap_or(inside).parse().ok()
}

fn canonical(name: &str) -> String {
    let lower = name.to_lowercase();
    match lower.strip_suffix('.') {
        Some(bare) if !bare.is_empty() => bare.to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
#[path = "smtproutes_test.rs"]
mod smtproutes_test;
