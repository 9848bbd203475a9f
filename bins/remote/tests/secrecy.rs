//! What senders want of the way: REQUIRETLS and `TLS-Required: No` (RFC 8689); and credentials, which go to verified relays.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use stafett_envelope::Envelope;
use stafett_wire::delivery::{Destination, Kind, Report};
use support::server::{self, Action};
use support::tls::Peers;
use support::{Delivery, Remote, Scope, Verdict, envelope, names, only};

const MESSAGE: &[u8] = b"From: a@from.test\r\nSubject: x\r\n\r\nTLS-Required: No\r\n";
const WAIVING: &[u8] = b"From: a@from.test\r\ntls-required:  NO\r\n\r\nbody\r\n";

/// One set of servers for all tests of this file.
static PEERS: LazyLock<Peers> = LazyLock::new(Peers::start);

fn remote(control: &[(&str, &str)]) -> Remote {
    let authorities = PEERS.path("ca.pem").display().to_string();
    Remote::start(&[&[("tlsauthorities", authorities.as_str()), ("timeoutremote", "20\n")], control].concat())
}

fn to(remote: &Remote, peer: &str, words: &str) -> Delivery {
    remote.hand_over(&Destination { words: words.to_owned(), ..Destination::plain(Kind::Host, "127.0.0.1", PEERS.port(peer)) })
}

fn required() -> Envelope {
    Envelope { require_tls: true, ..envelope(&["b@to.test"]) }
}

fn never(report: &Report, status: &str) -> String {
    let (verdict, text) = only(report);
    assert_eq!((verdict, report.scope), (Verdict::Permanent, Scope::Message), "{text}");
    assert!(text.starts_with("The sender wants this message sent under TLS alone (REQUIRETLS)") && text.ends_with(status), "{text}");
    text.to_owned()
}

#[test]
fn what_requires_tls_goes_to_verified_hosts_that_promise_it() {
    let remote = remote(&[]);
    let mut delivery = to(&remote, "keeps", "");
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    for _ in 0..2 {
        let report = delivery.send_with(&required(), MESSAGE);
        assert!(only(&report).0 == Verdict::Ok && only(&report).1.contains(", verified."), "{report:?}");
        assert!(report.reusable);
    }
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    let mails: Vec<String> = PEERS.wait_for("keeps", 7).into_iter().filter(|said| said.starts_with("MAIL")).collect();
    assert_eq!(mails, ["MAIL secure", "MAIL secure required", "MAIL secure required", "MAIL secure"]);
}

#[test]
fn where_nobody_promises_it_the_sender_hears_at_once() {
    let remote = remote(&[]);
    for (peer, words, reason, status) in [
        ("good", "", "it does not offer REQUIRETLS", "(#5.7.30)"),
        ("plain", "", "offers no STARTTLS (demanded by the sender: REQUIRETLS)", "(#5.7.10)"),
        ("self-promises", "", "its certificate comes from no authority that this host trusts", "(#5.7.10)"),
        ("self-promises", "tls=encrypt", "its certificate comes from no authority", "(#5.7.10)"),
        ("promises", "tls=verify tls-match=other.test", "its certificate is for good.test", "(#5.7.10)"),
        ("promises", "tls=none", "is sent to without TLS, as control/ says", "(#5.7.10)"),
    ] {
        let report = to(&remote, peer, words).send_with(&required(), MESSAGE);
        let text = never(&report, status);
        assert!(text.contains(reason), "{peer} {words}: {text}");
        // The header cannot take back what the envelope says.
        never(&to(&remote, peer, words).send_with(&required(), WAIVING), status);
    }
    assert_eq!(PEERS.said("plain").iter().filter(|said| said.starts_with("MAIL")).count(), 0);
}

