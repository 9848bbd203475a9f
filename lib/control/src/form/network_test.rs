//! What lies in which network.

use super::*;

fn contains(network: &str, address: &str) -> bool {
    Network::parse(network).unwrap().contains(address.parse().unwrap())
}

#[test]
fn networks_contain_their_addresses() {
    for (network, inside, outside) in [
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
        ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
        ("::/0", "2001:db8::1", "203.0.113.9"),
        ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
        ("2001:db8::7/128", "2001:db8::7", "2001:db8::8"),
        ("[2001:db8::7]", "2001:db8::7", "2001:db8::8"),
    ] {
        assert!(contains(network, inside), "{network} {inside}");
        assert!(!contains(network, outside), "{network} {outside}");
    }
}

#[test]
fn ipv4_in_the_clothes_of_ipv6_is_ipv4() {
    assert!(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
    assert!(contains("::ffff:192.0.2.7", "192.0.2.7"));
    assert!(!contains("::/0", "::ffff:192.0.2.7"));
}

#[test]
fn slips_are_errors_that_say_what_to_write() {
    for bad in ["", "host", "192.0.2.1/33", "192.0.2.0/", "192.0.2.0/+8", "2001:db8::/129", "192.0.2", "192.0.2.0/24/8"] {
        assert!(Network::parse(bad).is_err(), "{bad}");
    }
    assert!(Network::parse("192.0.2.7/24").unwrap_err().contains("write 192.0.2.0/24"));
    assert!(Network::parse("2001:db8::1/64").unwrap_err().contains("write 2001:db8::/64"));
}
