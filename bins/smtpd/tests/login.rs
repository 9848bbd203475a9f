//! AUTH over a connection: what a client may say in which order and in which portions, with a service that knows one password.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stafett_ask::{Answer, Desk, Question, Service, Verdict};
use stafett_log::Log;

use support::{Client, Instance, Mood, variables};

/// `\0tim\0sesame`.
const RIGHT: &str = "AHRpbQBzZXNhbWU=";
/// `\0tim\0guess`.
const WRONG: &str = "AHRpbQBndWVzcw==";

/// Knows that tim's password is sesame.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service for Fake {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, question: Question) {
        let fields: Vec<String> = question.fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        self.asked.lock().unwrap().push(fields.join(" "));
        if fields.contains(&"name=slow".to_owned()) {
            std::thread::sleep(Duration::from_secs(5));
        }
        let answer = if fields.contains(&"password=sesame".to_owned()) {
            let yes = Answer::new(Verdict::Ok, "").with("rule=control/accounts:1").with("account=tim");
            yes.with("role=person").with("sender=*")
        } else {
            let no = Answer::new(Verdict::Permanent, "535 5.7.8 authentication credentials invalid");
            no.with("rule=control/accounts:1").with("reason=wrong")
        };
        question.answer(&answer);
    }
}

/// An instance whose clients may log in without TLS.
fn instance(with_service: bool) -> (Instance, Fake) {
    let (instance, fake) = (Instance::new(Mood::Accept), Fake::default());
    instance.control("rcpthosts", "example.org\n");
    instance.control("accounts", "");
    instance.control("authplain", "192.0.2.0/24\n");
    instance.control("authdelay", "0\n");
    std::fs::create_dir_all(instance.path("run/auth")).unwrap();
    if with_service {
        let desk = Desk::listen(Log::new("fake-auth"), &instance.path("run/auth/socket"), &[]).unwrap();
        let mut service = fake.clone();
        std::thread::spawn(move || desk.run(&mut service));
    }
    (instance, fake)
}

fn connect(instance: &Instance) -> Client {
    let mut client = instance.serve(&variables(&[("PROTO", "TCP"), ("TCPREMOTEIP", "192.0.2.7")]));
    client.greeted();
    assert!(client.ask("EHLO client.example").starts_with("250 "));
    client
}

#[test]
fn who_has_logged_in_sends_to_anywhere_with_esmtpa() {
    let (instance, fake) = instance(true);
    let mut client = connect(&instance);
    assert!(client.ask("HELP").starts_with("214 2.0.0 HELO EHLO AUTH MAIL "));
    assert_eq!(client.ask(&format!("AUTH PLAIN {RIGHT}")), "235 2.7.0 authentication successful");
    assert!(client.ask(&format!("AUTH PLAIN {RIGHT}")).starts_with("503 5.5.1 "), "twice");
    assert!(client.ask("HELP").starts_with("214 2.0.0 HELO EHLO MAIL "));
    assert_eq!(client.ask("MAIL FROM:<tim@example.org> AUTH=tim@example.org"), "250 2.1.0 ok");
    assert_eq!(client.ask("RCPT TO:<x@elsewhere.example>"), "250 2.1.5 ok");
    assert!(client.ask("DATA").starts_with("354 "));
    assert!(client.ask("From: tim@example.org\r\nDate: x\r\nMessage-ID: <x@y>\r\n\r\ntext\r\n.").starts_with("250 "));
    assert!(client.ask("AUTH PLAIN").starts_with("503 5.5.1 "));
    let (_, log) = client.end();
    assert!(log.contains("stafett-smtpd: auth tim mechanism PLAIN client 192.0.2.7 helo client.example pid "), "{log}");
    assert!(!log.contains("sesame") && !log.contains(RIGHT), "{log}");
    let (envelope, _) = instance.taken.all().remove(0);
    assert!(envelope.contains(" with ESMTPA id "), "{envelope}");
    assert_eq!(fake.asked.lock().unwrap().len(), 1);
}

