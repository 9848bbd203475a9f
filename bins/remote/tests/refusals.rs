//! Servers that refuse, lie, stop or vanish, at each step of the dialogue.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use support::server::{self, Action, Server, reply};
use support::{Remote, Scope, Verdict, envelope, only};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

/// A server that answers the event that begins so with this.
fn at(step: &'static str, action: impl Fn() -> Action + Send + Sync + 'static) -> Server {
    server::start(move |_, event| if event.starts_with(step) { action() } else { Action::Default })
}

fn send(remote: &Remote, server: &Server) -> (Verdict, String, Scope, bool) {
    let report = remote.host(server.port).send(&["b@to.test"], MESSAGE);
    let (verdict, text) = only(&report);
    (verdict, text.to_owned(), report.scope, report.reusable)
}

#[test]
fn refusals_at_each_step() {
    let remote = Remote::start(&[]);
    let cases = [
        ("CONNECT", "421 busy", Verdict::Temporary, "greeting failed", Scope::Destination),
        ("CONNECT", "554 go away", Verdict::Temporary, "greeting failed", Scope::Destination),
        ("EHLO", "421 busy", Verdict::Temporary, "my name was rejected", Scope::Destination),
        ("EHLO", "450 busy", Verdict::Temporary, "my name was rejected", Scope::Destination),
        ("MAIL", "451 later", Verdict::Temporary, "Connected to 127.0.0.1 but sender was rejected.", Scope::Message),
        ("MAIL", "553 no", Verdict::Permanent, "Connected to 127.0.0.1 but sender was rejected.", Scope::Message),
        ("RCPT", "451 later", Verdict::Temporary, "127.0.0.1 does not like recipient.", Scope::Message),
        ("RCPT", "550 no", Verdict::Permanent, "127.0.0.1 does not like recipient.", Scope::Message),
        ("RCPT", "552 too many", Verdict::Temporary, "127.0.0.1 does not like recipient.", Scope::Message),
        ("DATA", "451 later", Verdict::Temporary, "127.0.0.1 failed on DATA command.", Scope::Message),
        ("DATA", "554 no", Verdict::Permanent, "127.0.0.1 failed on DATA command.", Scope::Message),
        (".", "452 full", Verdict::Temporary, "127.0.0.1 failed after I sent the message.", Scope::Message),
        (".", "554 spam", Verdict::Permanent, "127.0.0.1 failed after I sent the message.", Scope::Message),
    ];
    for (step, said, verdict, words, scope) in cases {
        let server = at(step, move || reply(said));
        let (seen, text, seen_scope, reusable) = send(&remote, &server);
        assert_eq!((seen, seen_scope), (verdict, scope), "{step} {said}: {text}");
        assert!(text.contains(words) && text.contains(&format!("Remote host said: {said}")), "{step} {said}: {text}");
        assert_eq!(reusable, scope == Scope::Message, "{step} {said}");
    }
}

#[test]
fn a_server_that_refuses_helo_too_is_of_no_use() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event.get(1..4) {
        Some("HLO" | "ELO") => reply("502 no"),
        _ => Action::Default,
    });
    assert_eq!(send(&remote, &server).2, Scope::Destination);
}

#[test]
fn a_server_that_vanishes_at_each_step() {
    let remote = Remote::start(&[]);
    for (step, scope) in [
        ("CONNECT", Scope::Destination),
        ("EHLO", Scope::Destination),
        ("MAIL", Scope::Message),
        ("RCPT", Scope::Message),
        ("DATA", Scope::Message),
        (".", Scope::Message),
    ] {
        let server = at(step, || Action::Close);
        let (verdict, text, seen, reusable) = send(&remote, &server);
        assert_eq!((verdict, seen, reusable), (Verdict::Temporary, scope, false), "{step}: {text}");
        assert_eq!(text.contains("Possible duplicate!"), step == ".", "{step}: {text}");
    }
}

