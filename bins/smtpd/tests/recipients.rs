//! Recipients that somebody else judges: the compiled list, the service callout, a program named by RCPTCHECK.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::fs;

use stafett_ask::{Answer, Desk, Question, Service, Verdict};
use stafett_log::Log;

use support::{Client, Instance, Mood, variables, write_program};

fn instance() -> Instance {
    let instance = Instance::new(Mood::Accept);
    instance.control("rcpthosts", "example.org\n.example.org\n");
    instance
}

fn begin(instance: &Instance, more: &[(&str, &str)]) -> Client {
    let all = [&[("TCPREMOTEIP", "192.0.2.7")][..], more].concat();
    let mut client = instance.serve(&variables(&all));
    client.greeted();
    assert!(client.ask("EHLO $(client).example").starts_with("250 "));
    assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("250 "));
    client
}

/// Answers by the first letters of the address.
struct Callout;

impl Service for Callout {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, question: Question) {
        assert_eq!(question.verb(), "recipient");
        let answer = match question.text(1).unwrap().get(..4).unwrap() {
            "good" => Answer::new(Verdict::Ok, "fine").with("asked"),
            "late" => Answer::new(Verdict::Temporary, "451 4.4.1 the host does not answer"),
            "odd1" => Answer::new(Verdict::Permanent, "250 2.0.0 evil\r\n250 ok"),
            "away" => return,
            _ => Answer::new(Verdict::Permanent, "550 5.1.1 the recipient's host said: 550 no"),
        };
        question.answer(&answer);
    }
}

fn with_callout(control: &str) -> Instance {
    let instance = instance();
    instance.control("callout", control);
    fs::create_dir_all(instance.path("run/callout")).unwrap();
    let desk = Desk::listen(Log::new("callout"), &instance.path("run/callout/socket"), &[]).unwrap();
    std::thread::spawn(move || desk.run(&mut Callout));
    instance
}

#[test]
fn the_next_host_has_the_last_word() {
    let instance = with_callout("example.org:on\nsub.example.org:off\n");
    let mut client = begin(&instance, &[]);
    assert_eq!(client.ask("RCPT TO:<good@example.org>"), "250 2.1.5 ok");
    assert_eq!(client.ask("RCPT TO:<bad1@EXAMPLE.org>"), "550 5.1.1 the recipient's host said: 550 no");
    assert_eq!(client.ask("RCPT TO:<late@example.org>"), "451 4.4.1 the host does not answer");
    assert_eq!(client.ask("RCPT TO:<away@example.org>"), "451 4.3.0 unable to verify that recipient, try again later");
    // an answer that is no refusal is none
    assert!(client.ask("RCPT TO:<odd1@example.org>").starts_with("451 4.3.0 250 2.0.0 evil??250 ok"));
    assert_eq!(client.ask("RCPT TO:<bad1@sub.example.org>"), "250 2.1.5 ok");
    assert_eq!(client.ask("RCPT TO:<bad1@deep.sub.example.org>"), "250 2.1.5 ok");
    client.ask("QUIT");
    let (_, log) = client.end();
    assert!(log.contains("refuse control/callout:1 from <a@b.example> to <bad1@example.org>"), "{log}");
    assert!(log.contains("unable to ask stafett-callout"), "{log}");
}

#[test]
fn without_the_service_nobody_passes() {
    let instance = instance();
    instance.control("callout", ":on\n");
    let mut client = begin(&instance, &[]);
    assert_eq!(client.ask("RCPT TO:<good@example.org>"), "451 4.3.0 unable to verify that recipient, try again later");
}

#[test]
fn the_compiled_list_counts_beside_the_other_or_alone() {
    let instance = instance();
    let mut made = cdb2::CDBWriter::create(instance.path("control/validrcptto.cdb")).unwrap();
    for key in ["in@example.org", "@sub.example.org", "!not@sub.example.org", "-nor@sub.example.org"] {
        made.add(key.as_bytes(), b"").unwrap();
    }
    made.finish().unwrap();
    let mut client = begin(&instance, &[]);
    for (recipient, code) in [
        ("IN@example.org", "250"),
        ("out@example.org", "550"),
        ("any@sub.example.org", "250"),
        ("not@sub.example.org", "550"),
        ("nor@sub.example.org", "550"),
        ("also@example.org", "550"),
    ] {
        assert_eq!(client.ask(&format!("RCPT TO:<{recipient}>")).get(..3), Some(code), "{recipient}");
    }
    drop(client);
    instance.control("validrcptto", "also@example.org\n");
    let mut client = begin(&instance, &[]);
    assert!(client.ask("RCPT TO:<also@example.org>").starts_with("250 "));
    assert!(client.ask("RCPT TO:<in@example.org>").starts_with("250 "));
    drop(client);
    let mut zeros = fs::read(instance.path("control/validrcptto.cdb")).unwrap();
    zeros[..2048].fill(0);
    for torn in [&b"torn"[..], &zeros] {
        fs::write(instance.path("control/validrcptto.cdb"), torn).unwrap();
        let mut broken = instance.serve(&variables(&[("TCPREMOTEIP", "192.0.2.7")]));
        assert!(broken.reply().starts_with("421 "));
    }
}

/// The reply to a recipient that this shell script judges.
fn judged(script: &str) -> (String, String, Instance) {
    let instance = instance();
    let path = instance.path("judge");
    write_program(&path, &format!("#!/bin/sh\ncd '{}' || exit 55\n{script}\n", instance.directory.path().display()));
    let mut client = begin(&instance, &[("RCPTCHECK", path.to_str().unwrap())]);
    let reply = client.ask("RCPT TO:<\"c d\"@example.org>");
    // the conversation goes on whatever the program did
    assert!(client.ask("QUIT").starts_with("221 "), "{reply}");
    (reply, client.end().1, instance)
}

#[test]
fn exit_codes_of_the_program_are_verdicts() {
    for (code, begin) in [(0, "250 "), (112, "250 "), (100, "550 5.1.1 "), (111, "451 4.3.0 "), (113, "452 4.2.2 "), (1, "451 4.3.0 ")] {
        let (reply, log, _) = judged(&format!("echo chatter; exit {code}"));
        assert!(reply.starts_with(begin), "{code}: {reply}");
        assert_eq!(log.contains("exits 1\n"), code == 1, "{log}");
        assert_eq!(log.contains("refuse rule_RCPTCHECK "), !reply.starts_with("250"), "{log}");
    }
    let (reply, log, _) = judged("kill -9 $$");
    assert!(reply.starts_with("451 ") && log.contains("(RCPTCHECK): it was ended by signal 9"), "{reply} {log}");
}

#[test]
fn the_program_gets_sender_recipient_name_and_variables() {
    let (reply, _, instance) = judged("echo \"$SENDER|$RECIPIENT|$HELO|$TCPREMOTEIP|$(cat)\" > seen");
    assert!(reply.starts_with("250 "));
    assert_eq!(fs::read_to_string(instance.path("seen")).unwrap(), "a@b.example|\"c d\"@example.org|??client?.example|192.0.2.7|\n");
}

#[test]
fn a_program_that_is_not_there_accepts_nobody() {
    let instance = instance();
    let mut client = begin(&instance, &[("RCPTCHECK", "/nonexistent/judge")]);
    assert!(client.ask("RCPT TO:<a@example.org>").starts_with("451 4.3.0 "));
    client.ask("QUIT");
    assert!(client.end().1.contains("unable to run /nonexistent/judge (RCPTCHECK): it cannot be executed"));
}
