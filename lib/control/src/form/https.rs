//! What control/httpsproxy, mtasts and tlsrpt may say.
//!
//! How it fails: a sentence that begins with what is wrong and ends with what to write.

use std::net::Ipv6Addr;

use super::{address_or_domain, host, key_or_all};

/// What is done about the policies of a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sts {
    /// Nobody asks for them.
    #[default]
    Off,
    /// They are looked at; mail goes out as without them.
    Test,
    /// They count.
    On,
}

impl Sts {
    /// Reads a value of control/mtasts.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Sts, String> {
        match text {
            "on" => Ok(Sts::On),
            "test" => Ok(Sts::Test),
            "off" => Ok(Sts::Off),
            _ => Err(format!("\"{text}\" is neither on, test nor off; write domain:on, domain:test or domain:off")),
        }
    }
}

/// Judges one line of mtasts.
///
/// # Errors
/// As [`Sts::parse`], and when the key is no domain.
pub fn mtasts(domain: &str, word: &str) -> Result<(), String> {
    key_or_all(domain)?;
    Sts::parse(word).map(drop)
}

/// Judges the line of httpsproxy.
///
/// # Errors
/// When it is no host and port.
pub fn proxy(text: &str) -> Result<(), String> {
    let wrong = || format!("\"{text}\" is not a host and a port; write host:port or [address]:port");
    let (place, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let six = place.strip_prefix('[').and_then(|place| place.strip_suffix(']'));
    let is_place = six.map_or_else(|| place.is_ascii() && host(place).is_ok(), |address| address.parse::<Ipv6Addr>().is_ok());
    if is_port && is_place { Ok(()) } else { Err(wrong()) }
}

/// Judges the line of tlsrpt: it stands in header fields as it is.
///
/// # Errors
/// When it is no plain address.
pub fn address(text: &str) -> Result<(), String> {
    let plain = text.chars().all(|symbol| symbol.is_ascii_graphic() && !"<>\"\\,;:()[]%".contains(symbol));
    match address_or_domain(text) {
        Ok(()) if plain && !text.starts_with('@') && text.len() <= 254 => Ok(()),
        _ => Err(format!("\"{text}\" is not an address; write user@domain")),
    }
}

#[cfg(test)]
#[path = "https_test.rs"]
mod https_test;
