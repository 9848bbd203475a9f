//! Hosts that are down, slow or hostile: nobody who was there is lost by it, and nobody is accepted by accident.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::server::{self, Action, reply};
use support::{Callout, Verdict};

/// A host that knows `good…` and can be told to fail.
fn switchable(failure: impl Fn(&str) -> Action + Send + Sync + 'static) -> (server::Server, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let its_fails = Arc::clone(&fails);
    let host = server::start(move |_, event| match event {
        _ if its_fails.load(Ordering::Relaxed) => failure(event),
        event if event.starts_with("RCPT TO:<") && !event.starts_with("RCPT TO:<good") => reply("550 5.1.1 no"),
        _ => Action::Default,
    });
    (host, fails)
}

#[test]
fn who_was_valid_stays_valid_while_the_host_is_down_and_over_a_restart() {
    let (host, fails) = switchable(|_| Action::Close);
    let mut callout = Callout::for_port(host.port, "on yes=0 no=0");
    assert_eq!((callout.short("good@a.test"), callout.short("bad@a.test")), ("K asked".to_owned(), "D asked".to_owned()));
    fails.store(true, Ordering::Relaxed);
    assert_eq!(callout.short("good@a.test"), "K remembered");
    assert_eq!(callout.short("bad@a.test"), "D remembered");
    callout.restart(|_| {});
    assert_eq!(callout.short("good@a.test"), "K remembered");
    let no = callout.ask("bad@a.test");
    assert_eq!((no.verdict, no.text.get(..9)), (Verdict::Permanent, Some("550 5.1.1")));
    let later = callout.ask("new@a.test");
    assert_eq!(later.verdict, Verdict::Temporary);
    assert!(later.text.starts_with("451 4.4.1 the recipient's host cannot be asked"), "{}", later.text);
    assert_eq!(callout.log().matches("unable to ask 127.0.0.1:").count(), 2, "{}", callout.log());
}

#[test]
fn who_is_gone_is_forgotten_on_disk_too() {
    let (host, fails) = switchable(|_| Action::Close);
    let mut callout = Callout::for_port(host.port, "on yes=0 no=0");
    std::fs::write(callout.path("state/callout/known"), format!("{} gone@a.test\nrubbish\n17", now())).unwrap();
    callout.restart(|_| {});
    assert_eq!(callout.short("gone@a.test"), "D asked");
    fails.store(true, Ordering::Relaxed);
    assert_eq!(callout.short("gone@a.test"), "D remembered");
    callout.restart(|_| {});
    assert_eq!(callout.short("gone@a.test"), "D remembered");
}

#[test]
fn a_memory_has_an_end() {
    let (port, _kept) = closed_port();
    let mut callout = Callout::for_port(port, "on remember=2");
    let text = format!("{} lately@a.test\n{} long-ago@a.test\n", now() - 86_400, now() - 3 * 86_400);
    std::fs::write(callout.path("state/callout/known"), text).unwrap();
    callout.restart(|_| {});
    assert_eq!(callout.short("lately@a.test"), "K remembered");
    assert_eq!(callout.short("long-ago@a.test"), "Z away");
}

#[test]
fn nothing_is_forgotten_while_the_host_is_down_however_long() {
    let (host, fails) = switchable(|_| Action::Close);
    fails.store(true, Ordering::Relaxed);
    let mut callout = Callout::for_port(host.port, "on remember=2 refuse=2");
    let days_ago = |days: u64| now() - days * 86_400;
    let said = [(11, "", "good1"), (13, "", "good2"), (11, "-", "bad1"), (13, "-", "bad2")];
    let mut text: String = said.iter().map(|(days, sign, name)| format!("{sign}{} {name}@a.test\n", days_ago(*days))).collect();
    // Away for ten days: what was a day old then is so still.
    text.push_str(&format!("{} @@127.0.0.1:{}\n", days_ago(10), host.port));
    std::fs::write(callout.path("state/callout/known"), text).unwrap();
    callout.restart(|_| {});
    let answers = ["good1", "good2", "bad1", "bad2"].map(|name| callout.short(&format!("{name}@a.test")));
    assert_eq!(answers, ["K remembered", "Z away", "D remembered", "Z away"]);
    fails.store(false, Ordering::Relaxed);
    // It is left alone for a while, which a restart ends.
    callout.restart(|_| {});
    assert_eq!((callout.short("good3@a.test"), callout.short("bad1@a.test")), ("K asked".to_owned(), "D asked".to_owned()));
    callout.restart(|_| {});
    assert!(std::fs::read_to_string(callout.path("state/callout/known")).unwrap().contains("0 @@127.0.0.1:"));
}

