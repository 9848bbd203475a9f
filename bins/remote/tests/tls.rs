//! TLS on the way out, against servers with OpenSSL: what is demanded is had, or the mail waits and the reason is said.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::sync::LazyLock;

use stafett_wire::delivery::{Destination, Kind, Report};
use support::tls::{Peers, fingerprint, key_digest};
use support::{Remote, Scope, Verdict, only};

const MESSAGE: &[u8] = b"From: a@from.test\r\nSubject: x\r\n\r\nbody\r\n";

/// One set of servers for all tests of this file.
static PEERS: LazyLock<Peers> = LazyLock::new(Peers::start);

/// Delivers to a peer by a route with these words, under these lines of tlsdestinations.
fn deliver(peer: &str, words: &str, lines: &str) -> (Report, String) {
    let authorities = PEERS.path("ca.pem").display().to_string();
    let remote = Remote::start(&[("tlsdestinations", lines), ("tlsauthorities", &authorities), ("timeoutremote", "20\n")]);
    let destination = Destination { words: words.to_owned(), ..Destination::plain(Kind::Host, "127.0.0.1", PEERS.port(peer)) };
    let report = remote.hand_over(&destination).send(&["b@to.test"], MESSAGE);
    (report, remote.log())
}

fn taken(peer: &str, words: &str, lines: &str) -> String {
    let (report, _) = deliver(peer, words, lines);
    let (verdict, text) = only(&report);
    assert_eq!(verdict, Verdict::Ok, "{text}");
    text.to_owned()
}

fn put_off(peer: &str, words: &str, lines: &str) -> String {
    let (report, _) = deliver(peer, words, lines);
    let (verdict, text) = only(&report);
    assert_eq!((verdict, report.scope), (Verdict::Temporary, Scope::Destination), "{text}");
    assert!(text.starts_with("I may not send to 127.0.0.1:") && text.ends_with("(#4.7.5)"), "{text}");
    text.to_owned()
}

#[test]
fn tls_is_used_where_it_is_offered() {
    let text = taken("good", "", "");
    assert!(text.contains("127.0.0.1 accepted message. TLSv1.3 TLS_") && text.contains(". Remote host said: 250 taken"), "{text}");
    assert!(taken("twelve", "", "").contains("TLSv1.2 TLS_ECDHE_"));
    assert!(taken("self", "", ":may\n").contains("TLSv1.3"));
    assert!(!taken("plain", "", "").contains("TLS"));
}

#[test]
fn where_tls_does_not_work_mail_goes_without_and_the_log_says_so() {
    for (peer, reason) in [
        ("old", "the TLS handshake failed: "),
        ("garbage", "the TLS handshake failed: "),
        ("hangs-up", ""),
        ("injects", "the server said more in the clear than it was asked"),
    ] {
        let (report, log) = deliver(peer, "", "");
        let (verdict, text) = only(&report);
        assert!(verdict == Verdict::Ok && !text.contains("TLS"), "{peer}: {text}");
        assert!(
            log.contains("stafett-remote: tls: 127.0.0.1: ") && log.contains(reason) && log.contains("; trying again without TLS"),
            "{log}"
        );
    }
    let (report, log) = deliver("refuses", "", "");
    assert_eq!(only(&report).0, Verdict::Ok);
    assert!(log.contains("tls: 127.0.0.1: refuses STARTTLS. Remote host said: 454 4.7.0 not now; going on without TLS"), "{log}");
}

#[test]
fn where_tls_is_demanded_mail_waits_for_it() {
    for (peer, reason) in [
        ("plain", "offers no STARTTLS (demanded by the administrator: encrypt)"),
        ("refuses", "refuses STARTTLS. Remote host said: 454 4.7.0 not now (demanded by"),
        ("old", "the TLS handshake failed: "),
        ("garbage", "the TLS handshake failed: "),
        ("injects", "the server said more in the clear than it was asked"),
    ] {
        let text = put_off(peer, "", "127.0.0.1:encrypt\n");
        assert!(text.contains(reason), "{peer}: {text}");
    }
    assert!(!PEERS.said("plain").iter().any(|line| line == "MAIL secure"));
    assert!(taken("self", "", ":encrypt\n").contains("TLSv1.3"));
    assert!(taken("expired", "tls=encrypt", ":verify\n").contains("TLSv1.3"));
}

#[test]
fn a_handshake_that_does_not_end_is_ended() {
    let remote = Remote::start(&[("tlsdestinations", ":encrypt\n"), ("timeoutremote", "1\n")]);
    let report = remote.host(PEERS.port("endless")).send(&["b@to.test"], MESSAGE);
    assert!(only(&report).1.contains("the TLS handshake was not done in time"), "{report:?}");
}

#[test]
fn certificates_are_verified() {
    let text = taken("good", "", "127.0.0.1:verify\n");
    assert!(text.contains(", verified. Remote host said:"), "{text}");
    taken("good", "tls=verify tls-match=x.test,good.test", "");
    taken("other", "tls=verify tls-match=.other.test", ":none\n");
    for (peer, words, reason) in [
        (
            "good",
            "tls=verify tls-match=other.test",
            "its certificate is for good.test, localhost, ta.dane.test (demanded by the administrator: verify)",
        ),
        ("other", "tls=verify", "its certificate is for other.test, mail.other.test"),
        ("other", "tls=verify tls-match=.test.other", "its certificate is for other.test"),
        ("self", "tls=verify", "its certificate comes from no authority that this host trusts"),
        ("expired", "tls=verify", "its certificate has expired"),
    ] {
        assert!(put_off(peer, words, "").contains(reason), "{peer} {words}");
    }
}

