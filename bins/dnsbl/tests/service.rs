//! The service behind name servers that are honest, late, dead, or lie.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod support;

use std::time::{Duration, Instant};

use domain::base::iana::Rtype;
use stafett_sys::process::{Pid, kill};
use stafett_sys::signal::Signal;
use support::{Act, Data, Instance, Names, found, listed};

/// 192.0.2.66 and 2001:db8::66 are in every list, nothing else is anywhere.
fn usual(name: &str, kind: Rtype) -> Act {
    let is_it = name.starts_with("66.2.0.192.") || name.starts_with("6.6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.");
    match kind {
        Rtype::A if is_it || name.starts_with("bad.example.") => listed(),
        Rtype::TXT if is_it => Act::Records(3600, vec![Data::Txt("Blocked\u{7}, see http://list.example/")]),
        _ => Act::Absent(3600),
    }
}

fn pass() -> (String, String, String) {
    found("K", "", "")
}

#[test]
fn lists_and_their_words() {
    let names = Names::new(usual);
    let lists = "# first\n+allow.example\nbl.example\n-hard.example:%IP% is bad\n";
    let instance = Instance::started(names.address, &[("dnsbllist", "bl.example\n"), ("rhsbllist", "-rhs.example:no %DOMAIN%\n")]);
    for address in ["192.0.2.66", "::ffff:192.0.2.66", "2001:db8::66"] {
        assert_eq!(instance.client(address), found("Z", "control/dnsbllist:1", "Blocked?, see http://list.example/"), "{address}");
    }
    assert_eq!(instance.client("192.0.2.67"), pass());
    assert_eq!(instance.client("2001:db8::67"), pass());
    assert_eq!(instance.look("", "Bad.Example.", "", "helo"), found("D", "control/rhsbllist:1", "no bad.example"));
    assert_eq!(instance.look("", "", "bad.example", "sender"), found("D", "control/rhsbllist:1", "no bad.example"));
    assert_eq!(instance.look("", "[192.0.2.66]", "good.example", "helo"), pass());
    assert_eq!(instance.look("", "", "good.example", "sender"), pass());

    instance.control("dnsbllist", lists);
    assert_eq!(instance.client("192.0.2.66"), found("K", "control/dnsbllist:2", "in the allow list allow.example"));
    names.change(|name, kind| if name.ends_with(".allow.example") { Act::Absent(60) } else { usual(name, kind) });
    instance.control("dnsbllist", "+other.allow.example\n-hard.example:%IP% is bad\nbl.example\n");
    assert_eq!(instance.client("192.0.2.66"), found("D", "control/dnsbllist:2", "192.0.2.66 is bad"));
    instance.control("dnsbllist", "not a list!\n");
    assert_eq!(instance.client("192.0.2.66"), found("D", "control/dnsbllist:2", "192.0.2.66 is bad"), "the last good copy stays");
    instance.expect_log("error: control/dnsbllist:1: ");
}

#[test]
fn what_is_known_is_not_asked_again() {
    let names = Names::new(usual);
    let instance = Instance::started(names.address, &[("dnsbllist", "a.example\nb.example\n")]);
    for _ in 0..20 {
        assert_eq!(instance.client("192.0.2.1"), pass());
        assert_eq!(instance.client("192.0.2.66").0, "Z");
    }
    // two lists for two clients, and the text of the one that decided
    assert_eq!(names.asked().len(), 5, "{:?}", names.asked());
    kill(Pid(instance.pid()), Signal::Hangup).unwrap();
    let again = || {
        instance.client("192.0.2.1");
        names.asked().len() == 7
    };
    assert!(
        (0..1000).any(|_| again() || {
            std::thread::sleep(Duration::from_millis(20));
            false
        }),
        "HUP forgets: {:?}",
        names.asked()
    );
}

#[test]
fn answers_live_as_long_as_they_say() {
    let names = Names::new(|_, _| Act::Absent(0));
    let instance = Instance::started(names.address, &[("dnsbllist", "a.example\n")]);
    for _ in 0..3 {
        instance.client("192.0.2.1");
    }
    assert_eq!(names.asked().len(), 3);
}

