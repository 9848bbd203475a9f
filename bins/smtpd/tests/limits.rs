//! control/limits and control/greylist: what smtpd asks of limit, when, and what it makes of the answers.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use stafett_ask::{Answer, Desk, Question, Service, Verdict};
use stafett_log::Log;

use support::{Client, Instance, Mood, variables};

const LIMITS: &str = "messages per address 50/hour\nrecipients per address 50/hour\nmessages per connection 2\n";

/// A limit that answers by the verb, and remembers what it was asked.
#[derive(Clone, Default)]
struct Fake {
    refusals: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    asked: Arc<Mutex<Vec<String>>>,
    ends: Arc<Mutex<Vec<OwnedFd>>>,
}

impl Service for Fake {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, mut question: Question) {
        let fields: Vec<String> = question.fields.iter().map(|field| String::from_utf8(field.clone()).unwrap()).collect();
        self.asked.lock().unwrap().push(fields.join(" "));
        self.ends.lock().unwrap().extend(question.descriptor.take());
        let refusal = self.refusals.lock().unwrap().iter().find(|(verb, _)| *verb == question.verb()).copied();
        let answer = match refusal {
            Some((_, "")) => return,
            Some((_, text)) if text.starts_with('5') => Answer::new(Verdict::Permanent, text).with("control/limits:7"),
            Some((_, text)) => Answer::new(Verdict::Temporary, text).with("control/limits:7"),
            None => Answer::new(Verdict::Ok, ""),
        };
        question.answer(&answer);
    }
}

impl Fake {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn refuse(&self, verb: &'static str, reply: &'static str) {
        self.refusals.lock().unwrap().push((verb, reply));
    }
}

fn instance(files: &[(&str, &str)]) -> (Instance, Fake) {
    let (instance, fake) = (Instance::new(Mood::Accept), Fake::default());
    instance.control("rcpthosts", "example.org\n");
    files.iter().for_each(|(name, text)| instance.control(name, text));
    std::fs::create_dir_all(instance.path("run/limit")).unwrap();
    let desk = Desk::listen(Log::new("fake-limit"), &instance.path("run/limit/socket"), &[]).unwrap();
    let mut service = fake.clone();
    std::thread::spawn(move || desk.run(&mut service));
    (instance, fake)
}

fn connect(instance: &Instance, more: &[(&str, &str)]) -> Client {
    instance.serve(&variables(&[&[("PROTO", "TCP"), ("TCPREMOTEIP", "192.0.2.7")], more].concat()))
}

fn send(client: &mut Client) -> String {
    assert_eq!(client.ask("MAIL FROM:<A@b.example>"), "250 2.1.0 ok");
    assert_eq!(client.ask("RCPT TO:<C@example.org>"), "250 2.1.5 ok");
    assert!(client.ask("DATA").starts_with("354 "));
    client.ask("Subject: x\r\n\r\ny\r\n.")
}

#[test]
fn one_question_for_each_event() {
    let (instance, fake) = instance(&[("limits", LIMITS), ("greylist", "")]);
    let mut client = connect(&instance, &[]);
    client.greeted();
    client.ask("EHLO c.example");
    assert!(send(&mut client).starts_with("250 "));
    assert_eq!(client.ask("MAIL FROM:<>"), "250 2.1.0 ok");
    assert_eq!(client.ask("RCPT TO:<d@example.org>"), "250 2.1.5 ok");
    assert!(client.ask("QUIT").starts_with("221 "));
    drop(client.end());
    assert_eq!(
        fake.asked(),
        [
            "message ip=192.0.2.7 sender=A@b.example number=1",
            "recipient ip=192.0.2.7 sender=a@b.example recipient=c@example.org number=1 recipients=1 grey=1",
            "message ip=192.0.2.7 sender= number=2",
            "recipient ip=192.0.2.7 sender= recipient=d@example.org number=1 recipients=2 grey=1",
            "back ip=192.0.2.7 sender= number=1 recipients=1",
        ],
        "the second message was not accepted, and nobody asked about connections"
    );
}

#[test]
fn what_no_line_is_about_is_not_asked() {
    let files = [
        ("limits", "exempt 192.0.2.0/24\nmessages per address 50/hour\nconnections per address 5/s\n"),
        ("greylist", "exempt recipients example.org\n"),
    ];
    let (instance, fake) = instance(&files);
    let mut client = connect(&instance, &[]);
    client.open("a@b.example", "c@example.org");
    drop(client.end());
    assert_eq!(fake.asked(), [""; 0]);
}

#[test]
fn relay_clients_are_not_greylisted_and_have_limits() {
    let (instance, fake) = instance(&[("limits", "recipients per address 50/hour\n"), ("greylist", "")]);
    let mut client = connect(&instance, &[("RELAYCLIENT", "")]);
    client.open("a@b.example", "c@elsewhere.example");
    drop(client.end());
    let asked = fake.asked();
    assert_eq!(asked[0], "recipient ip=192.0.2.7 relay=1 sender=a@b.example recipient=c@elsewhere.example number=1 recipients=1");
}

