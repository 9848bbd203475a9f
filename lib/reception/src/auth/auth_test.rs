//! The dialogue of AUTH with a service that says what it is told to say.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use proptest::prelude::*;
use stafett_ask::{Answer, Verdict};
use stafett_control::Control;
use stafett_control::form::auth::{MECHANISMS, Mechanism};
use stafett_instance::Service;
use stafett_smtp::{Reply, base64};

use super::Offered;
use crate::dialogue::{Dialogue, Step};
use crate::policy::Policy;
use crate::services::Services;
use crate::session::{Session, Tls};
use crate::settings::Settings;

/// Answers as told, and remembers what it was asked.
#[derive(Default)]
struct Told {
    answers: Vec<Answer>,
    asked: Vec<String>,
}

impl Services for Told {
    fn room(&mut self, _bytes: u64) -> Result<(), Reply> {
        Ok(())
    }

    fn ask(&mut self, _service: Service, question: &[&[u8]], _fd: Option<BorrowedFd<'_>>, _within: Duration) -> io::Result<Answer> {
        let words: Vec<String> = question.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        self.asked.push(words.join(" "));
        if self.answers.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(self.answers.remove(0)) }
    }

    fn complain(&mut self, _text: &str) {}
}

fn yes() -> Answer {
    Answer::new(Verdict::Ok, "").with("rule=control/accounts:1").with("account=tim").with("role=person").with("sender=tim@a.example")
}

fn no(reply: &str, reason: &str) -> Answer {
    Answer::new(Verdict::Permanent, reply).with("rule=control/accounts:1").with(format!("reason={reason}"))
}

fn settings() -> Settings {
    let auth = Offered { is_on: true, mechanisms: MECHANISMS.to_vec(), plain: Vec::new(), delay: Duration::from_secs(3) };
    Settings { auth, ..crate::tests::settings(&["a.example"]) }
}

fn under_tls() -> Tls {
    Tls { exporter: Some("00ff".into()), ..Tls::default() }
}

/// Serves lines one after the other; the replies.
fn serve(told: &mut Told, tls: bool, lines: &[&str]) -> Vec<String> {
    let (settings, client) = (settings(), crate::tests::client(&["TCPREMOTEIP=192.0.2.1"]));
    let mut dialogue: Dialogue<'_, ()> = Dialogue::new(Policy { settings: &settings, client: &client });
    if tls {
        dialogue.secured(under_tls());
    }
    let said = |step| match step {
        Step::Say(reply) | Step::End(reply) | Step::Authenticated { reply, .. } => reply.one_line(),
        Step::Refuse(refusal) => refusal.reply.one_line(),
        Step::RefuseLate(refusal, delay) => format!("{} after {}", refusal.reply.one_line(), delay.as_secs()),
        _ => "other".to_owned(),
    };
    lines.iter().map(|line| said(dialogue.serve(line.as_bytes(), told))).collect()
}

fn codes(replies: &[String]) -> Vec<&str> {
    replies.iter().map(|reply| reply.get(..3).unwrap_or_default()).collect()
}

fn plain() -> String {
    base64::encode(b"\0Tim\0secret")
}

#[test]
fn it_is_offered_under_tls_alone_and_once() {
    let mut told = Told { answers: vec![yes()], ..Told::default() };
    let replies = serve(&mut told, false, &["EHLO c", &format!("AUTH PLAIN {}", plain())]);
    assert!(!replies[0].contains("AUTH"));
    assert!(replies[1].starts_with("538 5.7.11 "));
    assert_eq!(told.asked, [""; 0]);
    let replies = serve(&mut told, true, &["EHLO c", &format!("AUTH plain {}", plain()), "EHLO c", "AUTH PLAIN"]);
    assert!(replies[0].contains("/AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN/"), "{}", replies[0]);
    assert_eq!(replies[1], "235 2.7.0 authentication successful");
    assert!(!replies[2].contains("AUTH"));
    assert!(replies[3].starts_with("503 5.5.1 "));
    assert_eq!(told.asked, ["password name=Tim password=secret ip=192.0.2.1 tls=1 offers=1 channel=tls-exporter:00ff"]);
}

#[test]
fn a_proof_may_be_bound_to_the_certificate_too() {
    let both = Tls { endpoint: Some("ee".into()), ..under_tls() };
    assert_eq!(both.channels().collect::<Vec<_>>(), [("tls-exporter", "00ff"), ("tls-server-end-point", "ee")]);
    let older = Tls { exporter: None, ..both };
    assert_eq!(older.channels().collect::<Vec<_>>(), [("tls-server-end-point", "ee")]);
    let offered = Offered { mechanisms: MECHANISMS.to_vec(), ..Offered::default() };
    let offers = |tls: Tls| {
        let session = Session { tls: Some(tls), ..Session::default() };
        offered.usable(&session).any(|mechanism| mechanism == Mechanism::ScramPlus)
    };
    assert!(offers(older) && !offers(Tls::default()));
}

