//! Messages that go through: what the server gets, and how often it is connected to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use stafett_envelope::{Head, Recipient, Ret};
use support::server::{self, Action, reply};
use support::{Remote, Scope, Verdict, envelope, only};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

#[test]
fn a_message_arrives_with_its_head_and_stuffed_dots() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let mut facts = envelope(&["b@to.test"]);
    facts.head = vec![Head::Line("Received: from x".into()), Head::Line("\tby y".into())];
    let report = remote.host(server.port).send_with(&facts, b"A: b\r\n\r\n.dot\r\n..two\r\n.\r\nend\r\n");
    assert_eq!(only(&report), (Verdict::Ok, "127.0.0.1 accepted message. Remote host said: 250 2.0.0 queued as X"));
    assert!(report.reusable);
    assert_eq!(report.scope, Scope::Message);
    assert_eq!(server.journal.messages(), ["Received: from x\r\n\tby y\r\nA: b\r\n\r\n..dot\r\n...two\r\n..\r\nend\r\n"]);
    let commands = server.journal.lines();
    assert_eq!(commands[1..5], ["EHLO relay.test", "MAIL FROM:<a@from.test> SIZE=54", "RCPT TO:<b@to.test>", "DATA"]);
}

#[test]
fn an_empty_message_arrives() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    assert_eq!(only(&remote.host(server.port).send(&["b@to.test"], b"")).0, Verdict::Ok);
    assert_eq!(server.journal.messages(), [""]);
}

#[test]
fn a_large_message_arrives_whole() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let line = format!(".{}\r\n", "x".repeat(70));
    let message = line.repeat(100_000);
    let report = remote.host(server.port).send(&["b@to.test"], message.as_bytes());
    assert_eq!(only(&report).0, Verdict::Ok);
    assert!(server.journal.messages() == [format!(".{line}").repeat(100_000)]);
}

#[test]
fn the_connection_is_kept_for_the_next_message_and_ended_with_quit() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let mut delivery = remote.host(server.port);
    for _ in 0..3 {
        assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    }
    drop(delivery);
    server.journal.wait_for("CLOSED", 1);
    let journal = &server.journal;
    assert_eq!((journal.count("CONNECT"), journal.count("EHLO"), journal.count("RSET"), journal.count("QUIT")), (1, 1, 0, 1));
}

#[test]
fn the_commands_come_in_one_write() {
    let remote = Remote::start(&[]);
    // Says nothing until DATA is there; a client that waits for the reply to MAIL would wait in vain.
    let server = server::start(|_, event| match event.get(..4) {
        Some("MAIL" | "RCPT") => Action::Say(String::new()),
        Some("DATA") => Action::Say("250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n".into()),
        _ => Action::Default,
    });
    let report = remote.host(server.port).send(&["b@to.test", "c@to.test"], MESSAGE);
    assert_eq!(report.recipients[1].0, Verdict::Permanent);
    assert!(report.recipients[1].1.starts_with("127.0.0.1 does not like recipient. Remote host said: 550 no"));
}

#[test]
fn a_server_without_ehlo_is_greeted_with_helo_and_gets_one_command_at_a_time() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event.get(..4) {
        Some("EHLO") => reply("500 what?"),
        _ => Action::Default,
    });
    let mut facts = envelope(&["b@to.test"]);
    facts.eight_bit = true;
    facts.envid = Some("id".into());
    assert_eq!(only(&remote.host(server.port).send_with(&facts, MESSAGE)).0, Verdict::Ok);
    let commands = server.journal.lines();
    assert_eq!(commands[1..6], ["EHLO relay.test", "HELO relay.test", "MAIL FROM:<a@from.test>", "RCPT TO:<b@to.test>", "DATA"]);
}

#[test]
fn parameters_go_to_servers_that_offer_them() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let mut facts = envelope(&["b\u{e4}@to.test"]);
    (facts.eight_bit, facts.smtputf8, facts.ret, facts.envid) = (true, true, Some(Ret::Headers), Some("QQ314159".into()));
    facts.recipients[0].notify = Some("SUCCESS,FAILURE".into());
    facts.recipients[0].orcpt = Some("rfc822;b@to.test".into());
    assert_eq!(only(&remote.host(server.port).send_with(&facts, "h: \u{e4}\r\n\r\n".as_bytes())).0, Verdict::Ok);
    let commands = server.journal.lines();
    assert_eq!(commands[2], "MAIL FROM:<a@from.test> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159");
    assert_eq!(commands[3], "RCPT TO:<b\u{e4}@to.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@to.test");
}

/// As the copy that control/taps asks for.
#[test]
fn a_recipient_in_utf8_is_the_affair_of_its_transaction() {
    let remote = Remote::start(&[]);
    let facts = envelope(&["b\u{e4}@to.test", "c@to.test", "d@to.test"]);
    let server = server::start(|_, _| Action::Default);
    let report = remote.host(server.port).send_with(&facts, MESSAGE);
    assert!(report.recipients.iter().all(|(verdict, _)| *verdict == Verdict::Ok), "{report:?}");
    let lines = server.journal.lines();
    let said: Vec<&str> = lines.iter().filter(|line| line.contains(" FROM:") || line.contains(" TO:")).map(String::as_str).collect();
    let (plain, utf8) = ("MAIL FROM:<a@from.test> SIZE=", " SMTPUTF8");
    assert!(said[0].starts_with(plain) && !said[0].contains(utf8) && said[3].contains(utf8), "{said:?}");
    assert_eq!([said[1], said[2], said[4]], ["RCPT TO:<c@to.test>", "RCPT TO:<d@to.test>", "RCPT TO:<b\u{e4}@to.test>"]);

    let old = server::start(|_, event| if event.starts_with("EHLO") { reply("250 old.test") } else { Action::Default });
    let report = remote.host(old.port).send_with(&facts, MESSAGE);
    let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [Verdict::Permanent, Verdict::Ok, Verdict::Ok], "{report:?}");
    assert!(report.recipients[0].1.contains("#5.6.7"), "{report:?}");
}

