//! Which names are refused.

use super::{BadHelo, Parties};

const PARTIES: Parties<'static> =
    Parties { own_names: &["relay.example"], own_ip: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))), client_ip: None };

fn line(entries: &[&str], helo: &str) -> Option<usize> {
    line_for(entries, helo, "192.0.2.7")
}

fn line_for(entries: &[&str], helo: &str, client: &str) -> Option<usize> {
    let mut bad = BadHelo::default();
    entries.iter().enumerate().for_each(|(number, entry)| bad.insert(number + 1, entry).unwrap());
    bad.line_of(helo, Parties { client_ip: Some(client.parse().unwrap()), ..PARTIES })
}

#[test]
fn names_and_suffixes() {
    let entries = ["localhost.localdomain", ".dynamic.example", "[192.0.2.9]", "xn--blbr-6qad.example", "!fine.dynamic.example"];
    for (helo, refused) in [
        ("LocalHost.LocalDomain.", Some(1)),
        ("a.b.dynamic.example", Some(2)),
        ("dynamic.example", None),
        ("fine.dynamic.example", None),
        ("[192.0.2.9]", Some(3)),
        ("192.0.2.9", Some(3)),
        ("[IPv6:::ffff:192.0.2.9]", Some(3)),
        ("mail.example", None),
        ("", None),
        ("\u{0}", None),
    ] {
        assert_eq!(line(&entries, helo), refused, "{helo}");
    }
}

#[test]
fn kinds_of_names() {
    for (word, refused, passed) in [
        (
            "=me",
            &["relay.example", "RELAY.Example.", "[192.0.2.1]", "192.0.2.1", "[127.0.0.1]", "[IPv6:::1]"][..],
            &["other.example", "[192.0.2.7]"][..],
        ),
        ("=literal", &["[192.0.2.7]", "192.0.2.7", "[IPv6:2001:db8::1]", "2001:db8::1"][..], &["relay.example", "pc"][..]),
        ("=bare", &["pc", "localhost", ""][..], &["a.b", "[192.0.2.7]", "2001:db8::1"][..]),
    ] {
        refused.iter().for_each(|helo| assert_eq!(line(&[word], helo), Some(1), "{word} {helo}"));
        passed.iter().for_each(|helo| assert_eq!(line(&[word], helo), None, "{word} {helo}"));
        assert_eq!(line(&[word, &format!("!{word}")], refused[0]), None);
    }
    assert_eq!(line_for(&["=me"], "relay.example", "192.0.2.1"), None, "this host is who it says");
    assert_eq!(line_for(&["=me"], "relay.example", "::1"), None);
}
