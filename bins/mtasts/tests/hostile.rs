//! Policy hosts that mean harm, or are just broken.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::time::{Duration, Instant};
use support::{Service, World, text_plain};

const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 604800\n";

/// What becomes of a policy that is announced and answered so.
fn trouble(world: &World, service: &Service, reply: &str) -> (String, String) {
    world.answer("mta-sts.a.test", reply);
    service.question(&["forget", "a.test"]);
    let known = service.known("a.test");
    assert_eq!(known.policy.mode.word(), "none", "{}", known.text);
    (known.trouble.unwrap_or_default(), known.text.replace("the domain announces a policy that cannot be had: ", ""))
}

#[test]
fn what_is_no_policy_is_none() {
    let world = World::new();
    world.text("_mta-sts.a.test", &["v=STSv1; id=1"]);
    let service = Service::start(&world);
    let reply = |status: &str, kind: &str, text: &str| {
        let length = text.len();
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nlocation: https://mta-sts.b.test/\r\ncontent-length: {length}\r\n\r\n{text}")
    };
    let huge = format!("{ENFORCE}{}", "x: y\n".repeat(20_000));
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n{huge}");
    let header =
        format!("HTTP/1.1 200 OK\r\n{}\r\n{ENFORCE}", "x-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(90));
    let larger = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n{ENFORCE}", "x".repeat(40_000));
    for (answer, result, words) in [
        (reply("301 Moved", "text/plain", ENFORCE), "sts-policy-fetch-error", "it answers with status 301"),
        (reply("404 No", "text/plain", ENFORCE), "sts-policy-fetch-error", "it answers with status 404"),
        (reply("203 Else", "text/plain", ENFORCE), "sts-policy-fetch-error", "it answers with status 203"),
        (reply("200 OK", "text/html", ENFORCE), "sts-policy-fetch-error", "what it sends is not text/plain but \"text/html\""),
        (reply("200 OK", "text/plain", "<html>"), "sts-policy-invalid", "its policy is none: it has a line that is not \"key: value\""),
        (reply("200 OK", "text/plain", "mode: none\nmax_age: 1\n"), "sts-policy-invalid", "its policy is none: its version is not STSv1"),
        (reply("200 OK", "text/plain", &huge), "sts-policy-invalid", "it sent more than 65536 bytes"),
        (endless, "sts-policy-invalid", "it sent more than 65536 bytes"),
        (larger, "sts-policy-invalid", "it sent too large a header"),
        (header, "sts-policy-fetch-error", ""),
        ("rubbish\r\n\r\n".to_owned(), "sts-policy-fetch-error", ""),
        (String::new(), "sts-policy-fetch-error", ""),
        (text_plain(ENFORCE).replace("Length: ", "Length: 9"), "sts-policy-fetch-error", ""),
    ] {
        let (found, said) = trouble(&world, &service, &answer);
        assert_eq!(found, result, "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(world.requests("mta-sts.b.test"), 0, "a redirect was followed");
}

#[test]
fn a_certificate_must_hold() {
    let world = World::new();
    let service = Service::start(&world);
    world.text("_mta-sts.a.test", &["v=STSv1; id=1"]);
    for (certificate, words) in [("other", "not valid for name"), ("expired", "expired"), ("alone", "certificate does not hold")] {
        world.certificate("mta-sts.a.test", certificate);
        let (result, said) = trouble(&world, &service, &text_plain(ENFORCE));
        assert_eq!(result, "sts-webpki-invalid", "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(world.requests("mta-sts.a.test GET"), 0, "a host without a good certificate was asked");
    world.certificate("mta-sts.a.test", "default");
    service.question(&["forget", "a.test"]);
    assert_eq!(service.short("a.test"), "enforce 1");
}

#[test]
fn slow_hosts_hold_up_neither_others_nor_callers_for_ever() {
    let world = World::new();
    for domain in ["a.test", "b.test", "c.test", "d.test"] {
        world.policy(domain, "1", ENFORCE);
    }
    world.mark("mta-sts.a.test", "slow");
    world.mark("mta-sts.b.test", "never");
    world.mark("mta-sts.c.test", "deaf");
    let service = Service::start(&world);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for domain in ["a.test", "b.test", "c.test"] {
            let service = &service;
            scope.spawn(move || {
                let known = service.known(domain);
                assert_eq!((known.policy.mode.word(), known.text.as_str()), ("none", "the policy has not been fetched yet"));
            });
        }
        assert_eq!(service.short("d.test"), "enforce 1", "a slow host has held up another");
    });
    assert!(begin.elapsed() >= Duration::from_secs(14));
}

#[test]
fn names_that_cannot_be_asked_for_are_no_promise() {
    let world = World::new();
    world.text("_mta-sts.a.test", &["servfail"]);
    world.text("_mta-sts.b.test", &["v=STSv1; id=1", "v=STSv1; id=2"]);
    let service = Service::start(&world);
    let known = service.known("a.test");
    assert_eq!((known.policy.mode.word(), known.trouble), ("none", None));
    assert!(known.text.contains("the server answered SERVFAIL"), "{}", known.text);
    assert_eq!(service.known("b.test").text, "the domain announces no policy");
    // no host of that name
    world.text("_mta-sts.c.test", &["v=STSv1; id=1"]);
    assert_eq!(service.known("c.test").trouble.as_deref(), Some("sts-policy-fetch-error"));
    world.policy("c.test", "1", ENFORCE);
    assert_eq!(service.short("c.test"), "none ", "a host that failed is left alone for a while");
}