#[test]
fn those_who_were_never_asked_for_are_accepted_where_the_admin_wants_that() {
    let (port, _kept) = closed_port();
    let callout = Callout::for_port(port, "on unknown=accept");
    assert_eq!(callout.short("anybody@a.test"), "K away");
}

#[test]
fn whatever_is_no_answer_about_the_recipient_is_no_answer() {
    for (step, said) in [
        ("CONNECT", "554 5.3.2 no service\r\n"),
        ("CONNECT", "HTTP/1.1 400 Bad Request\r\n"),
        ("EHLO relay.test", "250-x\r\n999 y\r\n"),
        ("MAIL FROM:<>", "550 5.7.1 no bounces here\r\n"),
        ("MAIL FROM:<>", "451 4.3.0 later\r\n"),
        ("MAIL FROM:<>", "354 go ahead\r\n"),
        ("RCPT TO:<good@a.test>", "421 4.3.2 shutting down\r\n"),
        ("RCPT TO:<good@a.test>", "\0\0\0\0\r\n"),
        ("RCPT TO:<good@a.test>", "550-5.1.1 one\r\n250 two\r\n"),
        ("RCPT TO:<good@a.test>", "199 odd\r\n"),
    ] {
        let host = server::start(move |_, event| if event == step { Action::SayAndClose(said.to_owned()) } else { Action::Default });
        let callout = Callout::for_port(host.port, "on");
        assert_eq!(callout.short("good@a.test"), "Z away", "{step}: {said}\n{}", callout.log());
    }
}

#[test]
fn an_endless_reply_costs_nothing_but_the_connection() {
    let host = server::start(|_, event| match event {
        event if event.starts_with("RCPT") => Action::SayAndClose("550-words\r\n".repeat(100_000)),
        _ => Action::Default,
    });
    let callout = Callout::for_port(host.port, "on");
    assert_eq!(callout.short("good@a.test"), "Z away");
    callout.wait_for_log("reply too long");
}

#[test]
fn a_slow_host_is_answered_for_in_time_and_its_answer_still_counts() {
    let release = Arc::new(AtomicBool::new(false));
    let its_release = Arc::clone(&release);
    let host = server::start(move |_, event| {
        if event.starts_with("RCPT TO:<slow") {
            let begin = Instant::now();
            while !its_release.load(Ordering::Relaxed) && begin.elapsed() < Duration::from_secs(50) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Action::Default
    });
    let callout = Callout::for_port(host.port, "on wait=1");
    let answer = callout.ask("slow@a.test");
    assert_eq!(support::short(&answer), "Z late");
    assert!(answer.text.starts_with("451 4.4.1 "), "{}", answer.text);
    release.store(true, Ordering::Relaxed);
    let begin = Instant::now();
    while callout.short("slow@a.test") != "K known" {
        assert!(begin.elapsed() < support::PATIENCE, "{}", callout.log());
    }
}

#[test]
fn a_host_that_hangs_holds_nobody_else_up() {
    let deaf = server::start(|_, _| Action::Hang);
    let (host, _) = switchable(|_| Action::Close);
    let routes = format!("deaf.test:127.0.0.1:{}\na.test:127.0.0.1:{}\n", deaf.port, host.port);
    let callout = Callout::start(&[("smtproutes", &routes), ("callout", ":on wait=2\n")]);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..20)
            .map(|number| {
                scope.spawn({
                    let callout = &callout;
                    move || callout.short(&format!("x{number}@deaf.test"))
                })
            })
            .collect();
        assert_eq!(callout.short("good@a.test"), "K asked");
        for answer in waiting {
            assert_eq!(answer.join().unwrap(), "Z late");
        }
    });
    assert!(deaf.journal.count("CONNECT") <= 2);
}

#[test]
fn a_host_that_comes_back_is_said_once() {
    let (host, fails) = switchable(|_| reply("421 4.3.2 not now"));
    fails.store(true, Ordering::Relaxed);
    let callout = Callout::for_port(host.port, "on");
    assert_eq!(callout.short("good1@a.test"), "Z away");
    assert_eq!(callout.short("good2@a.test"), "Z away");
    assert_eq!(host.journal.count("CONNECT"), 1, "it is left alone for a while");
    assert_eq!(callout.log().matches("unable to ask").count(), 1);
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A port of loopback at which nobody listens, as long as the descriptor is kept.
fn closed_port() -> (u16, std::os::fd::OwnedFd) {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address: SocketAddr = getsockname(&socket).unwrap().try_into().unwrap();
    (address.port(), socket)
}