#[test]
fn a_double_bounce_goes_out_with_the_empty_sender() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let mut facts = envelope(&["postmaster@to.test"]);
    facts.sender = "#@[]".into();
    assert_eq!(only(&remote.host(server.port).send_with(&facts, MESSAGE)).0, Verdict::Ok);
    assert_eq!(server.journal.count("MAIL FROM:<> "), 1);
}

#[test]
fn recipients_have_verdicts_of_their_own() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event {
        "RCPT TO:<later@to.test>" => reply("450 4.2.1 later"),
        "RCPT TO:<never@to.test>" => Action::Say("550-5.1.1 no\r\n550 5.1.1 such\x07user\r\n".into()),
        _ => Action::Default,
    });
    let report = remote.host(server.port).send(&["ok@to.test", "later@to.test", "never@to.test", "fine@to.test"], MESSAGE);
    let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [Verdict::Ok, Verdict::Temporary, Verdict::Permanent, Verdict::Ok]);
    assert_eq!(report.recipients[2].1, "127.0.0.1 does not like recipient. Remote host said: 550 5.1.1 no/5.1.1 such?user");
    assert!(report.reusable);
}

#[test]
fn recipients_that_are_too_many_get_another_transaction() {
    let remote = Remote::start(&[]);
    let seen = std::sync::Mutex::new(0);
    let server = server::start(move |_, event| {
        let mut seen = seen.lock().unwrap();
        match event.get(..4) {
            Some("MAIL") => *seen = 0,
            Some("RCPT") => *seen += 1,
            _ => {}
        }
        if event.starts_with("RCPT") && *seen > 2 { reply("452 4.5.3 too many") } else { Action::Default }
    });
    let addresses = ["a@to.test", "b@to.test", "c@to.test", "d@to.test", "e@to.test"];
    let report = remote.host(server.port).send(&addresses, MESSAGE);
    assert!(report.recipients.iter().all(|(verdict, _)| *verdict == Verdict::Ok), "{report:?}");
    assert_eq!((server.journal.count("MAIL"), server.journal.count("MESSAGE"), server.journal.count("CONNECT")), (3, 3, 1));
}

#[test]
fn an_old_connection_that_the_server_has_closed_is_replaced() {
    let remote = Remote::start(&[]);
    let server = server::start(|number, event| match event {
        "." if number == 1 => Action::SayAndClose("250 ok\r\n".into()),
        _ => Action::Default,
    });
    let mut delivery = remote.host(server.port);
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    server.journal.wait_for("CLOSED", 1);
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    assert_eq!(server.journal.count("CONNECT"), 2);
}

#[test]
fn a_server_that_has_had_enough_messages_is_connected_to_anew() {
    let remote = Remote::start(&[]);
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = server::start(move |_, event| {
        let second = event.starts_with("MAIL") && count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1;
        if second { Action::SayAndClose("421 enough\r\n".into()) } else { Action::Default }
    });
    let mut delivery = remote.host(server.port);
    for _ in 0..2 {
        assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    }
    assert_eq!(server.journal.count("CONNECT"), 2);
}

#[test]
fn a_refused_transaction_is_reset_before_the_next() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event {
        "RCPT TO:<no@to.test>" => reply("550 no"),
        _ => Action::Default,
    });
    let mut delivery = remote.host(server.port);
    assert_eq!(only(&delivery.send(&["no@to.test"], MESSAGE)).0, Verdict::Permanent);
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    // DATA was accepted without a recipient: an empty message, whose end closes the transaction.
    assert_eq!(server.journal.messages()[0], "");
    assert_eq!((server.journal.count("CONNECT"), server.journal.count("MESSAGE")), (1, 2));
}

#[test]
fn a_transaction_without_recipients_is_reset() {
    let remote = Remote::start(&[]);
    let refused = std::sync::atomic::AtomicBool::new(false);
    let server = server::start(move |_, event| match event {
        "RCPT TO:<no@to.test>" => {
            refused.store(true, std::sync::atomic::Ordering::SeqCst);
            reply("550 no")
        }
        "DATA" if refused.swap(false, std::sync::atomic::Ordering::SeqCst) => reply("554 no valid recipients"),
        _ => Action::Default,
    });
    let mut delivery = remote.host(server.port);
    let report = delivery.send(&["no@to.test"], MESSAGE);
    assert_eq!(only(&report), (Verdict::Permanent, "127.0.0.1 does not like recipient. Remote host said: 550 no"));
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    assert_eq!((server.journal.count("CONNECT"), server.journal.count("RSET")), (1, 1));
}

#[test]
fn addresses_that_would_break_the_dialogue_are_not_said() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let mut facts = envelope(&["x> NOTIFY=NEVER", "\"x> y\"@to.test"]);
    facts.recipients.push(Recipient::new("fine@to.test"));
    let report = remote.host(server.port).send_with(&facts, MESSAGE);
    let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [Verdict::Permanent, Verdict::Ok, Verdict::Ok]);
    assert_eq!(server.journal.count("RCPT"), 2);
}
