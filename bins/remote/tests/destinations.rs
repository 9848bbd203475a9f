//! From a domain to a server: MX hosts, their order, and what the DNS may do to us.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use stafett_wire::delivery::{Kind, Report};
use support::server::{self, Action, reply};
use support::{Remote, Scope, Verdict, names, only};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";
/// Whoever waits for the DNS waits for 30 seconds.
const SOON: Duration = Duration::from_secs(15);

fn remote(table: &[(&'static str, &'static str)]) -> Remote {
    Remote::start(&[("resolvers", &names::start(table)), ("timeoutconnect", "1\n"), ("timeoutremote", "1\n")])
}

fn mx(remote: &Remote, domain: &str, port: u16) -> Report {
    remote.to(Kind::Mx, domain, port).send(&["b@to.test"], MESSAGE)
}

#[test]
fn the_best_host_is_tried_first_and_the_next_when_it_fails() {
    let remote = remote(&[
        ("to.test", "mx 20 second.test"),
        ("to.test", "mx 10 first.test"),
        ("first.test", "a 127.0.0.2"),
        ("second.test", "a 127.0.0.3"),
    ]);
    let second = server::start_at("127.0.0.3:0".parse().unwrap(), |_, _| Action::Default);
    // Nobody listens at first.test.
    let report = mx(&remote, "to.test", second.port);
    assert_eq!(only(&report).0, Verdict::Ok);
    assert!(only(&report).1.starts_with("127.0.0.3 accepted message."));
    let first = server::start_at(([127, 0, 0, 2], second.port).into(), |number, event| match (number, event) {
        (1, "CONNECT") => reply("451 not now"),
        (2, "CONNECT") => reply("554 never"),
        (3, "CONNECT") => Action::Close,
        (4, "CONNECT") => Action::Hang,
        (5, event) if event.starts_with("EHLO") => reply("421 no"),
        _ => Action::Default,
    });
    for _ in 0..5 {
        assert!(only(&mx(&remote, "to.test", second.port)).1.starts_with("127.0.0.3 accepted message."));
    }
    assert!(only(&mx(&remote, "to.test", second.port)).1.starts_with("127.0.0.2 accepted message."));
    assert_eq!(first.journal.count("CONNECT"), 6);
}

#[test]
fn a_failure_after_mail_is_not_carried_to_the_next_host() {
    let remote = remote(&[
        ("to.test", "mx 10 first.test"),
        ("to.test", "mx 20 second.test"),
        ("first.test", "a 127.0.0.2"),
        ("second.test", "a 127.0.0.3"),
    ]);
    let second = server::start_at("127.0.0.3:0".parse().unwrap(), |_, _| Action::Default);
    let _first = server::start_at(([127, 0, 0, 2], second.port).into(), |_, event| match event.get(..4) {
        Some("RCPT") => reply("550 no such user"),
        _ => Action::Default,
    });
    assert_eq!(only(&mx(&remote, "to.test", second.port)).0, Verdict::Permanent);
    assert_eq!(second.journal.count("CONNECT"), 0);
}

