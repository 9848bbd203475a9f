//! What findings lead to, and which questions are asked.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use stafett_ask::{Answer, Verdict};
use stafett_instance::Service;
use stafett_smtp::Reply;

use crate::dialogue::{Dialogue, Step};
use crate::policy::Policy;
use crate::services::Services;
use crate::settings::Settings;
use crate::settings::signs::{Demand, Reverse, Signs};
use crate::tests::{client, settings};

/// Answers each part as told, and counts what it is asked.
#[derive(Default)]
struct Lists {
    findings: Vec<(&'static str, [&'static str; 3])>,
    asked: Vec<Vec<String>>,
    warnings: Vec<String>,
    complaints: Vec<String>,
    /// Answers with something else.
    mood: Option<fn(Answer) -> io::Result<Answer>>,
}

impl Services for Lists {
    fn room(&mut self, _bytes: u64) -> Result<(), Reply> {
        Ok(())
    }

    fn ask(&mut self, service: Service, question: &[&[u8]], _: Option<BorrowedFd<'_>>, _: Duration) -> io::Result<Answer> {
        assert_eq!((service, question[0]), (Service::Dnsbl, &b"look"[..]));
        let words: Vec<String> = question.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        let add = |answer: Answer, part: &String| {
            let found = self.findings.iter().find(|(known, _)| known == part).map_or(["K", "", ""], |(_, found)| *found);
            answer.with(part.as_str()).with(found[0]).with(found[1]).with(found[2])
        };
        let answer = words[4..].iter().fold(Answer::new(Verdict::Ok, "looked"), add);
        self.asked.push(words[1..].to_vec());
        self.mood.map_or(Ok(answer.clone()), |mood| mood(answer))
    }

    fn complain(&mut self, text: &str) {
        self.complaints.push(text.to_owned());
    }

    fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }
}

fn with(signs: Signs) -> Settings {
    Settings { signs, ..settings(&["example.org"]) }
}

fn everything() -> Signs {
    let signs = Signs { has_lists: true, has_domain_lists: true, ..Signs::default() };
    Signs { reverse: Reverse::Confirm, sender_domain: Demand::Require, ..signs }
}

/// The last reply of each line.
fn talk(settings: &Settings, variables: &[&str], lists: &mut Lists, lines: &[&str]) -> Vec<(String, String)> {
    let client = client(variables);
    let mut dialogue: Dialogue<'_, ()> = Dialogue::new(Policy { settings, client: &client });
    let mut said = Vec::new();
    for line in lines {
        said.push(match dialogue.serve(line.as_bytes(), lists) {
            Step::Refuse(refusal) => (refusal.reply.one_line(), refusal.rule.into_owned()),
            Step::Say(reply) => (reply.one_line(), String::new()),
            _ => (String::new(), String::new()),
        });
    }
    said
}

const CLIENT: &[&str] = &["TCPREMOTEIP=192.0.2.7"];
const DIALOGUE: [&str; 3] = ["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<x@example.org>"];

fn refusal(signs: Signs, part: &'static str, found: [&'static str; 3]) -> (String, String) {
    let mut lists = Lists { findings: vec![(part, found)], ..Lists::default() };
    talk(&with(signs), CLIENT, &mut lists, &DIALOGUE).pop().unwrap()
}

#[test]
fn a_transaction_costs_one_question_and_a_further_one_its_sender() {
    let mut lists = Lists::default();
    let lines = [&DIALOGUE[..], &["RCPT TO:<y@example.org>", "RSET", "MAIL FROM:<>", "RCPT TO:<x@example.org>", "RSET"]].concat();
    let again = ["MAIL FROM:<a@b.example>", "RCPT TO:<x@example.org>", "RSET", "MAIL FROM:<a@c.example>", "RCPT TO:<x@example.org>"];
    let said = talk(&with(everything()), CLIENT, &mut lists, &[&lines[..], &again].concat());
    assert!(said.iter().all(|(reply, _)| reply.starts_with('2')), "{said:?}");
    let all = ["192.0.2.7", "c.example", "b.example", "client", "reverse", "helo", "sender", "domain"];
    assert_eq!(lists.asked, [&all[..], &["192.0.2.7", "c.example", "c.example", "sender", "domain"]]);
}

