//! Texts of strangers become keys, addresses networks.

use super::{key, network};

#[test]
fn keys_are_harmless() {
    assert_eq!(key("A b\n\u{85}C@Example.ORG"), "a_b__c@example.org");
    assert!(key(&"\u{fc}".repeat(1000)).len() <= 320);
}

#[test]
fn networks_are_written_as_prefixes() {
    let of = |ip: &str, lengths| network(Some(ip.parse().unwrap()), lengths);
    assert_eq!(of("192.0.2.77", (24, 64)), "192.0.2.0/24");
    assert_eq!(of("192.0.2.77", (32, 64)), "192.0.2.77/32");
    assert_eq!(of("2001:db8:1:2:3::4", (24, 64)), "2001:db8:1:2::/64");
    assert_eq!(of("2001:db8:1:2:3::4", (24, 1)), "::/1");
    assert_eq!(network(None, (24, 64)), "unknown");
}