#[test]
fn every_host_that_failed_is_named() {
    let remote = remote(&[("to.test", "mx 10 a.test"), ("a.test", "a 127.0.0.2"), ("a.test", "a 127.0.0.4")]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let report = mx(&remote, "to.test", port);
    let (verdict, text) = only(&report);
    assert_eq!((verdict, report.scope, report.reusable), (Verdict::Temporary, Scope::Destination, false));
    assert!(text.contains("127.0.0.2: ") && text.contains("127.0.0.4: ") && text.contains("(#4.4.1)"), "{text}");
}

#[test]
fn a_domain_without_mx_is_its_own_host() {
    let remote = remote(&[("to.test", "a 127.0.0.1"), ("to.test", "a ::1")]);
    let server = server::start(|_, _| Action::Default);
    assert_eq!(only(&mx(&remote, "to.test", server.port)).0, Verdict::Ok);
}

#[test]
fn what_the_dns_says_for_good_is_a_bounce() {
    let remote = remote(&[("null.test", "mx 0 ."), ("bare.test", "txt")]);
    for (domain, status) in [("null.test", "(#5.1.10)"), ("missing.test", "(#5.1.2)"), ("bare.test", "(#5.4.4)"), ("a..b", "(#5.1.2)")] {
        let report = mx(&remote, domain, 25);
        let (verdict, text) = only(&report);
        assert_eq!((verdict, report.scope), (Verdict::Permanent, Scope::Message), "{domain}: {text}");
        assert!(text.contains(status), "{domain}: {text}");
    }
}

#[test]
fn what_the_dns_does_not_say_is_a_deferral() {
    let remote = remote(&[("fail.test", "servfail"), ("half.test", "mx 10 fail.test"), ("empty.test", "mx 10 missing.test")]);
    for domain in ["fail.test", "half.test", "empty.test"] {
        let report = mx(&remote, domain, 25);
        let (verdict, text) = only(&report);
        assert_eq!((verdict, report.scope), (Verdict::Temporary, Scope::Destination), "{domain}: {text}");
    }
}

#[test]
fn silence_about_a_worse_host_holds_up_nothing_for_long() {
    let remote =
        remote(&[("to.test", "mx 10 good.test"), ("to.test", "mx 20 quiet.test"), ("good.test", "a 127.0.0.1"), ("quiet.test", "silent")]);
    let server = server::start(|_, _| Action::Default);
    let start = Instant::now();
    assert_eq!(only(&mx(&remote, "to.test", server.port)).0, Verdict::Ok);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn a_dead_resolver_is_a_deferral_at_once() {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let remote = Remote::start(&[("resolvers", &format!("127.0.0.1:{port}\n"))]);
    let start = Instant::now();
    let report = mx(&remote, "to.test", 25);
    assert_eq!((only(&report).0, report.scope), (Verdict::Temporary, Scope::Destination));
    assert!(only(&report).1.contains("DNS look-up of to.test failed temporarily"));
    assert!(start.elapsed() < SOON);
}

#[test]
fn this_host_as_best_exchanger_is_a_deferral_in_words() {
    let remote = remote(&[
        ("to.test", "mx 10 Relay.TEST"),
        ("to.test", "mx 20 other.test"),
        ("relay.test", "a 192.0.2.1"),
        ("other.test", "a 127.0.0.1"),
        ("here.test", "mx 10 local.test"),
        ("local.test", "a 127.0.0.1"),
    ]);
    for domain in ["to.test", "here.test"] {
        let report = mx(&remote, domain, 25);
        let (verdict, text) = only(&report);
        assert_eq!((verdict, report.scope), (Verdict::Temporary, Scope::Destination), "{text}");
        assert!(text.starts_with(&format!("This host is the best MX for {domain} but control/smtproutes has no route for it")), "{text}");
    }
}

#[test]
fn hosts_that_are_not_better_than_this_one_are_left_out() {
    let remote = remote(&[
        ("to.test", "mx 10 best.test"),
        ("to.test", "mx 20 relay.test"),
        ("to.test", "mx 20 equal.test"),
        ("to.test", "mx 30 worse.test"),
        ("best.test", "a 127.0.0.2"),
        ("relay.test", "a 192.0.2.1"),
        ("equal.test", "a 127.0.0.3"),
        ("worse.test", "a 127.0.0.3"),
    ]);
    let worse = server::start_at("127.0.0.3:0".parse().unwrap(), |_, _| Action::Default);
    let report = mx(&remote, "to.test", worse.port);
    assert_eq!((only(&report).0, report.scope), (Verdict::Temporary, Scope::Destination));
    assert_eq!(worse.journal.count("CONNECT"), 0);
}

#[test]
fn a_host_route_asks_for_addresses_only() {
    let remote = remote(&[("relay-host.test", "mx 10 missing.test"), ("relay-host.test", "a 127.0.0.1")]);
    let server = server::start(|_, _| Action::Default);
    let report = remote.to(Kind::Host, "relay-host.test", server.port).send(&["b@to.test"], MESSAGE);
    assert_eq!(only(&report).0, Verdict::Ok);
    // A slip of the admin bounces nothing.
    let report = remote.to(Kind::Host, "missing.test", server.port).send(&["b@to.test"], MESSAGE);
    assert_eq!((only(&report).0, report.scope), (Verdict::Temporary, Scope::Destination));
}

#[test]
fn localhost_needs_no_name_server() {
    let remote = Remote::start(&[("resolvers", "127.0.0.1:9\n")]);
    let server = server::start(|_, _| Action::Default);
    let report = remote.to(Kind::Host, "localhost", server.port).send(&["b@to.test"], MESSAGE);
    assert_eq!(only(&report).0, Verdict::Ok);
}

#[test]
fn an_ipv6_address_as_route() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this system has no IPv6 on loopback");
        return;
    }
    let remote = Remote::start(&[]);
    let server = server::start_at("[::1]:0".parse().unwrap(), |_, _| Action::Default);
    let report = remote.to(Kind::Host, "::1", server.port).send(&["b@to.test"], MESSAGE);
    assert!(only(&report).1.starts_with("::1 accepted message."));
}
