//! Sender authentication: what smtpd does with each verdict, with a service that says what it is told to say.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stafett_ask::{Answer, Desk, Question, Service, Verdict};
use stafett_log::Log;
use support::{Client, Instance, Mood, variables};

/// The words of a question, and the message that came with it.
type Words = (Vec<String>, String);
type Asked = Arc<Mutex<Vec<Words>>>;

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

/// An instance whose verify answers so; nothing means that it hangs up.
fn relay(answers: impl Fn(&str) -> Option<Answer> + Send + 'static) -> (Instance, Asked) {
    let instance = Instance::new(Mood::Accept);
    instance.control("rcpthosts", "example.org\n");
    fs::create_dir_all(instance.path("spool")).unwrap();
    fs::create_dir_all(instance.path("run/verify")).unwrap();
    let (path, asked) = (instance.path("run/verify/socket"), Asked::default());
    let theirs = Arc::clone(&asked);
    let socket = path.clone();
    // the desk blocks signals for its own thread
    std::thread::spawn(move || Desk::listen(Log::new("oracle"), &socket, &[]).unwrap().run(&mut Oracle(answers, theirs)));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !path.exists() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    (instance, asked)
}

fn connect(instance: &Instance, more: &[(&str, &str)]) -> Client {
    let usual = [("PROTO", "TCP"), ("TCPREMOTEIP", "192.0.2.7"), ("TCPLOCALIP", "192.0.2.1")];
    let mut client = instance.serve(&variables(&[&usual[..], more].concat()));
    client.greeted();
    assert!(client.ask("EHLO client.example").starts_with("250 "));
    client
}

fn spf(verdict: &str) -> Answer {
    let lines = ["Received-SPF: x", "\tclient-ip=192.0.2.7"];
    let answer = Answer::new(Verdict::Ok, "spf").with(verdict).with("b.example").with("-all").with("see http://b.example/why");
    lines.into_iter().fold(answer, Answer::with)
}

fn dmarc(verdict: &str, wanted: &str, cut: &str) -> Answer {
    let answer = Answer::new(Verdict::Ok, "dmarc").with(verdict).with(wanted).with(wanted).with("b.example").with("b.example").with(cut);
    answer.with("Authentication-Results: relay.example;").with("\tdmarc=x")
}

#[test]
fn each_number_refuses_what_admins_of_qmail_expect() {
    let expected = [
        ("pass", [250; 7]),
        ("temperror", [250, 250, 451, 451, 451, 451, 451]),
        ("fail", [250, 250, 250, 550, 550, 550, 550]),
        ("softfail", [250, 250, 250, 250, 550, 550, 550]),
        ("neutral", [250, 250, 250, 250, 250, 550, 550]),
        ("none", [250, 250, 250, 250, 250, 250, 550]),
        ("permerror", [250, 250, 250, 250, 250, 250, 550]),
        ("rubbish", [250, 250, 451, 451, 451, 451, 451]),
    ];
    for (verdict, codes) in expected {
        let (instance, _) = relay(move |_| Some(spf(verdict)));
        for (behavior, code) in codes.iter().enumerate() {
            instance.control("spfbehavior", &behavior.to_string());
            let mut client = connect(&instance, &[]);
            client.ask("MAIL FROM:<a@b.example>");
            let reply = client.ask("RCPT TO:<c@example.org>");
            assert!(reply.starts_with(&code.to_string()), "{verdict} with {behavior}: {reply}");
        }
    }
}

