//! Counting clients.

use super::Crowd;
use std::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_place() {
    let mut crowd = Crowd::new(10, Some(2));
    assert!(crowd.enter(ip("2001:db8:0:1::1")));
    assert!(crowd.enter(ip("2001:db8:0:1:ffff::2")));
    assert!(!crowd.enter(ip("2001:db8:0:1:8000::3")));
    assert!(crowd.enter(ip("2001:db8:0:2::1")));
    crowd.leave(ip("2001:db8:0:1:aaaa::"));
    assert!(crowd.enter(ip("2001:db8:0:1::9")));
}

#[test]
fn an_ipv4_address_is_one_place_however_it_is_written() {
    let mut crowd = Crowd::new(10, Some(1));
    assert!(crowd.enter(ip("192.0.2.1")));
    assert!(!crowd.enter(ip("::ffff:192.0.2.1")));
    assert!(crowd.enter(ip("192.0.2.2")));
}

#[test]
fn those_turned_away_are_not_counted() {
    let mut crowd = Crowd::new(2, Some(1));
    assert!(crowd.enter(ip("192.0.2.1")));
    assert!(!crowd.enter(ip("192.0.2.1")));
    assert_eq!(crowd.count(), 1);
    assert!(!crowd.is_full());
    assert!(crowd.enter(ip("192.0.2.2")));
    assert!(crowd.is_full());
    crowd.leave(ip("192.0.2.1"));
    crowd.leave(ip("192.0.2.2"));
    assert_eq!(crowd.count(), 0);
}

#[test]
fn without_a_limit_per_place_only_the_sum_counts() {
    let mut crowd = Crowd::new(2, None);
    assert!(crowd.enter(ip("192.0.2.1")) && crowd.enter(ip("192.0.2.1")));
    assert!(crowd.is_full());
    crowd.leave(ip("192.0.2.1"));
    assert!(!crowd.is_full());
}
