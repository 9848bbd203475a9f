//! The dialogue with mail filters behind it: a service in the test's process says what they say.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod support;

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use stafett_ask::{Answer, Line, Verdict};
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring::push;
use support::{Client, Instance, Mood, variables};

type Heard = Arc<Mutex<Vec<Vec<String>>>>;

/// What the filters say to a question.
type Script = fn(&[String]) -> (Answer, Option<File>);

struct Site {
    instance: Instance,
    heard: Heard,
}

impl Site {
    fn new(script: Script) -> Site {
        let site = Site::without_service();
        let socket = site.instance.path("run/milter/socket");
        let listener = socket::listen(&socket, Style::Packets, 16).unwrap();
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
        let heard = Arc::clone(&site.heard);
        std::thread::spawn(move || serve(&listener, script, &heard));
        site
    }

    fn without_service() -> Site {
        let instance = Instance::new(Mood::Accept);
        std::fs::create_dir_all(instance.path("run/milter")).unwrap();
        std::fs::create_dir_all(instance.path("spool")).unwrap();
        instance.control("rcpthosts", "example.org\n");
        instance.control("milters", "unix:/nonexistent\n");
        Site { instance, heard: Heard::default() }
    }

    fn client(&self) -> Client {
        self.instance.serve(&variables(&[("TCPREMOTEIP", "192.0.2.1"), ("TCPREMOTEHOST", "client.example"), ("TCPREMOTEPORT", "4711")]))
    }

    fn heard(&self) -> Vec<Vec<String>> {
        self.heard.lock().unwrap().clone()
    }

    fn taken(&self) -> Vec<support::Pair> {
        self.instance.taken.all()
    }
}

fn serve(listener: &OwnedFd, script: Script, heard: &Heard) {
    loop {
        wait_two((listener.as_fd(), Interest::Read), None, None).unwrap();
        let Some(caller) = socket::accept(listener).unwrap() else { continue };
        let handed = socket::receive_packet(&caller, &mut [0; 256]).unwrap();
        tell(&caller, [b"S", b"1", b"4711"]);
        let line = Line::new(handed.descriptor.unwrap());
        let heard = Arc::clone(heard);
        std::thread::spawn(move || {
            let mut buffer = vec![0; stafett_wire::LARGEST_PACKET];
            while let Ok(Some(question)) = line.hear(&mut buffer) {
                let fields: Vec<String> = question.what.iter().map(|field| String::from_utf8(field.clone()).unwrap()).collect();
                let (answer, body) = script(&fields);
                heard.lock().unwrap().push(fields);
                if answer.text == "hang up" {
                    return;
                }
                line.answer(&answer, body.as_ref().map(AsFd::as_fd)).unwrap();
            }
        });
    }
}

/// What the parent of the service says about a handoff.
fn tell(caller: &OwnedFd, parts: [&[u8]; 3]) {
    let mut packet = Vec::new();
    parts.iter().for_each(|part| push(&mut packet, part));
    socket::send_packet(caller, &packet, None).unwrap();
}

fn yes(_: &[String]) -> (Answer, Option<File>) {
    (Answer::new(Verdict::Ok, ""), None)
}

fn no(verdict: Verdict, text: &str) -> (Answer, Option<File>) {
    (Answer::new(verdict, text).with("control/milters:1"), None)
}

/// Sends a message and gives the reply to its end.
fn send(client: &mut Client) -> String {
    client.open("a@example.net", "b@example.org");
    message(client)
}

fn message(client: &mut Client) -> String {
    assert!(client.ask("DATA").starts_with("354 "));
    client.ask("Subject: test\r\n\r\n..body\r\n.")
}