#[test]
fn a_host_that_is_away_may_promise_it_later() {
    let remote = remote(&[]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let report = remote.host(nobody).send_with(&required(), MESSAGE);
    assert_eq!(only(&report).0, Verdict::Temporary, "{report:?}");
    let server = server::start(|_, event| if event == "CONNECT" { server::reply("421 busy") } else { Action::Default });
    assert_eq!(only(&remote.host(server.port).send_with(&required(), MESSAGE)).0, Verdict::Temporary);
    // A handshake that broke may go well the next time.
    let report = to(&remote, "old", "").send_with(&required(), MESSAGE);
    assert!(only(&report).0 == Verdict::Temporary && only(&report).1.contains("the TLS handshake failed"), "{report:?}");
}

#[test]
fn a_bounce_and_a_delivery_on_this_host_need_no_promise() {
    let remote = remote(&[]);
    for sender in ["", "#@[]"] {
        let bounce = Envelope { sender: sender.to_owned(), ..required() };
        assert_eq!(only(&to(&remote, "twelve", "").send_with(&bounce, MESSAGE)).0, Verdict::Ok);
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("lmtp");
    let _server = server::start_unix(&path, |_, _| Action::Default);
    let report = remote.to(Kind::LmtpSocket, path.to_str().unwrap(), 0).send_with(&required(), MESSAGE);
    assert_eq!(only(&report).0, Verdict::Ok, "{report:?}");
}

/// Names for which DNSSEC vouches: the TLSA records of to.test fit no certificate, those of fits.test fit that of `promises`.
fn signed_names() -> String {
    let [wrong, right] = ["self", "good"].map(|name| PEERS.key_digest(name));
    let mut table = Vec::new();
    for (name, host, digest) in [("to.test", "mx.to.test", wrong), ("fits.test", "mx.fits.test", right)] {
        table.push((name, format!("mx 10 {host}")));
        table.push((host, "a 127.0.0.1".to_owned()));
        let record = format!("tlsa 3 1 1 {digest}");
        for peer in ["promises", "good"] {
            let place: &'static str = Box::leak(format!("_{}._tcp.{host}", PEERS.port(peer)).into_boxed_str());
            table.push((place, record.clone()));
        }
    }
    names::start_signed(table)
}

#[test]
fn records_that_dnssec_vouches_for_are_enough_to_promise_it_and_may_be_waived() {
    let resolvers = signed_names();
    let remote = remote(&[("resolvers", &resolvers)]);
    let mx = |domain: &str, peer: &str| remote.to(Kind::Mx, domain, PEERS.port(peer));
    assert_eq!(only(&mx("fits.test", "promises").send_with(&required(), MESSAGE)).0, Verdict::Ok);
    never(&mx("fits.test", "good").send_with(&required(), MESSAGE), "(#5.7.30)");
    never(&mx("to.test", "promises").send_with(&required(), MESSAGE), "(#5.7.10)");
    // Without a word of the sender the mail waits; the body's words are none.
    let mut delivery = mx("to.test", "good");
    let report = delivery.send(&["b@to.test"], MESSAGE);
    assert_eq!((only(&report).0, report.scope), (Verdict::Temporary, Scope::Destination), "{report:?}");
    let mut delivery = mx("to.test", "good");
    let report = delivery.send(&["b@to.test"], WAIVING);
    assert!(only(&report).0 == Verdict::Ok && only(&report).1.contains("TLSv1.3"), "{report:?}");
    // Nobody else profits from that.
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Temporary);
}

#[test]
fn what_the_administrator_demands_is_not_waived() {
    let report = to(&remote(&[]), "self", "tls=verify").send(&["b@to.test"], WAIVING);
    assert!(only(&report).0 == Verdict::Temporary && only(&report).1.contains("demanded by the administrator"), "{report:?}");
}

#[test]
fn credentials_are_for_verified_relays() {
    let remote = remote(&[("smtpauth", "isp:user:secret\n")]);
    assert_eq!(only(&to(&remote, "lets-in", "auth=isp").send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    assert_eq!(PEERS.wait_for("lets-in", 3)[1..], ["AUTH secure", "MAIL secure"]);
    for (peer, words, reason) in [
        ("self", "auth=isp", "its certificate comes from no authority that this host trusts (demanded by the credentials of the route)"),
        ("plain", "auth=isp", "offers no STARTTLS (demanded by the credentials of the route)"),
        ("plain", "auth=isp tls=may", "there is no TLS, and control/smtpauth has isp said under TLS alone"),
    ] {
        for message in [MESSAGE, WAIVING] {
            let report = to(&remote, peer, words).send(&["b@to.test"], message);
            assert!(only(&report).0 == Verdict::Temporary && only(&report).1.contains(reason), "{peer} {words}: {report:?}");
        }
    }
    assert_eq!(PEERS.said("plain").iter().filter(|said| said.starts_with("AUTH")).count(), 0);
}

#[test]
fn a_general_line_does_not_give_credentials_to_unverified_relays() {
    for level in ["may", "encrypt"] {
        let remote =
            self::remote(&[("smtpauth", "isp:user:secret\nopen without-tls:user:secret\n"), ("tlsdestinations", &format!(":{level}\n"))]);
        for peer in ["self", "plain"] {
            let report = to(&remote, peer, "auth=isp").send(&["b@to.test"], MESSAGE);
            let (verdict, text) = only(&report);
            assert!(verdict == Verdict::Temporary && text.contains("(demanded by the credentials of the route)"), "{level} {peer}: {text}");
        }
        // What is written where the credentials are counts.
        for words in ["auth=isp tls=encrypt", "auth=open"] {
            let report = to(&remote, "self", words).send(&["b@to.test"], MESSAGE);
            assert!(!only(&report).1.contains("demanded by"), "{level} {words}: {report:?}");
        }
        assert_eq!(only(&to(&remote, "self", "").send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    }
}
