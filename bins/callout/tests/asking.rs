//! What is asked of a host, what its answers mean, and what is remembered of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::thread;

use support::server::{self, Action, reply};
use support::{Callout, Verdict, short};

/// Knows whoever begins with `good`, greylists `grey`, has no room for `full`, takes everybody at `all.test`.
fn host() -> server::Server {
    server::start(|_, event| match event.strip_prefix("RCPT TO:<") {
        None => Action::Default,
        Some(rest) if rest.starts_with("good") || rest.contains("@all.test") => Action::Default,
        Some(rest) if rest.starts_with("grey") => reply("450 4.2.0 greylisted, come back"),
        Some(rest) if rest.starts_with("full") => reply("552 5.2.2 mailbox full"),
        Some(_) => Action::Say("550-5.1.1 nobody\x07\r\n550 5.1.1 of that name\r\n".to_owned()),
    })
}

#[test]
fn yes_no_and_later_come_from_the_host() {
    let host = host();
    let callout = Callout::for_port(host.port, "on");
    assert_eq!(callout.short("good@a.test"), "K asked");
    let no = callout.ask("bad@a.test");
    assert_eq!((no.verdict, short(&no)), (Verdict::Permanent, "D asked".to_owned()));
    assert_eq!(no.text, "550 5.1.1 the recipient's host said: 550 5.1.1 nobody?/5.1.1 of that name");
    assert_eq!(no.field(1).unwrap(), format!("127.0.0.1:{}", host.port));
    let later = callout.ask("grey@a.test");
    assert_eq!(later.text, "450 4.2.0 the recipient's host said: 450 4.2.0 greylisted, come back");
    assert_eq!(short(&callout.ask("full@a.test")), "Z asked");
    assert_eq!(callout.short("no such thing"), "Z ");
    assert_eq!(callout.question(&["dance"]).verdict, Verdict::Temporary);
}

#[test]
fn answers_are_kept_and_the_connection_too() {
    let host = host();
    let callout = Callout::for_port(host.port, "on connections=1");
    for _ in 0..2 {
        for number in 0..5 {
            let source = callout.short(&format!("good{number}@a.test"));
            assert!(["K asked", "K known"].contains(&source.as_str()));
            callout.short(&format!("bad{number}@A.test"));
        }
        callout.short("grey@a.test");
    }
    assert_eq!((callout.short("good0@a.test"), callout.short("bad0@a.test")), ("K known".to_owned(), "D known".to_owned()));
    let journal = &host.journal;
    assert_eq!(journal.count("CONNECT"), 1, "{:?}", journal.lines());
    assert_eq!(journal.count("EHLO relay.test"), 1);
    assert_eq!((journal.count("RCPT TO:<good"), journal.count("RCPT TO:<bad"), journal.count("RCPT TO:<grey")), (5, 5, 2));
    assert_eq!(journal.count("MAIL FROM:<>"), journal.count("RSET") + 1);
    assert_eq!(journal.count("DATA"), 0);
    // one question after somebody who does not exist
    assert_eq!(journal.count("RCPT TO:<q"), 1);
}

#[test]
fn a_no_is_asked_for_again_after_its_lifetime() {
    let host = host();
    let callout = Callout::for_port(host.port, "on no=0 yes=0");
    for _ in 0..2 {
        assert_eq!(callout.short("bad@a.test"), "D asked");
        assert_eq!(callout.short("good@a.test"), "K asked");
    }
}

#[test]
fn a_host_that_takes_everybody_is_found_out_and_left_alone() {
    let host = host();
    let callout = Callout::for_port(host.port, "on");
    assert_eq!(callout.short("first@all.test"), "K asked");
    callout.wait_for_log("warning: every recipient of all.test is accepted by 127.0.0.1:");
    let asked = host.journal.count("RCPT");
    assert_eq!(callout.short("second@all.test"), "K everybody");
    assert_eq!(callout.short("third@all.test"), "K everybody");
    assert_eq!(host.journal.count("RCPT"), asked);
    assert_eq!(callout.short("bad@a.test"), "D asked");
}

#[test]
fn the_rule_of_the_domain_counts_and_changes_at_once() {
    let host = host();
    let callout = Callout::start(&[
        ("smtproutes", &format!(":127.0.0.1:{}\n", host.port)),
        ("callout", "a.test:on sender=probe@relay.test\n.a.test:off\n"),
    ]);
    assert_eq!(callout.short("bad@a.test"), "D asked");
    assert_eq!(host.journal.count("MAIL FROM:<probe@relay.test>"), 1);
    assert_eq!((callout.short("bad@x.a.test"), callout.short("bad@b.test")), ("K off".to_owned(), "K off".to_owned()));
    callout.control("callout", "b.test:on\n");
    assert_eq!((callout.short("bad@b.test"), callout.short("bad@a.test")), ("D asked".to_owned(), "K off".to_owned()));
    callout.control("callout", "b.test:maybe\n");
    assert_eq!(callout.short("bad2@b.test"), "D asked");
    callout.wait_for_log("control/callout:1: \"maybe\" is neither on nor off");
}