#[test]
fn a_sender_is_asked_about_once_and_the_field_goes_in_front() {
    let (instance, asked) = relay(|_| Some(spf("softfail")));
    instance.control("spfbehavior", "3");
    let mut client = connect(&instance, &[]);
    client.ask("MAIL FROM:<a@b.example>");
    for recipient in ["x@example.org", "nobody@elsewhere.example", "y@example.org"] {
        client.ask(&format!("RCPT TO:<{recipient}>"));
    }
    client.ask("DATA");
    assert!(client.ask("Subject: x\r\n\r\n.").starts_with("250 "));
    let words: Vec<Vec<String>> = asked.lock().unwrap().iter().map(|(words, _)| words.clone()).collect();
    assert_eq!(words, [["spf", "192.0.2.7", "client.example", "a@b.example"]]);
    let (envelope, _) = instance.taken.all().pop().unwrap();
    let heads: Vec<&str> = envelope.lines().filter_map(|line| line.strip_prefix("head ")).collect();
    assert_eq!(heads[..2], ["Received-SPF: x", "\tclient-ip=192.0.2.7"], "{envelope}");
    assert!(heads[2].starts_with("Received: from "), "{envelope}");
}

#[test]
fn the_reply_names_the_file_and_the_domain_explains() {
    let (instance, _) = relay(|_| Some(spf("fail")));
    instance.control("spfbehavior", "3");
    let mut client = connect(&instance, &[]);
    client.ask("MAIL FROM:<a@b.example>");
    client.send(b"RCPT TO:<c@example.org>\r\n");
    assert_eq!(client.line(), "550-5.7.23 SPF fails; b.example explains:");
    assert_eq!(client.line(), "550 5.7.23 see http://b.example/why");
    client.ask("QUIT");
    let (_, log) = client.end();
    assert!(log.contains("refuse control/spfbehavior from <a@b.example> to <c@example.org>"), "{log}");
    let mut client = connect(&instance, &[("SPFBEHAVIOR", "2")]);
    client.ask("MAIL FROM:<a@b.example>");
    assert!(client.ask("RCPT TO:<c@example.org>").starts_with("250 "));
}