#[test]
fn filters_hear_each_step_and_change_what_is_queued() {
    fn script(question: &[String]) -> (Answer, Option<File>) {
        if question[0] != "message" {
            return yes(question);
        }
        let mut body = tempfile::tempfile().unwrap();
        body.write_all(b"new\r\n").unwrap();
        let answer = Answer::new(Verdict::Ok, "")
            .with("P0 0:X-Filter: yes\r\n")
            .with("Amore@example.com")
            .with("B17")
            .with("Qcontrol/milters:1 odd");
        (answer, Some(body))
    }
    let site = Site::new(script);
    let mut client = site.client();
    assert!(send(&mut client).starts_with("250 2.0.0 ok "));
    let (envelope, text) = site.taken().remove(0);
    assert_eq!(String::from_utf8(text).unwrap(), "X-Filter: yes\r\nSubject: test\r\n\r\nnew\r\n");
    assert!(
        envelope.contains("to b@example.org\nto more@example.com\n") && envelope.contains("hold control/milters:1 odd\n"),
        "{envelope}"
    );
    let heard = site.heard();
    assert_eq!(heard[0], ["connect", "client.example", "192.0.2.1", "4711", "", "", ""]);
    assert_eq!(heard[1], ["helo", "client.example"]);
    assert_eq!((heard[2][0].as_str(), heard[2][2].as_str()), ("mail", "a@example.net"));
    assert_eq!(heard[3], ["rcpt", "b@example.org"]);
    assert_eq!(heard[4], ["message"]);
}

#[test]
fn refusals_come_at_their_step() {
    fn at(step: &str, question: &[String]) -> (Answer, Option<File>) {
        if question[0] == step { no(Verdict::Permanent, "550 5.7.1 not you\nnor yours") } else { yes(question) }
    }
    let site = Site::new(|question| at("connect", question));
    let mut client = site.client();
    assert_eq!((client.line().as_str(), client.line().as_str()), ("554-5.7.1 not you", "554 5.7.1 nor yours"));
    assert!(client.end().1.contains("refuse control/milters:1 from <> client 192.0.2.1"));

    let site = Site::new(|question| at("helo", question));
    let mut client = site.client();
    client.greeted();
    assert_eq!(client.ask("EHLO x"), "550 5.7.1 nor yours");
    assert_eq!(client.ask("MAIL FROM:<a@b>"), "503 5.5.1 say EHLO first");

    let site = Site::new(|question| at("mail", question));
    let mut client = site.client();
    client.reply();
    client.ask("HELO x");
    assert_eq!(client.ask("MAIL FROM:<a@b>"), "550 5.7.1 nor yours");
    assert_eq!(client.ask("RCPT TO:<b@example.org>"), "503 5.5.1 MAIL comes first");

    let site = Site::new(|question| if question.last().unwrap() == "bad@example.org" { at("rcpt", question) } else { yes(question) });
    let mut client = site.client();
    client.open("a@b.example", "b@example.org");
    assert_eq!(client.ask("RCPT TO:<bad@example.org>"), "550 5.7.1 nor yours");
    assert!(message(&mut client).starts_with("250 "));
    assert!(client.end().1.contains("refuse control/milters:1 from <a@b.example> to <bad@example.org>"));

    let site = Site::new(|question| if question[0] == "message" { no(Verdict::Temporary, "451 4.7.1 later") } else { yes(question) });
    let mut client = site.client();
    assert_eq!(send(&mut client), "451 4.7.1 later");
    assert!(site.taken().is_empty());
}

#[test]
fn recipients_that_are_refused_anyway_are_not_told() {
    let site = Site::new(yes);
    let mut client = site.client();
    client.open("a@b.example", "b@example.org");
    assert!(client.ask("RCPT TO:<x@elsewhere.example>").starts_with("553 "));
    assert_eq!(site.heard().iter().filter(|question| question[0] == "rcpt").count(), 1);
}

#[test]
fn discarded_messages_are_said_to_be_in_the_log() {
    let site =
        Site::new(
            |question| {
                if question[0] == "message" { (Answer::new(Verdict::Ok, "").with("Xcontrol/milters:1"), None) } else { yes(question) }
            },
        );
    let mut client = site.client();
    assert!(send(&mut client).starts_with("250 2.0.0 ok "));
    assert!(site.taken().is_empty());
    let log = client.end().1;
    assert!(
        log.contains("stafett-smtpd: discard control/milters:1 bytes 24 from <a@example.net> to <b@example.org> recipients 1"),
        "{log}"
    );
    assert!(!log.contains("accept "), "{log}");
}

#[test]
fn a_service_that_is_away_refuses_for_now_unless_all_filters_may_be_away() {
    let site = Site::without_service();
    let mut client = site.client();
    assert_eq!(client.line(), "421 4.3.0 the mail filters cannot be asked, try again later");
    assert!(client.end().1.contains("unable to ask stafett-milter"));
    site.instance.control("milters", "unix:/nonexistent away=accept\n");
    let mut client = site.client();
    assert!(send(&mut client).starts_with("250 "));
    assert_eq!(site.taken().len(), 1);
}

