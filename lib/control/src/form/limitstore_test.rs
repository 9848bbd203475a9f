//! Places of a store.

use super::store;

#[test]
fn places_of_a_store() {
    for line in [
        "127.0.0.1:6379",
        "[::1]:6379",
        "store.example.org:6379",
        "/run/redis/redis.sock",
        "redis://u:p@127.0.0.1:6379/2",
        "unix:///run/x?pass=y",
    ] {
        assert_eq!(store(line), Ok(()), "{line}");
    }
    for line in ["127.0.0.1", "store:", "store:0", "store:x", "rediss://a:1", "redis://a:1/x", "", "a b:1"] {
        assert!(store(line).is_err(), "{line}");
    }
    assert!(!store("redis://u:secret@nowhere").unwrap_err().contains("secret"));
}
