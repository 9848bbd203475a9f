//! Networks and addresses as values of control files: `192.0.2.0/24`, `2001:db8::/32`, a single address.
//!
//! Security stance: an IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address, in a network's line and in
//! what is compared with it, so neither form slips past the other.
//! How it fails: a sentence that says what to write; bits behind the prefix are an error, because they are a slip.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `address` or `address/bits`, an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Network, String> {
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let address = ip_address(address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let network = match bits {
            "" if !text.contains('/') => Network { address, bits: most },
            _ => Network { address, bits: prefix(bits, most)? },
        };
        let base = network.base();
        if base != widen(address) {
            return Err(format!("\"{text}\" has bits behind its prefix; write {}/{}", narrow(base, address), network.bits));
        }
        Ok(network)
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && widen(address) & self.mask() == widen(self.address)
    }

    fn base(&self) -> u128 {
        widen(self.address) & self.mask()
    }

    fn mask(&self) -> u128 {
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        u128::MAX.checked_shl(width - self.bits).unwrap_or(0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == most { self.address.fmt(f) } else { write!(f, "{}/{}", self.address, self.bits) }
    }
}

/// An IP address, an IPv6 one with or without brackets; IPv4 written as IPv6 is IPv4.
///
/// # Errors
/// A sentence that says what to write.
pub fn ip_address(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let address: Result<IpAddr, _> = bare.parse();
    address.map(|address| address.to_canonical()).map_err(|_| format!("\"{text}\" is not an IP address; write 192.0.2.1 or 2001:db8::1"))
}

/// Judges one line of a list of networks.
///
/// # Errors
/// As [`Network::parse`].
pub fn network(text: &str) -> Result<(), String> {
    Network::parse(text).map(drop)
}

fn prefix(bits: &str, most: u32) -> Result<u32, String> {
    let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    match bits.parse() {
        Ok(number) if digits && number <= most => Ok(number),
        _ => Err(format!("\"/{bits}\" is not a prefix length; write a number from 0 to {most}")),
    }
}

fn widen(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    }
}

fn narrow(number: u128, like: IpAddr) -> IpAddr {
    match (like, u32::try_from(number)) {
        (IpAddr::V4(_), Ok(four)) => IpAddr::V4(four.into()),
        _ => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

#[cfg(test)]
#[path = "network_test.rs"]
mod network_test;