#[test]
fn a_refusal_is_said_and_logged_with_its_line() {
    let (instance, fake) = instance(&[("limits", LIMITS), ("greylist", "")]);
    fake.refuse("message", "450 4.7.1 too many messages");
    let mut client = connect(&instance, &[]);
    client.reply();
    client.ask("EHLO c.example");
    assert_eq!(client.ask("MAIL FROM:<a@b.example>"), "450 4.7.1 too many messages");
    assert_eq!(client.ask("NOOP"), "250 2.0.0 ok");
    let (_, log) = client.end();
    assert!(log.contains("refuse control/limits:7 from <a@b.example> client 192.0.2.7"), "{log}");
}

#[test]
fn after_421_the_connection_is_closed() {
    let (instance, fake) = instance(&[("limits", "connections per address 2 at once\n")]);
    fake.refuse("connection", "421 4.7.0 too many connections");
    let mut client = connect(&instance, &[]);
    assert_eq!((client.line().as_str(), client.line().as_str()), ("421 4.7.0 too many connections", ""));
    fake.refusals.lock().unwrap().clear();
    fake.refuse("message", "421 4.7.0 no more in this connection");
    let mut client = connect(&instance, &[]);
    client.greeted();
    client.ask("EHLO c.example");
    assert_eq!(client.ask("MAIL FROM:<a@b.example>"), "250 2.1.0 ok", "nothing counts messages here");
    drop(client.end());
}

#[test]
fn an_open_connection_is_told_by_a_pipe() {
    let (instance, fake) = instance(&[("limits", "connections per address 2 at once\n")]);
    let mut client = connect(&instance, &[]);
    client.greeted();
    let end = fake.ends.lock().unwrap().pop().unwrap();
    stafett_sys::socket::set_nonblocking(&end, true).unwrap();
    let mut byte = [0];
    assert_eq!(stafett_sys::descriptor::read(&end, &mut byte).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    client.ask("QUIT");
    drop(client.end());
    assert_eq!(stafett_sys::descriptor::read(&end, &mut byte).unwrap(), 0, "closed with the process");
}

#[test]
fn the_connection_s_own_messages_are_counted_here() {
    let (instance, fake) = instance(&[("limits", "messages per connection 2\n")]);
    fake.refuse("message", "421 4.7.0 no more in this connection");
    let mut client = connect(&instance, &[]);
    client.reply();
    client.ask("EHLO c.example");
    assert!(send(&mut client).starts_with("250 ") && send(&mut client).starts_with("250 "));
    assert_eq!(fake.asked(), [""; 0], "nobody is asked below the limit");
    assert_eq!(client.ask("MAIL FROM:<a@b.example>"), "421 4.7.0 no more in this connection");
    assert_eq!(client.line(), "", "closed");
    assert_eq!(fake.asked(), ["message ip=192.0.2.7 sender=a@b.example number=3"]);
}

#[test]
fn refused_recipients_bar_the_rest() {
    let (instance, fake) = instance(&[("limits", "refusals per address 2/hour\n")]);
    fake.refuse("refused", "450 4.7.1 too many refusals");
    let mut client = connect(&instance, &[]);
    client.reply();
    client.ask("EHLO c.example");
    client.ask("MAIL FROM:<a@b.example>");
    assert!(client.ask("RCPT TO:<x@elsewhere.example>").starts_with("553 5.7.1 sorry"), "its own refusal");
    assert_eq!(client.ask("RCPT TO:<c@example.org>"), "450 4.7.1 too many refusals");
    client.ask("RSET");
    assert_eq!(client.ask("MAIL FROM:<a@b.example>"), "450 4.7.1 too many refusals");
    drop(client.end());
    let asked = fake.asked();
    assert_eq!(asked[2], "refused ip=192.0.2.7 sender=a@b.example number=1");
    assert_eq!(asked.len(), 3, "{asked:?}");
}

#[test]
fn without_an_answer_mail_waits_unless_the_file_says_otherwise() {
    for (limits, expected) in [(LIMITS, "451 4.3.0 "), ("messages per address 50/hour\naway pass\n", "250 2.1.0 ok")] {
        let (instance, fake) = instance(&[("limits", limits)]);
        fake.refuse("message", "");
        let mut client = connect(&instance, &[]);
        client.reply();
        client.ask("EHLO c.example");
        let reply = client.ask("MAIL FROM:<a@b.example>");
        assert!(reply.starts_with(expected), "{reply}");
        let (_, log) = client.end();
        assert!(log.contains("error: unable to ask stafett-limit: "), "{log}");
    }
    let instance = Instance::new(Mood::Accept);
    instance.control("limits", "connections per address 1 at once\n");
    assert_eq!(connect(&instance, &[]).reply(), "421 4.3.0 limits cannot be looked up, try again later");
}