#[test]
fn a_server_that_hangs_at_each_step() {
    let remote = Remote::start(&[("timeoutremote", "1\n")]);
    for step in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        let server = at(step, || Action::Hang);
        let (verdict, text, ..) = send(&remote, &server);
        assert_eq!(verdict, Verdict::Temporary, "{step}: {text}");
        assert!(text.contains("no answer in time"), "{step}: {text}");
        assert_eq!(text.contains("Possible duplicate!"), step == ".", "{step}: {text}");
    }
}

#[test]
fn a_server_that_talks_nonsense_at_each_step() {
    let remote = Remote::start(&[]);
    for step in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        for nonsense in ["hello\r\n", "\0\0\0\0\r\n", "250-a\r\n550 b\r\n", "650 x\r\n", "25\r\n", "150 x\r\n", "2500 x\r\n"] {
            let server = at(step, move || Action::Say(nonsense.to_owned()));
            let (verdict, text, _, reusable) = send(&remote, &server);
            assert_eq!((verdict, reusable), (Verdict::Temporary, false), "{step} {nonsense:?}: {text}");
        }
    }
}

#[test]
fn endless_replies_are_cut_off() {
    let remote = Remote::start(&[]);
    for step in ["CONNECT", "EHLO", "MAIL", "."] {
        for endless in ["250-on and on\r\n".repeat(100_000), format!("250 {}", "x".repeat(1_000_000))] {
            let server = at(step, move || Action::Say(endless.clone()));
            let (verdict, text, _, reusable) = send(&remote, &server);
            assert_eq!((verdict, reusable), (Verdict::Temporary, false), "{step}: {text}");
            assert!(text.contains("too long"), "{step}: {text}");
        }
    }
}

#[test]
fn replies_of_the_wrong_kind_are_no_success() {
    let remote = Remote::start(&[]);
    for (step, said) in [("CONNECT", "354 x"), ("MAIL", "354 x"), ("RCPT", "354 x"), ("DATA", "250 x"), (".", "354 x")] {
        let server = at(step, move || reply(said));
        let (verdict, text, ..) = send(&remote, &server);
        assert_eq!(verdict, Verdict::Temporary, "{step}: {text}");
    }
}

#[test]
fn four_two_one_in_the_middle_of_a_pipeline_defers_whoever_is_undecided() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event {
        "RCPT TO:<never@to.test>" => reply("550 no"),
        "RCPT TO:<c@to.test>" => Action::SayAndClose("421 going down\r\n".into()),
        _ => Action::Default,
    });
    let report = remote.host(server.port).send(&["a@to.test", "never@to.test", "c@to.test", "d@to.test"], MESSAGE);
    let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [Verdict::Temporary, Verdict::Permanent, Verdict::Temporary, Verdict::Temporary]);
    assert!(!report.reusable);
    assert!(report.recipients[0].1.contains("421 going down"));
}

#[test]
fn four_two_one_after_the_message_is_a_deferral() {
    let remote = Remote::start(&[]);
    let server = at(".", || reply("421 4.3.2 going down"));
    let (verdict, text, _, reusable) = send(&remote, &server);
    assert_eq!((verdict, reusable), (Verdict::Temporary, false));
    assert!(text.contains("failed after I sent the message"), "{text}");
}

#[test]
fn a_server_that_offers_pipelining_and_refuses_it_gets_one_command_at_a_time() {
    let remote = Remote::start(&[]);
    let server = server::start(|number, event| match event.get(..4) {
        Some("RCPT") if number == 1 => reply("503 5.5.1 one at a time, please"),
        _ => Action::Default,
    });
    let mut delivery = remote.host(server.port);
    for _ in 0..2 {
        assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    }
    assert_eq!(server.journal.count("CONNECT"), 2);
}

#[test]
fn a_refusal_of_the_recipient_is_believed_without_pipelining() {
    let remote = Remote::start(&[]);
    let server = at("RCPT", || reply("503 5.5.1 no"));
    assert_eq!(send(&remote, &server).0, Verdict::Permanent);
    assert_eq!(server.journal.count("CONNECT"), 2);
}

