use super::{Quota, Used, size_in};

#[test]
fn the_first_line_is_the_quota() {
    let quota = Quota::parse("1000S,3C\n400 1\n500 1\n-100 -1\n").unwrap();
    assert_eq!((quota.bytes, quota.messages, quota.used), (1000, 3, Used { bytes: 800, messages: 1 }));
    assert!(quota.has_room(quota.used, 200) && !quota.has_room(quota.used, 201));
    for none in ["", "\n", "what\n1 1\n", "0S\n"] {
        assert_eq!(Quota::parse(none), None, "{none:?}");
    }
}

#[test]
fn names_tell_sizes() {
    assert_eq!(size_in("1.M2P3.host,S=77,W=80:2,S"), Some(77));
    assert_eq!(size_in("1.M2P3.host"), None);
}