#[test]
fn nothing_is_asked_that_is_not_switched_on_or_not_wanted() {
    for (signs, variables, asked) in [
        (Signs::default(), CLIENT, &[][..]),
        (everything(), &["TCPREMOTEIP=192.0.2.7", "RELAYCLIENT="], &[][..]),
        (everything(), &["TCPREMOTEIP=192.0.2.7", "RBLSMTPD="], &["reverse", "domain"][..]),
        (everything(), &[], &["helo", "sender", "domain"][..]),
    ] {
        let mut lists = Lists::default();
        assert!(talk(&with(signs), variables, &mut lists, &DIALOGUE)[2].0.starts_with("250 "), "{variables:?}");
        assert_eq!(lists.asked.iter().flat_map(|words| words.iter().skip(3)).collect::<Vec<_>>(), asked, "{variables:?}");
    }
}

#[test]
fn findings_become_replies() {
    let is = |part, found, reply: &str, rule: &str| {
        assert_eq!(refusal(everything(), part, found), (reply.to_owned(), rule.to_owned()), "{part} {found:?}");
    };
    is("client", ["Z", "control/dnsbllist:2", "see x"], "451 4.7.1 see x", "control/dnsbllist:2");
    is("client", ["D", "control/dnsbllist:3", "no"], "553 5.7.1 no", "control/dnsbllist:3");
    is("helo", ["D", "control/rhsbllist:1", "no"], "553 5.7.1 no", "control/rhsbllist:1");
    is("sender", ["Z", "control/rhsbllist:1", "no"], "451 4.7.1 no", "control/rhsbllist:1");
    is("reverse", ["D", "none", ""], "550 5.7.25 the sending host needs a name-server entry (#5.7.25)", "control/reversedns");
    for (part, found, begin) in [
        ("reverse", ["D", "unconfirmed", "x.example"], "550 5.7.25 "),
        ("reverse", ["Z", "unknown", "timeout"], "451 4.4.3 "),
        ("domain", ["D", "null-mx", ""], "553 5.7.27 "),
        ("domain", ["D", "no-domain", ""], "553 5.1.8 "),
        ("domain", ["D", "no-host", ""], "553 5.1.8 "),
        ("domain", ["Z", "unknown", "timeout"], "451 4.4.3 "),
        ("client", ["K", "control/dnsbllist:1", "allowed"], "250 "),
    ] {
        assert!(refusal(everything(), part, found).0.starts_with(begin), "{part} {found:?}");
    }
    let require = || Signs { reverse: Reverse::Require, ..Signs::default() };
    assert!(refusal(require(), "reverse", ["D", "unconfirmed", "x.example"]).0.starts_with("250 "));
    assert!(refusal(require(), "reverse", ["D", "none", ""]).0.starts_with("550 "));
}

#[test]
fn warnings_refuse_nothing_and_come_once() {
    let signs = Signs { reverse: Reverse::Warn, sender_domain: Demand::Warn, ..Signs::default() };
    let findings = vec![("reverse", ["D", "none", ""]), ("domain", ["D", "null-mx", "b.example"])];
    let mut lists = Lists { findings, ..Lists::default() };
    let lines = [&DIALOGUE[..], &["RCPT TO:<y@example.org>"]].concat();
    assert!(talk(&with(signs), CLIENT, &mut lists, &lines).iter().all(|(reply, _)| reply.starts_with('2')));
    assert_eq!(lists.warnings.len(), 2, "{:?}", lists.warnings);
}

#[test]
fn a_service_that_fails_is_never_a_yes() {
    let moods: [fn(Answer) -> io::Result<Answer>; 5] = [
        |_| Err(io::ErrorKind::NotFound.into()),
        |_| Ok(Answer::new(Verdict::Temporary, "busy")),
        |_| Ok(Answer::new(Verdict::Ok, "looked")),
        |mut answer| {
            answer.fields.truncate(7);
            Ok(answer)
        },
        |mut answer| {
            answer.fields[1] = b"Y".to_vec();
            Ok(answer)
        },
    ];
    for mood in moods {
        let mut lists = Lists { mood: Some(mood), ..Lists::default() };
        let lines = [&DIALOGUE[..], &["RCPT TO:<y@example.org>"]].concat();
        let said = talk(&with(everything()), CLIENT, &mut lists, &lines);
        assert!(said[2..].iter().all(|(reply, rule)| reply.starts_with("451 4.3.0 ") && rule == "control/dnsbllist"), "{said:?}");
        assert_eq!(lists.complaints.len(), 1);
        let mut lists = Lists { mood: Some(mood), ..Lists::default() };
        let signs = Signs { reverse: Reverse::Warn, ..Signs::default() };
        assert!(talk(&with(signs), CLIENT, &mut lists, &DIALOGUE)[2].0.starts_with("250 "));
    }
}
