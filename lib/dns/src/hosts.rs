//! Addresses from the text of /etc/hosts, so that a route may name a host that no name server knows.
//!
//! The caller reads the file; lines that do not parse are passed over (hosts(5): other programs own that file).

use std::net::IpAddr;

/// The system's table of hosts.
pub const HOSTS_FILE: &str = "/etc/hosts";

/// The addresses that the text of a hosts file gives to `name` (or an alias of that name), in the file's order.
#[must_use]
pub fn addresses_in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    text.lines().filter_map(|line| address_if_named(line, name)).collect()
}

fn address_if_named(line: &str, name: &str) -> Option<IpAddr> {
    let entry = line.split('#').next()?;
    let mut words = entry.split_ascii_whitespace();
    let address = words.next()?.parse().ok()?;
    words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
}
