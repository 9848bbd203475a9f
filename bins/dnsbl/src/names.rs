//! The name under which a list knows an address.

use std::fmt::Write;
use std::net::IpAddr;

/// The address backwards, without a zone: `1.2.0.192`, or 32 nibbles for IPv6 (RFC 5782 §2.1 and §2.4).
pub fn reversed(address: IpAddr) -> String {
    let mut name = String::with_capacity(64);
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            // writing to a string does not fail
            let _ = write!(name, "{d}.{c}.{b}.{a}");
        }
        IpAddr::V6(address) => {
            for octet in address.octets().into_iter().rev() {
                let dot = if name.is_empty() { "" } else { "." };
                let _ = write!(name, "{dot}{:x}.{:x}", octet & 15, octet >> 4);
            }
        }
    }
    name
}

/// A name as lists of domains want it: lower case, without the last dot; nothing where it is an address or no name at all.
pub fn domain(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    let is_domain = name.contains('.') && name.split('.').all(is_label) && name.parse::<IpAddr>().is_err();
    is_domain.then_some(name)
}

#[cfg(test)]
#[path = "names_test.rs"]
mod names_test;
