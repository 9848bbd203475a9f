//! Signatures, seals and rewritten senders: what smtpd does with what stafett-dkim says, with a service that says what it is
//! told to say.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex};

use stafett_ask::{Answer, Desk, Question, Service, Verdict};
use stafett_log::Log;
use support::{Client, Instance, Mood, variables};

/// The words of a question, and the message that came with it.
type Asked = Arc<Mutex<Vec<(Vec<String>, String)>>>;

struct Oracle<F>(F, Asked);

impl<F: Fn(&str) -> Option<Answer>> Service for Oracle<F> {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, mut question: Question) {
        let mut message = String::new();
        if let Some(descriptor) = question.descriptor.take() {
            File::from(descriptor).read_to_string(&mut message).unwrap();
        }
        let words = question.fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        self.1.lock().unwrap().push((words, message));
        if let Some(answer) = (self.0)(question.verb()) {
            question.answer(&answer);
        }
    }
}

/// An instance whose service of that name answers so; nothing means that it hangs up.
fn serve(instance: &Instance, name: &str, answers: impl Fn(&str) -> Option<Answer> + Send + 'static) -> Asked {
    fs::create_dir_all(instance.path("run").join(name)).unwrap();
    let (path, asked) = (instance.path("run").join(name).join("socket"), Asked::default());
    let theirs = Arc::clone(&asked);
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // the desk blocks signals for its own thread
        let desk = Desk::listen(Log::new("oracle"), &path, &[]).unwrap();
        ready.send(()).unwrap();
        desk.run(&mut Oracle(answers, theirs))
    });
    is_ready.recv().unwrap();
    asked
}

fn relay(answers: impl Fn(&str) -> Option<Answer> + Send + 'static) -> (Instance, Asked) {
    let instance = bare();
    let asked = serve(&instance, "dkim", answers);
    (instance, asked)
}

fn bare() -> Instance {
    let instance = Instance::new(Mood::Accept);
    instance.control("rcpthosts", "example.org\n");
    fs::create_dir_all(instance.path("spool")).unwrap();
    instance
}

const OURS: &[(&str, &str)] = &[("RELAYCLIENT", "")];

fn connect(instance: &Instance, more: &[(&str, &str)]) -> Client {
    let usual = [("PROTO", "TCP"), ("TCPREMOTEIP", "192.0.2.7"), ("TCPLOCALIP", "192.0.2.1")];
    let mut client = instance.serve(&variables(&[&usual[..], more].concat()));
    client.greeted();
    assert!(client.ask("EHLO client.example").starts_with("250 "));
    client
}

/// The reply to the whole message, from this sender to this recipient.
fn send(client: &mut Client, from: &str, to: &str) -> String {
    client.ask(&format!("MAIL FROM:<{from}>"));
    let reply = client.ask(&format!("RCPT TO:<{to}>"));
    if !reply.starts_with("250 ") {
        return reply;
    }
    client.ask("DATA");
    client.ask("From: x@example.org\r\n\r\n..dot\r\n.")
}

/// The reply to this message of our client's.
fn send_text(client: &mut Client, text: &str) -> String {
    for (command, expected) in [("MAIL FROM:<a@example.org>", "250 "), ("RCPT TO:<b@elsewhere.example>", "250 "), ("DATA", "354 ")] {
        assert!(client.ask(command).starts_with(expected), "{command}");
    }
    client.ask(&format!("{text}\r\n."))
}

fn heads(envelope: &str) -> Vec<String> {
    envelope.lines().filter_map(|line| line.strip_prefix("head ")).map(str::to_owned).collect()
}

fn signed() -> Answer {
    Answer::new(Verdict::Ok, "example.org/s").with("DKIM-Signature: v=1;").with("\tb=x")
}

