//! Hosts that are asked in TLS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;
#[path = "../../remote/tests/support/tls.rs"]
#[allow(dead_code, reason = "not every helper is used")]
mod tls;

use support::{Callout, Verdict};

#[test]
fn hosts_are_asked_in_tls_and_not_at_all_without_what_is_demanded() {
    let peers = tls::Peers::start();
    let ask = |peer: &str, lines: &str| {
        let route = format!(":127.0.0.1:{}\n", peers.port(peer));
        let callout = Callout::start(&[("smtproutes", &route), ("callout", ":on connections=1\n"), ("tlsdestinations", lines)]);
        // the second question finds a connection on which TLS has had something to say meanwhile
        let verdicts = ["a@to.test", "b@to.test"].map(|address| callout.ask(address).verdict);
        (verdicts, callout.log())
    };
    for peer in ["good", "twelve", "plain"] {
        assert_eq!(ask(peer, "").0, [Verdict::Ok; 2], "{peer}");
    }
    assert!(peers.wait_for("good", 2).contains(&"MAIL secure".to_owned()));
    let (verdicts, log) = ask("garbage", "");
    assert!(verdicts == [Verdict::Ok; 2] && log.contains("tls: 127.0.0.1: the TLS handshake failed: "), "{log}");
    let (verdicts, log) = ask("plain", ":encrypt\n");
    assert_eq!(verdicts, [Verdict::Temporary; 2]);
    assert!(
        log.contains("unable to ask 127.0.0.1:") && log.contains("offers no STARTTLS (demanded by the administrator: encrypt)"),
        "{log}"
    );
}