#[test]
fn only_127_counts_and_a_list_that_does_not_serve_us_is_told_once() {
    let names = Names::new(|name, kind| match name {
        name if name.contains(".refuses.") && kind == Rtype::A => Act::Records(60, vec![Data::A("127.255.255.254")]),
        name if name.contains(".sold.") && kind == Rtype::A => Act::Records(60, vec![Data::A("203.0.113.7")]),
        name if name.contains(".both.") && kind == Rtype::A => Act::Records(60, vec![Data::A("203.0.113.7"), Data::A("127.0.0.3")]),
        _ => Act::Absent(60),
    });
    let instance = Instance::started(names.address, &[("dnsbllist", "refuses.example\nsold.example\n")]);
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert_eq!(instance.client(client), pass());
    }
    let log = instance.log();
    assert_eq!(log.matches("the list refuses.example is left out for now: it refuses to serve this host").count(), 1, "{log}");
    assert_eq!(log.matches("the list sold.example is left out for now: its answer 203.0.113.7 is no listing").count(), 1, "{log}");
    assert_eq!(names.asked().len(), 2, "lists that are left out are not asked: {:?}", names.asked());
    instance.control("dnsbllist", "both.example\n");
    assert_eq!(instance.client("192.0.2.1"), found("Z", "control/dnsbllist:1", "your address is listed by both.example"));
}

/// The deadline is far below what fifty lists, or even two, would take one after the other.
#[test]
fn fifty_silent_lists_cost_one_deadline_once() {
    let names = Names::new(|name, kind| if name.contains(".silent") { Act::Silence } else { usual(name, kind) });
    let lists: String = (0..50).map(|number| format!("silent{number}.example\n")).collect();
    let files = [("dnsbllist", &*(lists + "live.example\n")), ("dnsbltimeout", "3\n")];
    let instance = Instance::started(names.address, &files);
    let begin = Instant::now();
    assert_eq!(instance.client("192.0.2.66").1, "control/dnsbllist:51", "the list that answers counts");
    assert!(begin.elapsed() < Duration::from_secs(45), "{:?}", begin.elapsed());
    assert_eq!(instance.log().matches("is left out for now: it does not answer").count(), 50, "{}", instance.log());
    let before = names.asked().len();
    for number in 1..=20 {
        assert_eq!(instance.client(&format!("192.0.2.{number}")), pass());
    }
    assert_eq!(names.asked().len() - before, 20, "only the list that answers is asked");
}

#[test]
fn reverse_names() {
    let names = Names::new(|name, kind| match (name, kind) {
        ("1.2.0.192.in-addr.arpa", Rtype::PTR) => Act::Records(60, vec![Data::Ptr("other.example"), Data::Ptr("mail.example")]),
        ("2.2.0.192.in-addr.arpa", Rtype::PTR) => Act::Records(60, vec![Data::Ptr("other.example")]),
        ("3.2.0.192.in-addr.arpa", Rtype::PTR) => Act::Fail,
        ("4.2.0.192.in-addr.arpa", Rtype::PTR) => Act::Records(60, vec![Data::Ptr("broken.example")]),
        ("5.2.0.192.in-addr.arpa", Rtype::PTR) => Act::Records(60, vec![Data::Ptr("evil\\032name.example")]),
        (name, Rtype::PTR) if name.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa") => Act::Records(60, vec![Data::Ptr("six.example")]),
        ("mail.example", Rtype::A) => Act::Records(60, vec![Data::A("198.51.100.1"), Data::A("192.0.2.1")]),
        ("six.example", Rtype::AAAA) => Act::Records(60, vec![Data::Aaaa("2001:db8::1")]),
        ("broken.example", _) => Act::Fail,
        _ => Act::Absent(60),
    });
    let instance = Instance::started(names.address, &[("dnsbltimeout", "20\n")]);
    let reverse = |ip: &str| instance.look(ip, "", "", "reverse");
    assert_eq!(reverse("192.0.2.1"), found("K", "confirmed", "mail.example"));
    assert_eq!(reverse("2001:db8::1"), found("K", "confirmed", "six.example"));
    assert_eq!(reverse("2001:db8::2"), found("D", "unconfirmed", "six.example"));
    assert_eq!(reverse("192.0.2.2"), found("D", "unconfirmed", "other.example"));
    assert_eq!((reverse("192.0.2.3").0, reverse("192.0.2.3").1), ("Z".into(), "unknown".into()));
    assert_eq!(reverse("192.0.2.4"), found("Z", "unconfirmed", "broken.example"));
    assert_eq!(reverse("192.0.2.5"), found("D", "none", ""));
    assert_eq!(reverse("192.0.2.6"), found("D", "none", ""));
}

