//! The order of MX hosts, and ourselves among them.

use super::*;

fn host(preference: u16, is_here: bool, address: &str) -> Exchanger {
    Exchanger { preference, is_here, target: Target::address(address.parse().unwrap()) }
}

fn shown(exchangers: Vec<Exchanger>) -> Option<Vec<String>> {
    in_order(exchangers).map(|hosts| hosts.iter().flat_map(|host| &host.addresses).map(ToString::to_string).collect())
}

#[test]
fn better_preferences_come_first() {
    let hosts = vec![host(20, false, "192.0.2.2"), host(10, false, "192.0.2.1"), host(30, false, "2001:db8::3")];
    assert_eq!(shown(hosts).unwrap(), ["192.0.2.1", "192.0.2.2", "2001:db8::3"]);
}

#[test]
fn equal_preferences_come_in_any_order() {
    let mut first = std::collections::HashSet::new();
    for _ in 0..200 {
        let hosts = vec![host(10, false, "192.0.2.1"), host(10, false, "192.0.2.2"), host(5, false, "192.0.2.0")];
        let order = shown(hosts).unwrap();
        assert_eq!(order[0], "192.0.2.0");
        first.insert(order[1].clone());
    }
    assert_eq!(first.len(), 2);
}

#[test]
fn from_our_own_preference_on_nobody_is_tried() {
    let hosts = vec![host(10, false, "192.0.2.1"), host(20, true, "192.0.2.2"), host(20, false, "192.0.2.3"), host(30, false, "192.0.2.4")];
    assert_eq!(shown(hosts).unwrap(), ["192.0.2.1"]);
    assert_eq!(shown(vec![host(10, true, "192.0.2.1"), host(20, false, "192.0.2.2")]), None);
}

#[test]
fn an_address_is_tried_once() {
    let hosts = vec![host(10, false, "192.0.2.1"), host(20, false, "192.0.2.1")];
    assert_eq!(shown(hosts).unwrap(), ["192.0.2.1"]);
}

#[test]
fn our_own_addresses() {
    assert!(is_own_address("127.0.0.1".parse().unwrap()));
    assert!(is_own_address("127.9.9.9".parse().unwrap()));
    assert!(!is_own_address("192.0.2.1".parse().unwrap()));
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn families_take_turns() {
    let mixed = addresses(&["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]);
    assert_eq!(interleaved(mixed), addresses(&["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]));
    let four_first = addresses(&["10.0.0.1", "::1", "10.0.0.2"]);
    assert_eq!(interleaved(four_first), addresses(&["10.0.0.1", "::1", "10.0.0.2"]));
    assert_eq!(interleaved(Vec::new()), Vec::<IpAddr>::new());
}

#[test]
fn a_host_with_many_addresses_leaves_room_for_the_next() {
    let crowd = |third: u8| Target::local("x", (0..100).map(|last| IpAddr::from([10, 0, third, last])).collect());
    let kept = bounded((0..10).map(crowd).collect());
    let sizes: Vec<usize> = kept.iter().map(|host| host.addresses.len()).collect();
    assert_eq!(sizes, [8, 8, 8, 6]);
}

#[test]
fn literals() {
    assert_eq!(literal("[192.0.2.1]"), Some([192, 0, 2, 1].into()));
    assert_eq!(literal("[2001:db8::1]"), "2001:db8::1".parse().ok());
    assert_eq!(literal("[x]"), None);
    assert_eq!(literal("192.0.2.1"), None);
    assert!(is_own_address("::ffff:127.0.0.1".parse().unwrap()));
}
