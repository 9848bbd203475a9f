//! Lines that bind outgoing connections to one of our addresses: `address` or `domain:address`.
//!
//! How it fails: a sentence that says what to write.

use std::net::IpAddr;

use super::domain_or_suffix;
use super::network::ip_address;

/// The domain (lower case; empty for all) and the address of a line; an IPv6 address may stand in brackets.
///
/// # Errors
/// A sentence that says what to write.
pub fn split(line: &str) -> Result<(String, IpAddr), String> {
    if let Ok(address) = ip_address(line) {
        return Ok((String::new(), usable(address)?));
    }
    let (domain, address) =
        line.split_once(':').ok_or_else(|| format!("\"{line}\" is not an IP address; write address or domain:address"))?;
    let address = usable(ip_address(address)?)?;
    if !domain.is_empty() {
        domain_or_suffix(domain)?;
    }
    Ok((domain.to_lowercase(), address))
}

/// Judges one line of outgoingip.
///
/// # Errors
/// As [`split`].
pub fn outgoing_address(line: &str) -> Result<(), String> {
    split(line).map(drop)
}

/// Judges one line of domainbindings, `domain:address`.
///
/// # Errors
/// As [`split`].
pub fn sender_binding(domain: &str, address: &str) -> Result<(), String> {
    if !domain.is_empty() {
        domain_or_suffix(domain)?;
    }
    usable(ip_address(address)?).map(drop)
}

/// 0.0.0.0 and :: would bind to nothing.
fn usable(address: IpAddr) -> Result<IpAddr, String> {
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!("\"{address}\" is not the address of a host; write one of this host's own"));
    }
    Ok(address)
}

#[cfg(test)]
#[path = "outgoing_test.rs"]
mod outgoing_test;