#[test]
fn clients_that_may_relay_are_not_asked_about() {
    let (instance, asked) = relay(|_| None);
    instance.control("spfbehavior", "6");
    instance.control("dmarcbehavior", "3");
    let mut client = connect(&instance, &[("RELAYCLIENT", "")]);
    client.ask("MAIL FROM:<a@b.example>");
    assert!(client.ask("RCPT TO:<c@anywhere.example>").starts_with("250 "));
    client.ask("DATA");
    assert!(client.ask("Subject: x\r\n\r\n.").starts_with("250 "));
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn without_an_answer_nothing_is_accepted_by_accident() {
    let (silent, _) = relay(|_| None);
    let (refusing, _) = relay(|_| Some(Answer::new(Verdict::Temporary, "too many questions at once")));
    let away = Instance::new(Mood::Accept);
    away.control("rcpthosts", "example.org\n");
    fs::create_dir_all(away.path("spool")).unwrap();
    for instance in [silent, refusing, away] {
        for (file, behavior, recipient, message) in [
            ("spfbehavior", "1", "250", "250"),
            ("spfbehavior", "2", "451", "554"),
            ("dmarcbehavior", "1", "250", "250"),
            ("dmarcbehavior", "2", "250", "451"),
        ] {
            instance.control("spfbehavior", "0");
            instance.control("dmarcbehavior", "0");
            instance.control(file, behavior);
            let mut client = connect(&instance, &[]);
            client.ask("MAIL FROM:<a@b.example>");
            let reply = client.ask("RCPT TO:<c@example.org>");
            assert!(reply.starts_with(recipient), "{file} {behavior}: {reply}");
            let go = client.ask("DATA");
            let reply = if go.starts_with("354 ") { client.ask("Subject: x\r\n\r\n.") } else { go };
            assert!(reply.starts_with(message), "{file} {behavior}: {reply}");
            client.ask("QUIT");
            assert!(client.end().1.contains("stafett-verify"));
        }
    }
}

/// The reply to a message, what was asked, and what queued took.
fn sent(answer: Answer, behavior: &str, message: &str) -> (String, Vec<Words>, Option<support::Pair>) {
    let (instance, asked) = relay(move |_| Some(answer.clone()));
    instance.control("dmarcbehavior", behavior);
    let mut client = connect(&instance, &[]);
    client.ask("MAIL FROM:<a@b.example>");
    assert!(client.ask("RCPT TO:<c@example.org>").starts_with("250 "));
    assert!(client.ask("DATA").starts_with("354 "));
    let reply = client.ask(&format!("{message}."));
    (reply, asked.lock().unwrap().clone(), instance.taken.all().pop())
}

#[test]
fn results_go_in_front_and_forged_ones_out() {
    let message = "From: a@b.example\r\nAuthentication-Results: relay.example; dkim=pass\r\nSubject: x\r\n\r\ntext\r\n";
    let (reply, asked, taken) = sent(dmarc("pass", "none", "19-69"), "3", message);
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(asked[0].0, ["message", "192.0.2.7", "client.example", "a@b.example", "", ""]);
    assert_eq!(asked[0].1, message);
    let (envelope, taken) = taken.unwrap();
    assert_eq!(String::from_utf8(taken).unwrap(), "From: a@b.example\r\nSubject: x\r\n\r\ntext\r\n");
    assert!(
        envelope.find("head Authentication-Results: relay.example;").unwrap() < envelope.find("head Received: ").unwrap(),
        "{envelope}"
    );
}

#[test]
fn policies_are_followed_from_three_on() {
    let message = "From: a@b.example\r\n\r\n";
    for (verdict, wanted, codes) in [
        ("fail", "reject", [250, 250, 550, 550]),
        ("fail", "quarantine", [250, 250, 250, 250]),
        ("fail", "none", [250, 250, 250, 250]),
        ("none", "none", [250, 250, 250, 250]),
        ("pass", "quarantine", [250, 250, 250, 250]),
        ("permerror", "none", [250, 250, 250, 250]),
        ("temperror", "none", [250, 451, 451, 451]),
        ("rubbish", "reject", [250, 451, 451, 451]),
    ] {
        for (behavior, code) in (1..).zip(codes) {
            let (reply, _, taken) = sent(dmarc(verdict, wanted, ""), &behavior.to_string(), message);
            assert!(reply.starts_with(&code.to_string()), "{verdict} {wanted} with {behavior}: {reply}");
            assert_eq!(taken.is_some(), code == 250);
            let hold = "\nhold control/dmarcbehavior not authenticated as being from b.example (DMARC p=quarantine)\n";
            let is_held = taken.is_some_and(|(envelope, _)| envelope.contains(hold));
            assert_eq!(is_held, (verdict, wanted, behavior) == ("fail", "quarantine", 4), "{verdict} {wanted} with {behavior}");
        }
    }
    let (reply, ..) = sent(dmarc("fail", "reject", ""), "3", message);
    assert!(reply.starts_with("550 5.7.1 ") && reply.contains("b.example") && reply.contains("p=reject"), "{reply}");
}

#[test]
fn answers_that_cannot_be_are_no_answers() {
    let message = "From: a@b.example\r\n\r\n";
    for cut in ["5-3", "0-1000", "1", "a-b", "0-4 2-6"] {
        let (reply, _, taken) = sent(dmarc("pass", "none", cut), "3", message);
        assert!(reply.starts_with("451 ") && taken.is_none(), "{cut}: {reply}");
    }
    for lines in [&["A: x\r\nB: y"][..], &[" folded"], &["A: x", "B: y"], &[]] {
        let answer = Answer::new(Verdict::Ok, "").with("pass").with("none").with("none").with("d").with("d").with("");
        let answer = lines.iter().fold(answer, |answer, line| answer.with(*line));
        let (reply, _, taken) = sent(answer, "2", message);
        assert!(reply.starts_with("451 ") && taken.is_none(), "{lines:?}: {reply}");
    }
    let (reply, _, taken) = sent(Answer::new(Verdict::Permanent, "too many results"), "1", message);
    assert!(reply.starts_with("550 5.7.1 too many results") && taken.is_none(), "{reply}");
}
