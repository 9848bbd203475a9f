//! Senders that are rewritten on the way out (SRS): who sees which, and what happens without the service that makes them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::sync::{Arc, Mutex};

use stafett_ask::{Answer, Desk, Question, Service};
use stafett_envelope::Envelope;
use stafett_log::Log;
use stafett_sys::user::Uid;
use support::server::{self, Action, Server, reply};
use support::{Remote, Scope, Verdict, envelope, only};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";
const NOBODY: Uid = Uid(65534);
const REWRITTEN: &str = "SRS0=h=t=from.test=a@srs.test";
/// One of each kind among the others.
const MIXED: [&str; 4] = ["b@to.test", "c@members.test", "d@to.test", "e@mail.members.test"];

type Asked = Arc<Mutex<Vec<String>>>;

/// Plays stafett-dkim.
struct Player(fn() -> Answer, Asked);

impl Service for Player {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, question: Question) {
        let words: Vec<&str> = (0..question.fields.len()).filter_map(|index| question.text(index)).collect();
        self.1.lock().unwrap().push(words.join(" "));
        question.answer(&(self.0)());
    }
}

fn site(files: &[(&str, &str)], answer: Option<fn() -> Answer>) -> (Remote, Asked) {
    let usual = [("srsdomain", "srs.test\n"), ("srsforward", "*members.test\n"), ("srskeep", "kept.test\n")];
    let remote = Remote::start(&[&usual[..], files].concat());
    let asked = Asked::default();
    if let Some(answer) = answer {
        let run = remote.control("me").parent().unwrap().parent().unwrap().join("run/dkim");
        fs::create_dir(&run).unwrap();
        let desk = Desk::listen(Log::new("player"), &run.join("socket"), &[NOBODY]).unwrap();
        let mut player = Player(answer, Arc::clone(&asked));
        std::thread::spawn(move || desk.run(&mut player));
    }
    (remote, asked)
}

fn rewritten() -> Answer {
    Answer::new(stafett_wire::Verdict::Ok, "rewritten").with(REWRITTEN)
}

/// The commands of the transactions, without parameters.
fn said(server: &Server) -> Vec<String> {
    let lines = server.journal.lines().into_iter().filter(|line| line.starts_with("MAIL") || line.starts_with("RCPT"));
    lines.map(|line| line.split(" SIZE").next().unwrap().to_owned()).collect()
}

fn from(sender: &str, to: &str) -> Envelope {
    Envelope { sender: sender.to_owned(), ..envelope(&[to]) }
}

#[test]
fn only_those_whom_mail_goes_on_to_see_another_sender() {
    let (remote, asked) = site(&[], Some(rewritten));
    let server = server::start(|_, _| Action::Default);
    let mut delivery = remote.host(server.port);
    let report = delivery.send(&MIXED, MESSAGE);
    assert!(report.recipients.iter().all(|(verdict, _)| *verdict == Verdict::Ok) && report.reusable, "{report:?}");
    let rewritten = format!("MAIL FROM:<{REWRITTEN}>");
    let expected = [
        "MAIL FROM:<a@from.test>",
        "RCPT TO:<b@to.test>",
        "RCPT TO:<d@to.test>",
        &rewritten,
        "RCPT TO:<c@members.test>",
        "RCPT TO:<e@mail.members.test>",
    ];
    assert_eq!(said(&server), expected);
    assert_eq!((server.journal.messages().len(), server.journal.count("CONNECT")), (2, 1));
    assert_eq!(*asked.lock().unwrap(), ["forward a@from.test"]);
    assert!(remote.log().contains(&format!("srs: a@from.test goes on as {REWRITTEN}")), "{}", remote.log());
    // nobody is asked about bounces, and about senders that stay
    for (sender, to) in [("", "c@members.test"), ("#@[]", "c@members.test"), ("x@kept.test", "c@members.test"), ("a@b.test", "b@to.test")] {
        assert_eq!(only(&delivery.send_with(&from(sender, to), MESSAGE)).0, Verdict::Ok);
        let reverse_path = if sender == "#@[]" { "" } else { sender };
        assert!(said(&server).contains(&format!("MAIL FROM:<{reverse_path}>")), "{sender}");
    }
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn a_refused_sender_is_no_affair_of_those_who_see_the_other() {
    let (remote, _) = site(&[], Some(rewritten));
    for pipelining in [true, false] {
        let server = server::start(move |_, line| match line {
            _ if line.starts_with("EHLO") && !pipelining => reply("250 fake.test"),
            _ if line.starts_with("MAIL FROM:<a@from.test>") => reply("550 5.7.1 not from there"),
            _ => Action::Default,
        });
        let report = remote.host(server.port).send(&MIXED, MESSAGE);
        let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(verdicts, [Verdict::Permanent, Verdict::Ok, Verdict::Permanent, Verdict::Ok], "{report:?}");
    }
}

#[test]
fn what_one_cannot_have_is_no_affair_of_those_who_see_the_other() {
    let (remote, _) = site(&[], Some(rewritten));
    let server = server::start(|_, line| if line.starts_with("EHLO") { reply("250 old.test") } else { Action::Default });
    for to in [["b\u{e4}@to.test", "c@members.test"], ["c\u{e4}@members.test", "b@to.test"]] {
        let report = remote.host(server.port).send(&to, MESSAGE);
        let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(verdicts, [Verdict::Permanent, Verdict::Ok], "{report:?}");
        assert!(report.recipients[0].1.contains("#5.6.7"), "{report:?}");
    }
}

#[test]
fn who_should_see_another_sender_waits_for_it_and_nobody_else_does() {
    type Case = (Option<fn() -> Answer>, &'static str);
    let answers: [Case; 4] = [
        (None, "unable to reach stafett-dkim: "),
        (Some(|| Answer::new(stafett_wire::Verdict::Temporary, "no secret")), "stafett-dkim says: no secret."),
        (Some(|| Answer::new(stafett_wire::Verdict::Ok, "")), "stafett-dkim gave no address."),
        (Some(|| Answer::new(stafett_wire::Verdict::Ok, "").with("a@b.test> x")), "stafett-dkim gave no address."),
    ];
    for (answer, reason) in answers {
        let (remote, _) = site(&[], answer);
        let server = server::start(|_, _| Action::Default);
        let mut delivery = remote.host(server.port);
        let report = delivery.send(&["c@members.test"], MESSAGE);
        let (verdict, text) = only(&report);
        assert!(verdict == Verdict::Temporary && text.ends_with("(#4.3.0)"), "{text}");
        assert!(text.contains("Unable to rewrite the sender (control/srsforward): ") && text.contains(reason), "{text}");
        assert_eq!((report.scope, server.journal.count("CONNECT")), (Scope::Own, 0));
        let report = delivery.send(&MIXED, MESSAGE);
        let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Temporary, Verdict::Ok, Verdict::Temporary], "{report:?}");
        assert_eq!(said(&server), ["MAIL FROM:<a@from.test>", "RCPT TO:<b@to.test>", "RCPT TO:<d@to.test>"]);
    }
}

#[test]
fn a_broken_file_is_told() {
    let (code, log) = Remote::refuses(&[("srsdomain", "srs.test\n"), ("srsforward", "*\n*..x\n")]);
    assert!(code == Some(111) && log.contains("control/srsforward:2: "), "{code:?} {log}");
}
