//! Lines that are and lines that are not.

use super::{Sts, address, mtasts, proxy};

#[test]
fn a_proxy_is_a_host_and_a_port() {
    for good in ["proxy.example.org:3128", "192.0.2.1:8080", "[2001:db8::1]:80", "localhost:1"] {
        assert_eq!(proxy(good), Ok(()), "{good}");
    }
    for bad in
        ["", "proxy", "proxy:", "proxy:0", "proxy:70000", ":80", "a b:80", "[::1:80", "http://proxy:80", "u:p@proxy:80", "2001:db8::1:80"]
    {
        assert!(proxy(bad).unwrap_err().starts_with(&format!("\"{bad}\" ")), "{bad}");
    }
}

#[test]
fn a_domain_is_on_off_or_tested() {
    assert_eq!(Sts::parse("test"), Ok(Sts::Test));
    for (key, word, good) in [("", "on", true), (".example.org", "off", true), ("a b", "on", false), ("", "maybe", false), ("", "", false)]
    {
        assert_eq!(mtasts(key, word).is_ok(), good, "{key}:{word}");
    }
}

#[test]
fn reports_come_from_a_plain_address() {
    assert_eq!(address("tls-reports@example.org"), Ok(()));
    for bad in ["", "@example.org", "postmaster", "a b@example.org", "<a@example.org>", "a@", "\u{e4}@example.org"] {
        assert!(address(bad).is_err(), "{bad}");
    }
}