#[test]
fn domains_of_senders() {
    let names = Names::new(|name, kind| match (name, kind) {
        ("mx.example", Rtype::MX) => Act::Records(60, vec![Data::Mx("mail.example")]),
        ("null.example", Rtype::MX) => Act::Records(60, vec![Data::Mx(".")]),
        ("six.example", Rtype::AAAA) => Act::Records(60, vec![Data::Aaaa("2001:db8::1")]),
        ("broken.example", _) | ("half.example", Rtype::A) => Act::Fail,
        ("absent.example", _) => Act::Absent(60),
        _ => Act::Records(60, Vec::new()),
    });
    let instance = Instance::started(names.address, &[("dnsbltimeout", "20\n")]);
    let domain = |name: &str| {
        let (letter, rule, _) = instance.look("", "", name, "domain");
        format!("{letter} {rule}")
    };
    for (name, expected) in [
        ("mx.example", "K mx"),
        ("six.example", "K address"),
        ("null.example", "D null-mx"),
        ("absent.example", "D no-domain"),
        ("nothing.example", "D no-host"),
        ("broken.example", "Z unknown"),
        ("half.example", "Z unknown"),
    ] {
        assert_eq!(domain(name), expected, "{name}");
    }
}

/// lib/dns has its own tests for each; here the service must survive them, and go on.
#[test]
fn answers_that_are_none_do_no_harm() {
    let pointer_loop = [&b"\xc0\x2c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x02"[..], &[0xc0; 600]].concat();
    let acts = [
        Act::Raw(b"".to_vec()),
        Act::Raw(vec![0xff; 3000]),
        Act::Behind(vec![0xc0, 0x0c]),
        Act::Behind(pointer_loop),
        Act::Truncated,
        Act::Fail,
    ];
    for act in acts {
        let shown = format!("{act:?}");
        let names = Names::new(move |name, kind| if name.contains(".liar.") { act.clone() } else { usual(name, kind) });
        let instance = Instance::started(names.address, &[("dnsbllist", "liar.example\nbl.example\n"), ("dnsbltimeout", "1\n")]);
        assert_eq!(instance.client("192.0.2.66").1, "control/dnsbllist:2", "{shown}: {}", instance.log());
        assert_eq!(instance.client("192.0.2.1"), pass(), "{shown}: {}", instance.log());
    }
}

#[test]
fn questions_that_are_none_are_not_answered_with_yes() {
    let names = Names::new(usual);
    let mut instance = Instance::started(names.address, &[("dnsbllist", "bl.example\n")]);
    for question in [&["look"][..], &["look", "x", "", "", "client"], &["look", "", "", "", "everything"], &["other", "", "", ""]] {
        assert_ne!(instance.ask(question).verdict, stafett_ask::Verdict::Ok, "{question:?}");
    }
    assert!(instance.ask(&["look", "", "", ""]).fields.is_empty());
    assert_eq!(instance.client(""), pass());
    kill(Pid(instance.pid()), Signal::Terminate).unwrap();
    assert_eq!(instance.wait(), Some(0));
    assert!(instance.log().ends_with("status: exiting\n"), "{}", instance.log());
}