#[test]
fn fingerprints_name_a_certificate_or_a_key() {
    let own = fingerprint(&PEERS.path("self.pem"));
    let key = format!("sha256:{}", key_digest(&PEERS.path("self.pem")));
    let zero = format!("sha256:{}", "0".repeat(64));
    assert!(taken("self", "", &format!(":fingerprint={zero},{own}\n")).contains("verified"));
    taken("self", &format!("tls=fingerprint={key}"), "");
    let text = put_off("self", "", &format!(":fingerprint={zero}\n"));
    assert!(text.contains(&format!("the fingerprint of its certificate is {own}, which was not asked for")), "{text}");
}

#[test]
fn tls_from_the_start() {
    assert!(taken("wrapped", "tls-start=yes", "").contains("TLSv1.3"));
    taken("wrapped", "tls=verify tls-start=yes", "");
    let text = put_off("plain", "tls-start=yes", "");
    assert!(text.contains("demanded by the port: TLS from the start"), "{text}");
}

#[test]
fn the_certificate_that_was_asked_for_is_shown() {
    let text = put_off("asks", "tls=encrypt", "");
    assert!(text.contains("the TLS handshake failed: received fatal alert: CertificateRequired"), "{text}");
    let certificates = tempfile::tempdir().unwrap();
    let place = certificates.path().join("us");
    std::fs::create_dir(&place).unwrap();
    std::fs::copy(PEERS.path("member.pem"), place.join("cert.pem")).unwrap();
    std::fs::copy(PEERS.path("member.key"), place.join("key.pem")).unwrap();
    let remote = Remote::start_with(&[("tlsdestinations", ":encrypt certificate=us\n")], |control| {
        support::tls::shell(control, &format!("cp -r {} clientcerts; chmod 400 clientcerts/us/key.pem", certificates.path().display()));
    });
    let report = remote.host(PEERS.port("asks")).send(&["b@to.test"], MESSAGE);
    assert_eq!(only(&report).0, Verdict::Ok, "{report:?}");
    let (report, _) = deliver("good", "tls=may tls-certificate=them", "");
    let (verdict, text) = only(&report);
    assert!(verdict == Verdict::Temporary && text.contains("there is no control/clientcerts/them with cert.pem and key.pem"), "{text}");
}

#[test]
fn tls_is_not_used_where_it_is_not_wanted() {
    let before = PEERS.said("twelve").len();
    assert!(!taken("twelve", "tls=none", ":verify\n").contains("TLS"));
    assert!(PEERS.wait_for("twelve", before + 1).contains(&"MAIL clear".to_owned()));
}

#[test]
fn a_session_is_resumed_by_the_next_connection() {
    let authorities = PEERS.path("ca.pem").display().to_string();
    let remote = Remote::start(&[("tlsdestinations", ":verify\n"), ("tlsauthorities", &authorities), ("timeoutremote", "20\n")]);
    for peer in ["resumes", "resumes-twelve"] {
        let is_resumed = || PEERS.said(peer).iter().any(|line| line.starts_with("TLS") && line.ends_with("resumed"));
        // A child that is not back when the next connection is wanted has the session for itself.
        for _ in 0..200 {
            let report = remote.host(PEERS.port(peer)).send(&["b@to.test"], MESSAGE);
            assert!(only(&report).1.contains(", verified."), "{report:?}");
            if is_resumed() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(is_resumed(), "{:?}", PEERS.said(peer));
        assert!(PEERS.said(peer)[0].ends_with("full"), "{:?}", PEERS.said(peer));
    }
}

/// CPU seconds of a process and of its children that have ended, from /proc.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Not run with the others: `cargo test --release -p stafett-remote --test tls -- --ignored --nocapture`.
#[test]
#[ignore = "measures, and says nothing about right and wrong"]
fn what_tls_costs_for_each_message_and_connection() {
    const MESSAGES: u32 = 400;
    for (name, lines, control) in [
        ("plain", ":none\n", None),
        ("TLS, resumed", ":encrypt\n", None),
        // a change of settings sends the children away that have sessions
        ("plain, settings change each time", ":none\n", Some("helohost")),
        ("TLS, settings change each time: full handshakes", ":encrypt\n", Some("helohost")),
    ] {
        let remote = Remote::start(&[("tlsdestinations", lines), ("timeoutremote", "20\n")]);
        for number in 0..MESSAGES {
            if let Some(file) = control {
                remote.write_control(file, &format!("h{number}.test\n"));
            }
            let report = remote.host(PEERS.port("good")).send(&["b@to.test"], MESSAGE);
            assert_eq!(only(&report).0, Verdict::Ok);
            // the connection ends with its child, or the child waits for the next
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        remote.terminate();
        std::thread::sleep(std::time::Duration::from_secs(1));
        eprintln!("{name}: {:.0} us of CPU a message", cpu(remote.pid()) * 1e6 / f64::from(MESSAGES));
    }
}
