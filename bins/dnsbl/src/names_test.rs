//! Names as lists want them.

use super::{domain, reversed};

#[test]
fn addresses_stand_backwards() {
    let of = |address: &str| reversed(address.parse().unwrap());
    assert_eq!(of("192.0.2.1"), "1.2.0.192");
    assert_eq!(of("::ffff:192.0.2.1"), "1.2.0.192");
    assert_eq!(of("2001:db8:1:2:3:4:567:89ab"), "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2");
}

#[test]
fn only_names_are_asked_for() {
    assert_eq!(domain("Mail.Example.ORG."), Some("mail.example.org".to_owned()));
    for no in
        ["", ".", "localhost", "[192.0.2.1]", "192.0.2.1", "2001:db8::1", "a..b", "a b.example", "x\\.example", "ü.example", "a.b\0.c"]
    {
        assert_eq!(domain(no), None, "{no}");
    }
}