#[test]
fn an_answer_before_the_message_is_no_answer_to_it() {
    let remote = Remote::start(&[]);
    let server = at("DATA", || Action::Say("354 go\r\n250 accepted already\r\n".into()));
    let (verdict, text, _, reusable) = send(&remote, &server);
    assert_eq!((verdict, reusable), (Verdict::Temporary, false), "{text}");
}

#[test]
fn a_message_above_the_size_limit_is_not_offered() {
    let remote = Remote::start(&[]);
    let server = at("EHLO", || Action::Say("250-fake\r\n250 SIZE 10\r\n".into()));
    let (verdict, text, scope, reusable) = send(&remote, &server);
    assert_eq!((verdict, scope, reusable), (Verdict::Permanent, Scope::Message, true));
    assert!(text.contains("takes at most 10 bytes") && text.contains("(#5.3.4)"), "{text}");
    assert_eq!(server.journal.count("MAIL"), 0);
}

#[test]
fn eight_bit_content_needs_a_server_for_it() {
    let remote = Remote::start(&[]);
    let server = at("EHLO", || Action::Say("250 fake\r\n".into()));
    let mut facts = envelope(&["b@to.test"]);
    facts.eight_bit = true;
    let mut delivery = remote.host(server.port);
    let report = delivery.send_with(&facts, "a: b\r\n\r\n\u{e4}\r\n".as_bytes());
    assert_eq!(only(&report).0, Verdict::Permanent);
    assert!(only(&report).1.contains("(#5.6.3)"));
    assert_eq!(only(&delivery.send_with(&facts, MESSAGE)).0, Verdict::Ok);
}

/// Postfix refuses a sender without a full domain with 504, and that may look like a refusal of our parameters.
#[test]
fn one_message_does_not_cost_the_next_what_the_server_offers() {
    let remote = Remote::start(&[]);
    let server = at("RCPT TO:<b@to.test>", || reply("504 5.5.2 need fully-qualified address"));
    let mut delivery = remote.host(server.port);
    let refused = delivery.send(&["b@to.test"], MESSAGE);
    assert!(only(&refused).0 == Verdict::Permanent && only(&refused).1.contains("504 5.5.2"), "{refused:?}");
    let mut facts = envelope(&["c@to.test"]);
    facts.eight_bit = true;
    let next = delivery.send_with(&facts, "a: b\r\n\r\n\u{e4}\r\n".as_bytes());
    assert_eq!(only(&next).0, Verdict::Ok, "{next:?}");
    assert!(server.journal.lines().iter().any(|line| line.ends_with("BODY=8BITMIME")));
}

#[test]
fn utf8_addresses_and_headers_need_a_server_for_them() {
    let remote = Remote::start(&[]);
    let server = at("EHLO", || Action::Say("250-fake\r\n250 8BITMIME\r\n".into()));
    let mut delivery = remote.host(server.port);
    let mut facts = envelope(&["b@to.test"]);
    facts.smtputf8 = true;
    facts.eight_bit = true;
    let header = delivery.send_with(&facts, "a: \u{e4}\r\n\r\n".as_bytes());
    assert!(only(&header).0 == Verdict::Permanent && only(&header).1.contains("(#5.6.7)"), "{header:?}");
    // Nothing in UTF-8 but the body: the message needs 8BITMIME alone.
    assert_eq!(only(&delivery.send_with(&facts, "a: b\r\n\r\n\u{e4}\r\n".as_bytes())).0, Verdict::Ok);
    assert_eq!(server.journal.count("MAIL FROM:<a@from.test> BODY=8BITMIME"), 1);
    facts.recipients[0].address = "\u{e4}@to.test".into();
    assert!(only(&delivery.send_with(&facts, MESSAGE)).1.contains("(#5.6.7)"));
}

#[test]
fn a_message_that_cannot_be_read_is_not_ended() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let mut delivery = remote.host(server.port);
    delivery.order(&envelope(&["b@to.test"]), MESSAGE, 100_000);
    let report = delivery.report();
    assert_eq!(only(&report).0, Verdict::Temporary);
    assert!(only(&report).1.contains("Unable to read message"), "{report:?}");
    server.journal.wait_for("CLOSED", 1);
    assert_eq!(server.journal.count("MESSAGE"), 0);
}
