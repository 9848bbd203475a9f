//! One line of smtproutes, as far as it can be judged without looking anywhere: `domain:relay:port`, where domain and
//! relay may be empty; `domain:lmtp:relay:port`; `domain:lmtp:unix:/path`; behind each of them words, `name=value`, with
//! blanks between.
//!
//! How it fails: a sentence that says what to write. stafett-send judges paths in full.

use super::smtpauth::is_name;
use super::tls::TlsTerms;
use super::{address_or_domain, domain_or_suffix, host};

/// Judges one line.
///
/// # Errors
/// A sentence that says what to write.
pub fn route(domain: &str, rest: &str) -> Result<(), String> {
    if !domain.is_empty() && domain != "." {
        route_key(domain)?;
    }
    let (place, words) = split_words(rest);
    if place.contains('|') {
        return Err("user and password are not read from this file, because everybody may read it; write auth=NAME here in place of the part from | on, and NAME:user:password to smtpauth".to_owned());
    }
    judge_words(&words)?;
    let lmtp = place.strip_prefix("lmtp:").filter(|place| !place.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(path) = lmtp.and_then(|place| place.strip_prefix("unix:")) {
        return if path.starts_with('/') { Ok(()) } else { Err(format!("\"{path}\" is not the path of a socket; write lmtp:unix:/path")) };
    }
    let (relay, port) = split_port(lmtp.unwrap_or(place))?;
    if let Some(port) = port
        && !port.parse::<u16>().is_ok_and(|port| port != 0)
    {
        return Err(format!("\"{port}\" is not a port; write a number from 1 to 65535"));
    }
    relay_host(relay)
}

/// Splits off the words at the end. A word is a name of small letters and hyphens, `=`, and a value without blanks; what
/// is no word belongs to the place, because the path of a socket may hold blanks.
#[must_use]
pub fn split_words(rest: &str) -> (&str, Vec<(&str, &str)>) {
    let mut place = rest.trim();
    let mut words = Vec::new();
    loop {
        let (before, last) = place.rsplit_once([' ', '\t']).unwrap_or(("", place));
        let Some(word) = word(last) else { break };
        words.push(word);
        place = before.trim_end();
    }
    words.reverse();
    (place, words)
}

fn word(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_name.then_some((name, value))
}

/// Judges the words of a route: each is known, stands once, and has a value that makes sense.
///
/// # Errors
/// A sentence that says what to write.
pub fn judge_words(words: &[(&str, &str)]) -> Result<(), String> {
    for (index, (name, value)) in words.iter().enumerate() {
        if words.iter().take(index).any(|(earlier, _)| earlier == name) {
            return Err(format!("\"{name}\" is given twice; write it once"));
        }
        match *name {
            "tls" | "tls-match" | "tls-certificate" => {}
            "tls-start" => drop(starts_with_tls(value)?),
            "auth" => is_name(value)?,
            _ => {
                let known = "tls=LEVEL, tls-match=NAME, tls-certificate=NAME, tls-start=yes or auth=NAME";
                return Err(format!("\"{name}={value}\" is not known; write {known}"));
            }
        }
    }
    TlsTerms::of_route(words.iter().copied()).map(drop)
}

/// The value of `tls-start`.
///
/// # Errors
/// When it is neither yes nor no.
pub fn starts_with_tls(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("\"{value}\" is neither yes nor no; write tls-start=yes for TLS before the first word, no for STARTTLS")),
    }
}

fn route_key(domain: &str) -> Result<(), String> {
    if domain.contains('@') { address_or_domain(domain) } else { domain_or_suffix(domain) }
}

/// Splits `relay`, `relay:port`, `[v6]`, `[v6]:port` (also `[v6` without port) into its parts.
pub fn split_port(rest: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(inner) = rest.strip_prefix('[') {
        let (address, after) = inner.split_once(']').ok_or_else(|| format!("\"{rest}\" has [ but no ]"))?;
        return match after.strip_prefix(':') {
            Some("") => Ok((address, None)),
            Some(port) => Ok((address, Some(port))),
            None if after.is_empty() => Ok((address, None)),
            None => Err(format!("\"{after}\" stands behind the ]; write [address]:port")),
        };
    }
    match rest.split_once(':') {
        None | Some((_, "")) => Ok((rest.trim_end_matches(':'), None)),
        Some((_, port)) if port.contains(':') => {
            Err(format!("\"{rest}\" has more than one colon; write an IPv6 address in brackets: [2001:db8::1]:25"))
        }
        Some((relay, port)) => Ok((relay, Some(port))),
    }
}

fn relay_host(relay: &str) -> Result<(), String> {
    if relay.is_empty() || relay.parse::<std::net::IpAddr>().is_ok() { Ok(()) } else { host(relay) }
}

#[cfg(test)]
#[path = "route_test.rs"]
mod route_test;
