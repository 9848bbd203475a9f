//! Lines of outgoingip and domainbindings.

use super::*;

#[test]
fn lines_with_and_without_domain() {
    for (line, domain, address) in [
        ("192.0.2.1", "", "192.0.2.1"),
        (":192.0.2.1", "", "192.0.2.1"),
        ("2001:db8::1", "", "2001:db8::1"),
        ("[2001:db8::1]", "", "2001:db8::1"),
        ("Example.ORG:192.0.2.1", "example.org", "192.0.2.1"),
        (".example.org:2001:db8::1", ".example.org", "2001:db8::1"),
        ("example.org:[2001:db8::1]", "example.org", "2001:db8::1"),
    ] {
        assert_eq!(split(line).unwrap(), (domain.to_owned(), address.parse().unwrap()), "{line}");
    }
    for bad in ["", "host", "example.org:", "example.org:host", "a b:192.0.2.1", "0.0.0.0", "x:::", "example.org:192.0.2.1:25"] {
        assert!(split(bad).is_err(), "{bad}");
    }
    assert!(sender_binding("example.org", "192.0.2.1").is_ok());
    assert!(sender_binding("", "[2001:db8::1]").is_ok());
    assert!(sender_binding("example.org", "0.0.0.0").is_err());
}
