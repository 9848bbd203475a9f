//! DANE (RFC 7672): servers with OpenSSL, a signed zone in unbound.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use stafett_wire::delivery::Kind;
use support::receivers::skip;
use support::signed::{self, Names};
use support::tls::{Peers, der, fingerprint, key_digest};
use support::{Remote, Scope, Verdict, only};

const MESSAGE: &[u8] = b"From: a@from.test\r\nSubject: x\r\n\r\nbody\r\n";

/// Peers, and the zones that speak of them.
struct Site {
    peers: Peers,
    names: Names,
}

/// A domain, its MX host and the TLSA record of that host.
fn host(peers: &Peers, domain: &str, peer: &str, record: &str) -> String {
    let port = peers.port(peer);
    let record = if record.is_empty() { String::new() } else { format!("_{port}._tcp.mx-{domain} IN TLSA {record}\n") };
    format!("{domain} IN MX 10 mx-{domain}\nmx-{domain} IN A 127.0.0.1\n{record}")
}

fn site(test: &str) -> Option<Site> {
    let peers = Peers::start();
    let key = key_digest(&peers.path("self.pem"));
    let print = |name: &str| fingerprint(&peers.path(name)).replace("sha256:", "");
    let zero = "0".repeat(64);
    let mut zone = String::new();
    for (domain, peer, record) in [
        ("ee", "self", format!("3 1 1 {key}")),
        ("full", "self", format!("3 0 0 {}", der(&peers.path("self.pem")))),
        ("late", "expired", format!("3 0 1 {}", print("expired.pem"))),
        ("wrong", "self", format!("3 1 1 {zero}")),
        ("ta", "chain", format!("2 0 1 {}", print("ca.pem"))),
        ("inside", "good", format!("2 0 0 {}", der(&peers.path("ca.pem")))),
        ("pkix", "plain", format!("1 1 1 {key}")),
        ("odd", "self", format!("1 1 1 {key}")),
        ("stripped", "plain", format!("3 1 1 {key}")),
        ("none", "plain", String::new()),
        ("lost", "self", String::new()),
    ] {
        zone += &host(&peers, domain, peer, &record);
    }
    zone += "_tcp.mx-lost IN NS nowhere\nnowhere IN A 127.0.0.1\n";
    zone += "alias IN MX 10 other\nother IN CNAME mx-ee\nname IN MX 10 mx-ta\nboth IN MX 10 mx-wrong\nboth IN MX 20 mx-ee\n";
    zone = zone.replace("mx-ee IN A 127.0.0.1", "mx-ee IN A 127.0.0.2");
    let open = "a IN MX 10 mx-wrong.dane.test.\n";
    match signed::start(&zone, open) {
        Some(names) => Some(Site { peers, names }),
        None => {
            skip(test, "needs unbound and ldns-signzone");
            None
        }
    }
}

impl Site {
    fn remote(&self, lines: &str) -> Remote {
        Remote::start(&[("resolvers", &self.names.line), ("tlsdestinations", lines), ("timeoutremote", "20\n")])
    }

    fn deliver(&self, remote: &Remote, domain: &str, peer: &str) -> (Verdict, Scope, String) {
        let report = remote.to(Kind::Mx, domain, self.peers.port(peer)).send(&["b@to.test"], MESSAGE);
        let (verdict, text) = only(&report);
        (verdict, report.scope, text.to_owned())
    }
}

#[test]
fn tlsa_records_are_demanded_where_dnssec_vouches_for_them() {
    let Some(site) = site("tlsa_records_are_demanded_where_dnssec_vouches_for_them") else { return };
    let remote = site.remote("");
    for (domain, peer) in [("ee", "self"), ("full", "self"), ("late", "expired"), ("ta", "chain"), ("alias", "self"), ("both", "self")] {
        let (verdict, _, text) = site.deliver(&remote, &format!("{domain}.dane.test"), peer);
        assert!(verdict == Verdict::Ok && text.contains(", verified."), "{domain}: {text}");
    }
    for (domain, peer, tls) in [("odd.dane.test", "self", true), ("none.dane.test", "plain", false), ("a.open.test", "self", true)] {
        let (verdict, _, text) = site.deliver(&remote, domain, peer);
        assert!(verdict == Verdict::Ok && text.contains("TLSv1.3") == tls && !text.contains("verified"), "{domain}: {text}");
    }
    for (domain, peer, reason) in [
        ("wrong", "self", "mx-wrong.dane.test (127.0.0.1): its certificate fits none of its TLSA records (demanded by its TLSA records)"),
        ("name", "chain", "mx-ta.dane.test (127.0.0.1): its certificate is for good.test, localhost, ta.dane.test"),
        ("inside", "good", "its certificate is for good.test"),
        ("pkix", "plain", "mx-pkix.dane.test (127.0.0.1): offers no STARTTLS (demanded by its TLSA records)"),
        ("stripped", "plain", "offers no STARTTLS (demanded by its TLSA records)"),
        ("lost", "self", "mx-lost.dane.test the look-up of its TLSA records (_"),
    ] {
        let (verdict, scope, text) = site.deliver(&remote, &format!("{domain}.dane.test"), peer);
        assert_eq!((verdict, scope), (Verdict::Temporary, Scope::Destination), "{domain}: {text}");
        assert!(text.contains(reason) && text.ends_with("(#4.7.5)"), "{domain}: {text}");
    }
}

#[test]
fn the_administrator_can_demand_dane_or_do_without() {
    let Some(site) = site("the_administrator_can_demand_dane_or_do_without") else { return };
    let remote = site.remote(".dane.test:dane\n.open.test:dane\nwrong.dane.test:may\nlost.dane.test:encrypt\n");
    let (verdict, _, text) = site.deliver(&remote, "ee.dane.test", "self");
    assert!(verdict == Verdict::Ok && text.contains(", verified."), "{text}");
    for (domain, peer) in [("wrong.dane.test", "self"), ("lost.dane.test", "self")] {
        let (verdict, _, text) = site.deliver(&remote, domain, peer);
        assert!(verdict == Verdict::Ok && text.contains("TLSv1.3") && !text.contains("verified"), "{text}");
    }
    for (domain, peer, reason) in [
        ("none.dane.test", "plain", "mx-none.dane.test has no TLSA records (demanded by the administrator: dane)"),
        ("odd.dane.test", "self", "mx-odd.dane.test has TLSA records, but none that can be used for mail"),
        ("a.open.test", "self", "mx-wrong.dane.test has no TLSA records that DNSSEC vouches for (demanded by the administrator: dane)"),
    ] {
        let (verdict, _, text) = site.deliver(&remote, domain, peer);
        assert!(verdict == Verdict::Temporary && text.contains(reason), "{domain}: {text}");
    }
}