#[test]
fn the_mechanism_that_binds_is_offered_where_it_is_listed() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let names = || {
        let offered = Offered::read(&Control::new(directory.path())).unwrap();
        offered.mechanisms.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(" ")
    };
    write("accounts", "");
    assert_eq!(names(), "SCRAM-SHA-256 PLAIN LOGIN");
    write("authmechanisms", "SCRAM-SHA-256-PLUS\nSCRAM-SHA-256\n");
    assert_eq!(names(), "SCRAM-SHA-256-PLUS SCRAM-SHA-256");
}

#[test]
fn who_has_logged_in_may_send_to_anywhere() {
    let auth = format!("AUTH PLAIN {}", plain());
    let mail = ["EHLO c", &auth, "MAIL FROM:<tim@a.example> AUTH=<>", "RCPT TO:<x@elsewhere.example>"];
    assert_eq!(codes(&serve(&mut Told { answers: vec![yes()], ..Told::default() }, true, &mail)), ["250", "235", "250", "250"]);
    let refused = Told { answers: vec![no("535 5.7.8 authentication credentials invalid", "wrong")], ..Told::default() };
    assert_eq!(codes(&serve(&mut { refused }, true, &mail)), ["250", "535", "250", "553"]);
}

#[test]
fn each_mechanism() {
    let login = ["EHLO c", "AUTH LOGIN", &base64::encode(b"Tim"), &base64::encode(b"secret")];
    let mut told = Told { answers: vec![yes()], ..Told::default() };
    let replies = serve(&mut told, true, &login);
    assert_eq!(replies[1..], ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 authentication successful"]);
    let plain = plain();
    assert_eq!(
        codes(&serve(&mut Told { answers: vec![yes()], ..Told::default() }, true, &["EHLO c", "AUTH PLAIN", &plain])),
        ["250", "334", "235"]
    );
    let first = base64::encode(b"n,,n=Tim,r=abc");
    let challenge = Answer::new(Verdict::Ok, "").with("challenge=r=abcdef,s=x,i=1").with("state=\0sealed");
    let lines = ["EHLO c", &format!("AUTH SCRAM-SHA-256 {first}"), &base64::encode(b"c=biws"), ""];
    let mut told = Told { answers: vec![challenge, yes().with("challenge=v=x")], ..Told::default() };
    let replies = serve(&mut told, true, &lines);
    assert_eq!(replies[1], format!("334 {}", base64::encode(b"r=abcdef,s=x,i=1")));
    assert_eq!(replies[2..], [format!("334 {}", base64::encode(b"v=x")), "235 2.7.0 authentication successful".to_owned()]);
    assert!(told.asked[1].starts_with("proof message=c=biws state=\0sealed "), "{:?}", told.asked);
}

#[test]
fn what_is_out_of_order_or_malformed() {
    let plain = format!("AUTH PLAIN {}", plain());
    let first = |lines: &[&str]| serve(&mut Told::default(), true, lines).pop().unwrap();
    assert!(first(&[&plain]).starts_with("503 5.5.1 "), "before EHLO");
    assert!(first(&["HELO c", &plain]).starts_with("503 5.5.1 "), "HELO offers nothing");
    assert!(first(&["EHLO c", "MAIL FROM:<a@a.example>", &plain]).starts_with("503 5.5.1 "));
    assert!(first(&["EHLO c", "AUTH CRAM-MD5"]).starts_with("504 5.5.4 "));
    assert!(first(&["EHLO c", "AUTH"]).starts_with("501 5.5.4 "));
    assert!(first(&["EHLO c", "AUTH PLAIN a b"]).starts_with("501 5.5.4 "));
    assert!(first(&["EHLO c", "AUTH PLAIN ***"]).starts_with("501 5.5.2 "));
    assert!(first(&["EHLO c", "AUTH PLAIN ="]).starts_with("501 5.5.2 "));
    assert!(first(&["EHLO c", "AUTH PLAIN", "*"]).starts_with("501 5.7.0 authentication cancelled"));
    assert!(first(&["EHLO c", "AUTH PLAIN", "MAIL FROM:<a@a.example>"]).starts_with("501 5.5.2 "));
    assert!(first(&["EHLO c", "AUTH PLAIN", "AGE"]).starts_with("501 5.5.2 "));
    assert!(first(&["EHLO c", "AUTH LOGIN", ""]).starts_with("501 5.5.2 "));
    assert!(first(&["EHLO c", "AUTH LOGIN", "*", "NOOP"]).starts_with("250 "), "an exchange that was cancelled is over");
    assert!(first(&["EHLO c", "AUTH SCRAM-SHA-256", &base64::encode(b"n,,n=tim")]).starts_with("501 5.5.2 "));
    assert!(first(&["EHLO c", &format!("NOOP {}", "x".repeat(5000))]).starts_with("500 5.5.2 "));
    assert!(first(&["EHLO c", &format!("AUTH PLAIN {}", "A".repeat(8000))]).starts_with("501 5.5.2 "));
}

#[test]
fn without_the_service_nobody_is_let_in() {
    let plain = format!("AUTH PLAIN {}", plain());
    let mail = ["EHLO c", &plain, "MAIL FROM:<tim@a.example>", "RCPT TO:<x@elsewhere.example>"];
    let odd = [
        vec![],
        vec![Answer::new(Verdict::Temporary, "not a question that is known here")],
        vec![Answer::new(Verdict::Ok, "")],
        vec![Answer::new(Verdict::Ok, "").with("account=tim")],
        vec![Answer::new(Verdict::Permanent, "no")],
    ];
    for answers in odd {
        let replies = serve(&mut Told { answers, ..Told::default() }, true, &mail);
        assert_eq!(codes(&replies), ["250", "454", "250", "553"]);
    }
    let scram = ["EHLO c", &format!("AUTH SCRAM-SHA-256 {}", base64::encode(b"n,,n=tim,r=a")), "NOOP"];
    assert_eq!(codes(&serve(&mut Told::default(), true, &scram)), ["250", "454", "250"]);
    let signature_is_missing = vec![Answer::new(Verdict::Ok, "").with("challenge=x").with("state=y"), yes()];
    let lines = ["EHLO c", &format!("AUTH SCRAM-SHA-256 {}", base64::encode(b"n,,n=tim,r=a")), &base64::encode(b"c=biws"), "RSET"];
    assert_eq!(codes(&serve(&mut Told { answers: signature_is_missing, ..Told::default() }, true, &lines)), ["250", "334", "454", "250"]);
}

#[test]
fn wrong_passwords_wait_longer_each_and_end_the_connection() {
    let wrong = || no("535 5.7.8 authentication credentials invalid", "wrong");
    let plain = format!("AUTH PLAIN {}", plain());
    let lines = ["EHLO c", &plain, &plain, &plain, &plain, &plain];
    let mut told = Told { answers: (0..5).map(|_| wrong()).collect(), ..Told::default() };
    let replies = serve(&mut told, true, &lines);
    let text = "535 5.7.8 authentication credentials invalid after";
    assert_eq!(
        replies[1..],
        [
            format!("{text} 3"),
            format!("{text} 6"),
            format!("{text} 9"),
            format!("{text} 12"),
            "421 4.7.0 too many wrong passwords after 15".to_owned()
        ]
    );
    let other = format!("AUTH PLAIN {}", base64::encode(b"admin\0tim\0secret"));
    assert_eq!(serve(&mut Told::default(), true, &["EHLO c", &other])[1], format!("{text} 3"), "for somebody else, without a question");
}

#[test]
fn starttls_and_ehlo() {
    let (mut settings, client) = (settings(), crate::tests::client(&["TCPREMOTEIP=192.0.2.1"]));
    settings.auth.plain = vec![stafett_control::form::network::Network::parse("192.0.2.0/24").unwrap()];
    let mut told = Told { answers: vec![yes()], ..Told::default() };
    let mut dialogue: Dialogue<'_, ()> = Dialogue::new(Policy { settings: &settings, client: &client });
    dialogue.serve(b"EHLO c", &mut told);
    assert!(matches!(dialogue.serve(format!("AUTH PLAIN {}", plain()).as_bytes(), &mut told), Step::Authenticated { .. }));
    dialogue.serve(b"EHLO c", &mut told);
    assert_eq!(dialogue.account().map(|account| account.name.as_str()), Some("tim"));
    dialogue.secured(under_tls());
    assert_eq!(dialogue.account(), None, "what was said before the handshake does not count");
}

proptest! {
    #[test]
    fn no_exchange_panics_or_lets_anybody_in(lines in prop::collection::vec("(AUTH (PLAIN|LOGIN|SCRAM-SHA-256)( [A-Za-z0-9+/=]{0,12})?|[A-Za-z0-9+/]{4}|[*]|=||EHLO c|RSET)", 0..12)) {
        let lines: Vec<&str> = std::iter::once("EHLO c").chain(lines.iter().map(String::as_str)).collect();
        let replies = serve(&mut Told::default(), true, &lines);
        prop_assert!(replies.iter().all(|reply| !reply.starts_with("235")));
    }
}