#[test]
fn many_questions_at_once_share_few_connections() {
    let host = host();
    let callout = Callout::for_port(host.port, "on connections=3");
    thread::scope(|scope| {
        for number in 0..60 {
            let callout = &callout;
            // the same recipient many times, and many recipients
            scope.spawn(move || assert!(callout.short(&format!("good{}@a.test", number % 20)).starts_with("K ")));
        }
    });
    assert!(host.journal.count("CONNECT") <= 3);
    assert_eq!(host.journal.count("RCPT TO:<good"), 20);
}

#[test]
fn a_server_that_closes_idle_connections_is_no_trouble() {
    let host = server::start(|number, event| match event {
        // what follows the first answers is a farewell
        "RSET" if number < 3 => Action::SayAndClose("421 4.4.2 idle for too long\r\n".to_owned()),
        _ if event.starts_with("RCPT TO:<bad") => reply("550 no"),
        _ => Action::Default,
    });
    let callout = Callout::for_port(host.port, "on connections=1");
    assert_eq!(callout.short("bad1@a.test"), "D asked");
    assert_eq!(callout.short("bad2@a.test"), "D asked");
    assert_eq!(host.journal.count("CONNECT"), 2);
}

#[test]
fn the_next_hop_by_mx_is_asked() {
    let host = host();
    let names = support::names::start(&[("a.test", "mx 10 mail.a.test"), ("mail.a.test", "a 127.0.0.1"), ("null.test", "mx 0 .")]);
    let routes = format!(":\n::{}\n", host.port);
    let callout = Callout::start(&[("resolvers", &names), ("smtproutes", &routes), ("callout", ":on\n")]);
    assert_eq!((callout.short("good@a.test"), callout.short("bad@a.test")), ("K asked".to_owned(), "D asked".to_owned()));
    let none = callout.ask("x@nowhere.test");
    assert!(none.verdict == Verdict::Permanent && none.text.starts_with("550 5.1.2 "), "{none:?}");
    assert_eq!(callout.ask("x@null.test").verdict, Verdict::Permanent);
}

#[test]
fn a_host_that_puts_off_leads_to_the_next_one() {
    let busy = server::start(|_, event| match event {
        event if event.starts_with("RCPT TO:<later") || event.starts_with("RCPT TO:<never") => reply("451 4.2.0 busy here"),
        event if event.starts_with("RCPT TO:<lost") => Action::Close,
        event if event.starts_with("RCPT TO:<bad") => reply("550 5.1.1 no"),
        _ => Action::Default,
    });
    let next = server::start_at(format!("127.0.0.2:{}", busy.port).parse().unwrap(), |_, event| match event {
        event if event.contains("bad") => reply("550 5.1.1 not there"),
        event if event.starts_with("RCPT TO:<never") => reply("451 4.2.0 busy there"),
        _ => Action::Default,
    });
    let table =
        [("a.test", "mx 10 one.a.test"), ("a.test", "mx 20 two.a.test"), ("one.a.test", "a 127.0.0.1"), ("two.a.test", "a 127.0.0.2")];
    let names = support::names::start(&table);
    let routes = format!(":\n::{}\n", busy.port);
    let callout = Callout::start(&[("resolvers", &names), ("smtproutes", &routes), ("callout", ":on connections=1\n")]);
    // on a new connection, on one that was there, and on one that is lost
    for _ in 0..2 {
        assert_eq!(callout.ask("later-bad@a.test").verdict, Verdict::Permanent);
        assert_eq!(callout.question(&["forget", "later-bad@a.test"]).verdict, Verdict::Ok);
        assert_eq!(callout.short("bad@a.test"), "D asked");
        assert_eq!(callout.question(&["forget", "bad@a.test"]).verdict, Verdict::Ok);
    }
    assert_eq!(callout.short("lost-bad@a.test"), "D asked");
    let never = callout.ask("never@a.test");
    assert!(never.verdict == Verdict::Temporary && never.text.contains("busy here"), "{never:?}");
    assert_eq!((next.journal.count("CONNECT"), busy.journal.count("RCPT TO:<later-bad@")), (4, 2));
}

#[test]
fn what_control_forbids_is_not_connected_to() {
    let host = host();
    let callout =
        Callout::start(&[("smtproutes", &format!(":127.0.0.1:{}\n", host.port)), ("callout", ":on\n"), ("destinations", "192.0.2.0/24\n")]);
    assert_eq!(callout.short("good@a.test"), "Z away");
    callout.wait_for_log("control/destinations");
    assert_eq!(host.journal.count("CONNECT"), 0);
}

#[test]
fn only_the_admin_may_make_it_forget() {
    let host = host();
    let callout = Callout::for_port(host.port, "on");
    assert_eq!(callout.short("bad@a.test"), "D asked");
    assert_eq!(callout.question(&["forget", "bad@a.test"]).text, "forgotten");
    assert_eq!(callout.question(&["forget", "bad@a.test"]).text, "nothing was known");
    assert_eq!(callout.short("bad@a.test"), "D asked");
}
