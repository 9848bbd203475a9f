//! The parts without sockets.

use std::net::IpAddr;

use proptest::prelude::*;

use crate::message::{Reading, query, read};
use crate::{Kind, Question, addresses_in_hosts, is_trusted_by_line, parse_server, servers_of_resolv_conf, trusts_servers};

#[test]
fn server_lines() {
    for (line, server) in [
        ("192.0.2.1", "192.0.2.1:53"),
        ("192.0.2.1:5353", "192.0.2.1:5353"),
        ("2001:db8::1", "[2001:db8::1]:53"),
        ("[2001:db8::1]", "[2001:db8::1]:53"),
        ("[2001:db8::1]:54", "[2001:db8::1]:54"),
        ("192.0.2.1  trusted", "192.0.2.1:53"),
        ("[2001:db8::1]:54 trusted", "[2001:db8::1]:54"),
    ] {
        assert_eq!(parse_server(line).unwrap(), server.parse().unwrap(), "{line}");
    }
    for line in ["", "localhost", "192.0.2.1:0", "192.0.2.1:99999", "[::1", "192.0.2", "1.2.3.4 5.6.7.8"] {
        assert!(parse_server(line).is_err(), "{line}");
    }
    assert!(is_trusted_by_line("192.0.2.1 trusted") && !is_trusted_by_line("192.0.2.1") && !is_trusted_by_line("trusted"));
}

#[test]
fn resolv_conf() {
    let text = "# comment\nsearch example\nnameserver 192.0.2.1\n nameserver ::1 \nnameserver fe80::1%eth0\noptions edns0\n";
    let servers = servers_of_resolv_conf(text);
    assert_eq!(servers, ["192.0.2.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    assert_eq!(servers_of_resolv_conf("nameserver\nsearch x\n"), ["127.0.0.1:53".parse().unwrap()]);
    assert!(
        !trusts_servers(text)
            && trusts_servers("options edns0 trust-ad\nnameserver 192.0.2.1\n")
            && !trusts_servers("# options trust-ad\n")
    );
}

#[test]
fn hosts() {
    let text = "127.0.0.1 localhost\n::1 localhost ip6-localhost # loop\n192.0.2.7\tInner.example inner\nbad line\n";
    assert_eq!(addresses_in_hosts(text, "localhost"), ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
    assert_eq!(addresses_in_hosts(text, "INNER.example."), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    assert!(addresses_in_hosts(text, "loop").is_empty());
}

#[test]
fn names() {
    let long_label = format!("{}.example", "a".repeat(64));
    for bad in ["", ".", "a..b", long_label.as_str(), "b\\046c.example", "\u{e5}.example"] {
        assert!(Question::new(bad, Kind::Mx).is_err(), "{bad}");
    }
    assert_eq!(Question::new("A.Example.", Kind::A).unwrap(), Question::new("a.example", Kind::A).unwrap());
    let reverse = |address: &str| Question::reverse(address.parse().unwrap()).unwrap().name.to_string();
    assert_eq!(reverse("192.0.2.1"), "1.2.0.192.in-addr.arpa");
    assert_eq!(reverse("::ffff:192.0.2.1"), "1.2.0.192.in-addr.arpa");
    assert!(reverse("2001:db8::1").to_ascii_lowercase().ends_with("8.b.d.0.1.0.0.2.ip6.arpa"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(tail in prop::collection::vec(any::<u8>(), 0..300), counts in any::<[u8; 8]>()) {
        let question = Question::new("host.example", Kind::Mx).unwrap();
        let mut bytes = query(7, &question.name, question.kind, false).unwrap();
        bytes[2] |= 0x80;
        bytes[4..12].copy_from_slice(&counts);
        bytes[4..6].copy_from_slice(&[0, 1]);
        bytes.extend(tail);
        for kind in [Kind::Mx, Kind::A, Kind::Txt, Kind::Ptr, Kind::Aaaa, Kind::Cname, Kind::Tlsa] {
            let mut path = vec![question.name.clone()];
            let _ = read(&bytes, 7, kind, &mut path);
        }
    }

    #[test]
    fn a_question_is_never_its_own_answer(id: u16) {
        let question = Question::new("host.example", Kind::A).unwrap();
        let bytes = query(id, &question.name, question.kind, true).unwrap();
        let mut path = vec![question.name];
        prop_assert!(matches!(read(&bytes, id, Kind::A, &mut path), Reading::Stranger(_)));
    }
}
