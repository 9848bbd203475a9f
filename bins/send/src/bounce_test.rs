use crate::bounce::{Action, DOUBLE, Fact, Fate, Original, compose, fate};
use crate::settings::Bounces;
use stafett_envelope::{Envelope, Head, Recipient, Ret};
use stafett_queue_store::Id;
use std::io::Write;

fn settings() -> Bounces {
    Bounces { from: "MAILER-DAEMON@relay.example".into(), max_bytes: 1000, double_to: Some("postmaster@relay.example".into()) }
}

fn bounce_of(content: &[u8], envelope: &Envelope, failures: &[Fact]) -> String {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    let original = Original { id: Id(1_763_758_000_123_456), envelope, size: content.len() as u64, file: Some(&file) };
    let (made, message) = compose(&original, failures, "", "sender@example.org", "relay.example", &settings());
    assert_eq!(made.sender, "");
    assert_eq!(made.recipients[0].address, "sender@example.org");
    let text = String::from_utf8(message).unwrap();
    assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']), "strict CRLF lines");
    text
}

fn failure(address: &str, text: &str) -> Fact {
    Fact { recipient: Recipient::new(address), action: Action::Failed, text: text.into(), time: 1_763_758_000 }
}

#[test]
fn who_hears_of_a_failure_is_as_in_qmail() {
    assert_eq!(fate("a@b", &settings()), Fate::Bounce { sender: "", to: "a@b".into() });
    assert_eq!(fate("", &settings()), Fate::Bounce { sender: DOUBLE, to: "postmaster@relay.example".into() });
    assert_eq!(fate(DOUBLE, &settings()), Fate::Discard);
    assert_eq!(fate("", &Bounces { double_to: None, ..settings() }), Fate::Discard);
}