#[test]
fn lines_that_come_together_are_taken_one_by_one() {
    let (instance, _) = instance(true);
    let mut client = connect(&instance);
    client.send(format!("AUTH PLAIN\r\n{WRONG}\r\nAUTH LOGIN\r\ndGlt\r\nNOOP\r\nMAIL FROM:<a@example.org>\r\n").as_bytes());
    let replies: Vec<String> = (0..6).map(|_| client.reply()).collect();
    let codes: Vec<&str> = replies.iter().map(|reply| &reply[..3]).collect();
    // NOOP is four letters of base64, and so a password, though not the right one
    assert_eq!(codes, ["334", "535", "334", "334", "535", "250"], "{replies:?}");
    assert!(client.ask("RCPT TO:<x@elsewhere.example>").starts_with("553 "));
    let mut client = connect(&instance);
    client.send(format!("AUTH PLAIN {RIGHT}\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\nRSET\r\n").as_bytes());
    let codes: Vec<String> = (0..4).map(|_| client.reply()[..3].to_owned()).collect();
    assert_eq!(codes, ["235", "250", "250", "250"]);
}

#[test]
fn what_is_cancelled_broken_off_or_too_long() {
    let (instance, fake) = instance(true);
    let mut client = connect(&instance);
    assert_eq!(client.ask("AUTH LOGIN"), "334 VXNlcm5hbWU6");
    assert_eq!(client.ask("*"), "501 5.7.0 authentication cancelled");
    assert_eq!(client.ask("AUTH PLAIN"), "334 ");
    assert!(client.ask(&"A".repeat(12_300)).starts_with("500 5.5.6 "));
    assert_eq!(client.ask("AUTH PLAIN"), "334 ");
    assert!(client.ask(&"A".repeat(12_288)).starts_with("501 5.5.2 "), "as long as it may be, and no message");
    assert!(client.ask(&format!("AUTH PLAIN {}", "A".repeat(12_300))).starts_with("500 5.5.2 "));
    assert!(client.ask(&format!("RSET {}", "A".repeat(5_000))).starts_with("500 5.5.2 "));
    assert!(client.ask("AUTH PLAIN !!!!").starts_with("501 5.5.2 "));
    assert!(client.ask("AUTH GSSAPI").starts_with("504 5.5.4 "));
    assert_eq!(client.ask("MAIL FROM:<a@example.org>"), "250 2.1.0 ok");
    assert!(client.ask(&format!("AUTH PLAIN {RIGHT}")).starts_with("503 5.5.1 "), "after MAIL");
    assert_eq!(fake.asked.lock().unwrap().len(), 0, "nothing of this was a password");
    let mut other = connect(&instance);
    assert_eq!(other.ask("AUTH LOGIN"), "334 VXNlcm5hbWU6");
    let (code, log) = other.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("end closed "), "{log}");
}

#[test]
fn the_fifth_wrong_password_ends_the_connection() {
    let (instance, _) = instance(true);
    let mut client = connect(&instance);
    for _ in 0..4 {
        assert_eq!(client.ask(&format!("AUTH PLAIN {WRONG}")), "535 5.7.8 authentication credentials invalid");
    }
    assert!(client.ask(&format!("AUTH PLAIN {WRONG}")).starts_with("421 4.7.0 "));
    assert_eq!(client.line(), "");
    let (_, log) = client.end();
    let told = "refuse control/accounts:1 from <> account tim mechanism PLAIN reason wrong client 192.0.2.7 helo client.example pid ";
    assert_eq!(log.matches(told).count(), 5, "{log}");
    assert!(!log.contains("guess") && !log.contains(WRONG), "{log}");
}

#[test]
fn without_the_service_nobody_is_let_in() {
    let (instance, _) = instance(false);
    let mut client = connect(&instance);
    assert!(client.ask(&format!("AUTH PLAIN {RIGHT}")).starts_with("454 4.7.0 "));
    assert_eq!(client.ask("MAIL FROM:<a@example.org>"), "250 2.1.0 ok");
    assert!(client.ask("RCPT TO:<x@elsewhere.example>").starts_with("553 "));
    let (_, log) = client.end();
    assert!(log.contains("error: unable to ask stafett-auth: ") && !log.contains("sesame"), "{log}");
}

/// Both hear it after five seconds: time does not tell who was looked up where.
#[test]
fn a_wrong_password_is_answered_at_the_same_time_however_long_it_took() {
    let (instance, _) = instance(true);
    instance.control("authdelay", "5\n");
    let begin = Instant::now();
    let mut client = connect(&instance);
    // \0slow\0guess
    assert!(client.ask("AUTH PLAIN AHNsb3cAZ3Vlc3M=").starts_with("535 5.7.8 "));
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(5) && took < Duration::from_millis(9500), "{took:?}");
}