#[test]
fn a_service_that_has_no_process_for_a_client_says_why() {
    let site = Site::without_service();
    let listener = socket::listen(&site.instance.path("run/milter/socket"), Style::Packets, 16).unwrap();
    std::fs::set_permissions(site.instance.path("run/milter/socket"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut client = site.client();
    wait_two((listener.as_fd(), Interest::Read), None, None).unwrap();
    let caller = socket::accept(&listener).unwrap().unwrap();
    let handed = socket::receive_packet(&caller, &mut [0; 256]).unwrap();
    tell(&caller, [b"Z", b"1", b"unable to fork: no more processes"]);
    assert_eq!(client.line(), "421 4.3.0 the mail filters cannot be asked, try again later");
    let log = client.end().1;
    assert!(log.contains("unable to ask stafett-milter: unable to fork: no more processes"), "{log}");
    drop(handed);
}

#[test]
fn a_service_that_is_lost_refuses_all_further_mail_of_the_session() {
    for step in ["mail", "rcpt", "message"] {
        let script: Script = match step {
            "mail" => |question| if question[0] == "mail" { no(Verdict::Temporary, "hang up") } else { yes(question) },
            "rcpt" => |question| if question[0] == "rcpt" { no(Verdict::Temporary, "hang up") } else { yes(question) },
            _ => |question| if question[0] == "message" { no(Verdict::Temporary, "hang up") } else { yes(question) },
        };
        let site = Site::new(script);
        let mut client = site.client();
        client.reply();
        client.ask("HELO x");
        let mut replies = vec![client.ask("MAIL FROM:<a@b.example>"), client.ask("RCPT TO:<b@example.org>")];
        if step == "message" {
            replies.push(message(&mut client));
        }
        replies.push(client.ask("RSET"));
        replies.push(client.ask("MAIL FROM:<a@b.example>"));
        assert!(replies.iter().filter(|reply| reply.starts_with("451 4.3.0")).count() >= 2, "{step} {replies:?}");
        assert!(replies.last().unwrap().starts_with("451 "), "{step}");
        assert!(site.taken().is_empty());
    }
}

#[test]
fn answers_that_fit_no_message_refuse_it() {
    fn script(question: &[String]) -> (Answer, Option<File>) {
        if question[0] == "message" { (Answer::new(Verdict::Ok, "").with("P5 9999:x"), None) } else { yes(question) }
    }
    let site = Site::new(script);
    let mut client = site.client();
    assert_eq!(send(&mut client), "451 4.3.0 the mail filters cannot be asked, try again later");
    assert!(client.end().1.contains("unable to do what a mail filter wants of a message"));
    assert!(site.taken().is_empty());
}

#[test]
fn clients_that_all_filters_skip_cost_nothing() {
    let site = Site::new(yes);
    site.instance.control("milters", "unix:/nonexistent skip=192.0.2.0/24\n");
    let mut client = site.client();
    assert!(send(&mut client).starts_with("250 "));
    assert!(site.heard().is_empty());
}

#[test]
fn a_message_by_chunks_is_shown_too() {
    let site = Site::new(|question| if question[0] == "message" { no(Verdict::Permanent, "554 5.7.1 no") } else { yes(question) });
    let mut client = site.client();
    client.open("a@example.net", "b@example.org");
    assert_eq!(client.ask("BDAT 6 LAST\r\nA: b"), "554 5.7.1 no");
}

#[test]
fn large_messages_are_shown_whole() {
    let site = Site::new(|question| match question[0].as_str() {
        "message" => (Answer::new(Verdict::Ok, "").with("P0 0:X: 1\r\n"), None),
        _ => yes(question),
    });
    let mut client = site.client();
    client.open("a@example.net", "b@example.org");
    assert!(client.ask("DATA").starts_with("354 "));
    let body = "0123456789012345678901234567890123456789012345678901234567890\r\n".repeat(5000);
    assert!(client.ask(&format!("A: b\r\n\r\n{body}.")).starts_with("250 "));
    assert_eq!(site.taken()[0].1, format!("X: 1\r\nA: b\r\n\r\n{body}").into_bytes());
}