#[test]
fn what_our_clients_send_is_signed_and_what_others_send_is_not() {
    let (instance, asked) = relay(|_| Some(signed()));
    instance.control("dkimsign", "*example.org:example.org:s\n");
    let mut client = connect(&instance, OURS);
    assert!(send(&mut client, "a@example.org", "b@elsewhere.example").starts_with("250 "));
    let (envelope, message) = instance.taken.all().pop().unwrap();
    let heads = heads(&envelope);
    assert_eq!(heads[..2], ["DKIM-Signature: v=1;", "\tb=x"], "{envelope}");
    assert!(heads[2].starts_with("Received: "), "{envelope}");
    assert_eq!(message, b"From: x@example.org\r\n\r\n.dot\r\n");
    assert_eq!(asked.lock().unwrap().clone(), [(vec!["sign".to_owned()], "From: x@example.org\r\n\r\n.dot\r\n".to_owned())]);
    let mut client = connect(&instance, &[]);
    assert!(send(&mut client, "a@example.org", "b@example.org").starts_with("250 "));
    assert!(!instance.taken.all().pop().unwrap().0.contains("DKIM"));
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn nothing_goes_out_without_the_signature_that_it_should_have() {
    let instance = bare();
    fs::create_dir_all(instance.path("run/dkim")).unwrap();
    instance.control("dkimsign", "*example.org:example.org:s\n");
    let mut client = connect(&instance, OURS);
    assert!(send(&mut client, "a@example.org", "b@elsewhere.example").starts_with("451 4.3.0 "));
    type Case = (fn() -> Option<Answer>, &'static str);
    let cases: [Case; 6] = [
        (|| None, "451 4.3.0 "),
        (|| Some(Answer::new(Verdict::Temporary, "no key")), "451 4.3.0 "),
        (|| Some(Answer::new(Verdict::Permanent, "two From fields")), "550 5.6.0 the message cannot be signed: two From fields"),
        (|| Some(Answer::new(Verdict::Ok, "").with("Subject: forged")), "451 4.3.0 "),
        (|| Some(Answer::new(Verdict::Ok, "").with("\tb=x")), "451 4.3.0 "),
        (|| Some(Answer::new(Verdict::Ok, "").with("DKIM-Signature: a\r\nSubject: x")), "451 4.3.0 "),
    ];
    for (answer, expected) in cases {
        let (instance, _) = relay(move |_| answer());
        instance.control("dkimsign", "*:example.org:s\n");
        let mut client = connect(&instance, OURS);
        let reply = send(&mut client, "a@example.org", "b@elsewhere.example");
        assert!(reply.starts_with(expected), "{reply}");
        assert!(instance.taken.all().is_empty());
        client.ask("QUIT");
        let (_, log) = client.end();
        assert!(log.contains("refuse control/dkimsign from <a@example.org> to <b@elsewhere.example>"), "{log}");
    }
    // a file without lines costs nothing
    let instance = bare();
    instance.control("dkimsign", "# none\n");
    assert!(send(&mut connect(&instance, OURS), "a@example.org", "b@elsewhere.example").starts_with("250 "));
}

#[test]
fn what_dkimsign_does_not_name_waits_for_nobody() {
    let instance = bare();
    fs::create_dir_all(instance.path("run/dkim")).unwrap();
    instance.control("dkimsign", "lists.example.org:-\n*example.org:example.org:s\n");
    let mut client = connect(&instance, OURS);
    for named in [
        "From: x@mail.example.org\r\n\r\nx",
        "From: y@elsewhere.example, \"q\"\r\n <x@example.org>\r\n\r\nx",
        "From: x@elsewhere.example\r\nFrom: y@elsewhere.example\r\n\r\nx",
    ] {
        assert!(send_text(&mut client, named).starts_with("451 4.3.0 "), "{named}");
    }
    let long = format!("From: x@elsewhere.example\r\n{}\r\nx", "X-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(2_000));
    assert!(send_text(&mut client, &long).starts_with("451 4.3.0 "));
    assert!(instance.taken.all().is_empty());
    for other in [
        "From: x@elsewhere.example\r\n\r\nFrom: x@example.org",
        "From: x@lists.example.org\r\n\r\nx",
        "Subject: nobody\r\n\r\nx",
        "From: undisclosed:;\r\n\r\nx",
    ] {
        assert!(send_text(&mut client, other).starts_with("250 "), "{other}");
    }
    assert_eq!(instance.taken.all().len(), 4);
}

#[test]
fn a_rule_says_what_of_its_clients_is_signed() {
    const BEGINS: &str = "From: x@example.org\r\n\r\nx";
    const PASSED_ON: &str = "Received: from x\r\nFrom: x@example.org\r\n\r\nx";
    let (instance, asked) = relay(|_| Some(signed()));
    instance.control("dkimsign", "*example.org:example.org:s\n");
    for (value, begins, passed_on) in
        [("0", None, None), ("own", Some("local"), None), ("1", Some("sign"), Some("sign")), ("", Some("sign"), Some("sign"))]
    {
        let mut client = connect(&instance, &[OURS, &[("DKIMSIGN", value)]].concat());
        for (text, verb) in [(BEGINS, begins), (PASSED_ON, passed_on)] {
            assert!(send_text(&mut client, text).starts_with("250 "), "{value}");
            let asked: Vec<String> = asked.lock().unwrap().drain(..).map(|(words, _)| words[0].clone()).collect();
            assert_eq!(asked, verb.into_iter().collect::<Vec<_>>(), "{value}: {text}");
            let heads = heads(&instance.taken.all().pop().unwrap().0);
            assert_eq!(heads[0].starts_with("DKIM-Signature: "), verb.is_some(), "{value}: {heads:?}");
        }
    }
    // what cannot be understood is not taken for a yes
    let mut client = instance.serve(&variables(&[OURS, &[("DKIMSIGN", "no")]].concat()));
    assert!(client.reply().starts_with("421 "));
}

#[test]
fn a_seal_covers_the_results_and_stands_above_them() {
    let sealed = || Answer::new(Verdict::Ok, "").with("ARC-Seal: i=1;").with("\tb=x").with("ARC-Authentication-Results: i=1; x");
    let (instance, asked) = relay(move |_| Some(sealed()));
    serve(&instance, "verify", |_| {
        let answer = Answer::new(Verdict::Ok, "dmarc").with("pass").with("none").with("none").with("b.example").with("b.example").with("");
        Some(answer.with("Authentication-Results: relay.example;").with("\tarc=none"))
    });
    instance.control("rcpthosts", "example.org\nsealed.example\n");
    instance.control("dmarcbehavior", "1");
    instance.control("arcseal", "other.example:example.org:s\n*sealed.example:example.org:s\n");
    let mut client = connect(&instance, &[]);
    assert!(send(&mut client, "a@b.example", "c@sealed.example").starts_with("250 "));
    let heads = heads(&instance.taken.all().pop().unwrap().0);
    let expected =
        ["ARC-Seal: i=1;", "\tb=x", "ARC-Authentication-Results: i=1; x", "Authentication-Results: relay.example;", "\tarc=none"];
    assert_eq!(heads[..5], expected);
    assert_eq!(asked.lock().unwrap().pop().unwrap().0, ["seal", "sealed.example", "Authentication-Results: relay.example;", "\tarc=none"]);
    assert!(send(&mut client, "a@b.example", "c@example.org").starts_with("250 "));
    assert!(asked.lock().unwrap().is_empty());
}

fn srs(answer: fn(&str) -> Option<Answer>) -> (Instance, Asked) {
    let (instance, asked) = relay(answer);
    instance.control("srsdomain", "srs.example\n");
    instance.control("srsforward", "*example.org\n");
    instance.control("srskeep", "*ours.example\n");
    (instance, asked)
}

fn envelope(instance: &Instance) -> (String, Vec<String>) {
    let (text, _) = instance.taken.all().pop().unwrap();
    let value = |key: &str| text.lines().filter_map(|line| line.strip_prefix(key)).map(str::to_owned).collect::<Vec<_>>();
    (value("from ").pop().unwrap(), value("to "))
}

#[test]
fn the_queue_keeps_the_sender() {
    let (instance, asked) = srs(|_| None);
    let mut client = connect(&instance, &[]);
    assert!(send(&mut client, "a@b.example", "c@example.org").starts_with("250 "));
    assert_eq!(envelope(&instance), ("a@b.example".to_owned(), vec!["c@example.org".to_owned()]));
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_rewritten_sender_leads_back_and_a_forged_one_nowhere() {
    let (instance, asked) = srs(|_| Some(Answer::new(Verdict::Ok, "").with("a@b.example")));
    // whom the sender is among is not for us to say
    instance.control("validrcptto", "known@example.org\n");
    let mut client = connect(&instance, &[]);
    let reply = send(&mut client, "", "SRS0=h=t=b.example=a@SRS.example");
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(envelope(&instance), (String::new(), vec!["a@b.example".to_owned()]));
    assert_eq!(asked.lock().unwrap().pop().unwrap().0, ["reverse", "SRS0=h=t=b.example=a@srs.example"]);
    // neither what only looks so, nor the same at another domain
    for to in ["SRS0=h=t=b.example=a@elsewhere.example", "srsly@srs.example", "a@srs.example"] {
        assert!(send(&mut client, "", to).starts_with("553 "), "{to}");
        client.ask("RSET");
    }
    assert!(send(&mut client, "", "SRS0=h=t=b.example=a@example.org").starts_with("550 5.1.1 "));
    assert!(asked.lock().unwrap().is_empty());
    for (answer, expected) in [
        (
            (|_| Some(Answer::new(Verdict::Permanent, "was not made here"))) as fn(&str) -> Option<Answer>,
            "550 5.1.1 sorry, that rewritten address was not made here",
        ),
        (|_| Some(Answer::new(Verdict::Temporary, "no secret").with("a@b.example")), "451 4.3.0 "),
        (|_| Some(Answer::new(Verdict::Ok, "")), "451 4.3.0 "),
        (|_| None, "451 4.3.0 "),
    ] {
        let (instance, _) = srs(answer);
        for more in [&[][..], OURS] {
            let reply = send(&mut connect(&instance, more), "", "SRS0=h=t=victim.example=a@srs.example");
            assert!(reply.starts_with(expected), "{reply}");
        }
        assert!(instance.taken.all().is_empty());
    }
}

#[test]
fn a_rewritten_sender_leads_back_for_bounces_alone_and_to_no_relay() {
    const BACK: &str = "SRS0=h=t=b.example=a@srs.example";
    let (instance, asked) = srs(|_| Some(Answer::new(Verdict::Ok, "").with("a@b.example")));
    let reply = send(&mut connect(&instance, &[]), "spammer@c.example", BACK);
    assert!(reply.starts_with("550 5.7.1 sorry, that rewritten address takes bounces alone"), "{reply}");
    assert!(asked.lock().unwrap().is_empty());
    assert!(send(&mut connect(&instance, OURS), "user@ours.example", BACK).starts_with("250 "));
    for found in [
        (|_| Some(Answer::new(Verdict::Ok, "").with("a%c.example@b.example"))) as fn(&str) -> Option<Answer>,
        |_| Some(Answer::new(Verdict::Ok, "").with("c.example!a@b.example")),
        |_| Some(Answer::new(Verdict::Ok, "").with("\"a@c.example\"@b.example")),
    ] {
        let (instance, _) = srs(found);
        let reply = send(&mut connect(&instance, &[]), "", BACK);
        assert!(reply.starts_with("553 5.7.1 sorry, no routing in the local part"), "{reply}");
        assert!(instance.taken.all().is_empty());
    }
}