#[test]
fn a_bounce_says_who_why_and_returns_a_small_message_whole() {
    let said = "192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 no such user\nGiving up on 192.0.2.1.";
    let text = bounce_of(b"Subject: x\r\n\r\nbody\r\n", &Envelope::default(), &[failure("a@example.net", said)]);
    for part in [
        "Hi. This is the stafett-send program at relay.example.",
        "<a@example.net>:\r\n",
        "Final-Recipient: rfc822;a@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user",
        "Content-Type: message/rfc822\r\n",
        "\r\nSubject: x\r\n\r\nbody\r\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

/// Managers of mailing lists unsubscribe whoever stands behind these words in this form (QSBMF).
#[test]
fn only_what_has_failed_is_written_as_in_a_bounce() {
    let relayed = |address| Fact { action: Action::Relayed, ..failure(address, "Remote host said: 250 ok") };
    let report = |facts: &[Fact]| bounce_of(b"Subject: x\r\n\r\nbody\r\n", &Envelope::default(), facts);
    let good = report(&[relayed("a@example.net")]);
    assert!(!good.contains("Hi. This is") && !good.contains("<a@example.net>:") && good.contains("To a@example.net\r\n"), "{good}");
    let mixed = report(&[relayed("a@example.net"), failure("b@example.net", "no")]);
    assert!(mixed.contains("Hi. This is") && mixed.contains("<b@example.net>:\r\n") && !mixed.contains("<a@example.net>:"), "{mixed}");
}

#[test]
fn a_large_message_or_ret_hdrs_returns_the_header_alone() {
    let big = [b"Subject: x\r\nTo: y\r\n\r\n".as_slice(), "secret body\r\n".repeat(200).as_bytes()].concat();
    let small = b"Subject: x\r\nTo: y\r\n\r\nsecret body\r\n";
    let headers = Envelope { ret: Some(Ret::Headers), ..Envelope::default() };
    for (content, envelope) in [(&big[..], &Envelope::default()), (&small[..], &headers)] {
        let text = bounce_of(content, envelope, &[failure("a@example.net", "no")]);
        assert!(text.contains("text/rfc822-headers") && text.contains("To: y\r\n") && !text.contains("secret"), "{text}");
    }
}

#[test]
fn what_strangers_say_cannot_leave_its_place() {
    let hostile = "550 x\r\n--1763758000123456/stafett\r\nContent-Type: text/html\r\n\r\n<script>";
    let envelope =
        Envelope { envid: Some("a+0D+0AX-Evil:+201".into()), head: vec![Head::Line("Received: by us".into())], ..Envelope::default() };
    let mut bad = failure("a@example.net", hostile);
    bad.recipient.orcpt = Some("rfc822;b+0A+0AX-Evil:+202".into());
    let text = bounce_of(b"Subject: x\r\n\r\nbody\r\n", &envelope, &[bad]);
    assert!(!text.contains("\nX-Evil") && !text.contains("\nContent-Type: text/html"), "{text}");
    assert_eq!(text.matches("\r\n--1763758000123456/stafett").count(), 4, "three parts and the end");
    assert!(text.contains("\r\n\r\nReceived: by us\r\nSubject: x\r\n"));
}

/// Who knows when a message will be queued can guess its id, and so the border.
#[test]
fn a_guessed_border_does_not_open_a_part() {
    let content = b"Subject: x\r\n\r\n--1763758000123456/stafett\r\nContent-Type: text/html\r\n\r\n--1763758000123456/stafett+\r\n";
    let text = bounce_of(content, &Envelope::default(), &[failure("a@example.net", "no")]);
    let border = text.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(!String::from_utf8_lossy(content).contains(border), "{border}");
    assert_eq!(text.matches(&format!("\r\n--{border}")).count(), 4, "three parts and the end");
}

/// ORCPT and ENVID may hide bytes above 127 in xtext: they neither break a report of 7 bits nor go undeclared.
#[test]
fn a_report_has_as_many_bits_as_it_says() {
    let mut failed = failure("a@example.net", "no");
    failed.recipient.orcpt = Some("rfc822;+C3+A4+FF@c".into());
    let plain = Envelope { envid: Some("+C3+A4".into()), ..Envelope::default() };
    let text = bounce_of(b"x: y\r\n\r\n", &plain, &[failed.clone()]);
    assert!(text.is_ascii() && text.contains("Original-Recipient: rfc822;__@c\r\n"), "{text}");
    failed.recipient.orcpt = Some("utf-8;\u{e4}@c".into());
    let global = Envelope { smtputf8: true, ..Envelope::default() };
    let original = Original { id: Id(1), envelope: &global, size: 0, file: None };
    let (made, message) = compose(&original, &[failed], "", "sender@example.org", "relay.example", &settings());
    let text = String::from_utf8(message).unwrap();
    assert!(made.eight_bit && made.smtputf8, "{made:?}");
    assert!(text.contains("message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\nReporting-MTA:"), "{text}");
    assert!(text.contains("Original-Recipient: utf-8;\u{e4}@c\r\n"), "{text}");
}

#[test]
fn what_requires_tls_has_a_bounce_that_does_and_without_the_body() {
    let secret = Envelope { require_tls: true, ret: Some(Ret::Full), ..Envelope::default() };
    let original = Original { id: Id(1), envelope: &secret, size: 0, file: None };
    let (made, _) = compose(&original, &[failure("a@example.net", "no")], "", "sender@example.org", "relay.example", &settings());
    assert!(made.require_tls);
    let text = bounce_of(b"Subject: x\r\n\r\nsecret body\r\n", &secret, &[failure("a@example.net", "no")]);
    assert!(text.contains("Subject: x") && !text.contains("secret"), "{text}");
}

#[test]
fn a_status_is_permanent_whatever_the_last_reply_was() {
    let envelope = Envelope::default();
    for (said, status) in
        [("Remote host said: 450 4.2.1 busy", "5.4.7"), ("no code at all", "5.0.0"), ("CNAME lookup failed. (#5.4.3)", "5.4.3")]
    {
        let text = bounce_of(b"\r\n", &envelope, &[failure("a@example.net", said)]);
        assert!(text.contains(&format!("Status: {status}\r\n")), "{said}: {text}");
    }
}

#[test]
fn a_delay_is_told_with_its_end_and_without_the_body() {
    let late = Action::Delayed { until: Some(1_764_362_800) };
    let mixed_up = Fact { action: late, ..failure("b@example.net", "Remote host said: 450 5.7.1 greylisted") };
    let facts = [Fact { action: late, ..failure("a@example.net", "not yet (#4.4.1)") }, mixed_up];
    let text = bounce_of(b"Subject: x\r\n\r\nsecret body\r\n", &Envelope::default(), &facts);
    for part in [
        "Subject: delay notice\r\n",
        "I'll keep trying until Fri, 28 Nov 2025 20:46:40 +0000",
        "Final-Recipient: rfc822;a@example.net\r\nAction: delayed\r\nStatus: 4.4.1\r\n",
        "Final-Recipient: rfc822;b@example.net\r\nAction: delayed\r\nStatus: 4.0.0\r\n",
        "Will-Retry-Until: ",
        "Content-Type: text/rfc822-headers\r\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    assert!(!text.contains("secret") && !text.contains("permanent error"), "{text}");
}
