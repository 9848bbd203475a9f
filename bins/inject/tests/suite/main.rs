//! What stafett-inject makes of a message, seen by the program that stands in the place of the queue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panic")]

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-inject");

/// An instance's control directory and a program that keeps what it is given.
struct Site(TempDir);

/// What the queue's program was given, and how the injector ended.
struct Ended {
    code: i32,
    stderr: String,
    message: String,
    envelope: String,
}

impl Site {
    fn new() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        fs::create_dir(site.0.path().join("control")).unwrap();
        site.write("control/me", "mail.example.org\n");
        site.queue_program("exec 3<&1; cat >message; tr '\\0' '|' <&3 >envelope");
        site
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn queue_program(&self, script: &str) {
        // Another process writes it: a fork of this one while it is open for writing would keep it from being executed.
        let mut install = Command::new("install");
        install.args(["-m", "755", "/dev/stdin"]).arg(self.0.path().join("queue")).stdin(Stdio::piped());
        let mut child = install.spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "#!/bin/sh\ncd {}\n{script}", self.0.path().display()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().env("PATH", std::env::var("PATH").unwrap());
        command.env("STAFETT", self.0.path()).env("QMAILQUEUE", self.0.path().join("queue")).env("USER", "jane");
        command.envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn output(&self, arguments: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Output {
        let mut child = self.command(arguments, variables).spawn().unwrap();
        // It may refuse before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    fn inject(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
        let output = self.output(arguments, variables, input.as_bytes());
        let read = |name| fs::read_to_string(self.0.path().join(name)).unwrap_or_default();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ended { code: output.status.code().unwrap(), stderr, message: read("message"), envelope: read("envelope") }
    }
}

impl Ended {
    fn field(&self, name: &str) -> Option<&str> {
        self.message.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

#[test]
fn a_bare_message_becomes_a_whole_one() {
    let done = Site::new().inject(&["bob", "eve@example.net"], &[("QMAILNAME", "Jane Doe")], "Subject: x\n\nbody\n.\nmore");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert_eq!(done.envelope, "Fjane@mail.example.org|Tbob@mail.example.org|Teve@example.net||");
    assert_eq!(done.field("From"), Some("Jane Doe <jane@mail.example.org>"));
    assert_eq!(done.field("Cc"), Some("recipient list not shown: ;"));
    assert!(done.field("Message-ID").is_some_and(|id| id.starts_with('<') && id.ends_with("@mail.example.org>")));
    assert!(done.field("Date").is_some_and(|date| date.ends_with("+0000")));
    assert!(done.message.ends_with("Subject: x\n\nbody\n.\nmore"), "{}", done.message);
}

#[test]
fn recipients_come_from_the_header_and_bcc_does_not_leave() {
    let header = "To: A <a>,\n  \"B, b\" <b@two.test> (friend)\nCc: list: c@three, d+;\nBcc: secret@four.test,\n folded\nFrom: me\n\n";
    let site = Site::new();
    site.write("control/defaultdomain", "dom.test\n");
    site.write("control/plusdomain", "plus.test\n");
    let done = site.inject(&[], &[], header);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let to = "Ta@mail.example.org|Tb@two.test|Tc@three.dom.test|Td+@mail.example.org|Tsecret@four.test|Tfolded@mail.example.org||";
    assert_eq!(done.envelope, format!("Fjane@mail.example.org|{to}"));
    assert!(!done.message.contains("secret") && !done.message.contains("folded"), "{}", done.message);
    assert!(done.message.contains("To: A <a@mail.example.org>,\n  \"B, b\" <b@two.test> (friend)\n"), "{}", done.message);
    assert!(done.message.contains("From: me@mail.example.org\n"), "{}", done.message);
    assert_eq!(site.inject(&[], &[], "To: x@host+\n\n").envelope, "Fjane@mail.example.org|Tx@host.plus.test||");
}

#[test]
fn the_options_say_where_recipients_come_from() {
    let site = Site::new();
    let envelope = |option| site.inject(&[option, "arg@a.test"], &[], "To: head@h.test\n\n").envelope;
    assert_eq!(envelope("-A"), "Fjane@mail.example.org|Targ@a.test||");
    assert_eq!(envelope("-a"), "Fjane@mail.example.org|Targ@a.test||");
    assert_eq!(envelope("-h"), "Fjane@mail.example.org|Thead@h.test||");
    assert_eq!(envelope("-H"), "Fjane@mail.example.org|Targ@a.test|Thead@h.test||");
}

#[test]
fn a_message_that_is_sent_again_goes_to_those_alone() {
    let header =
        "From: first@a.test\nTo: old@a.test\nDate: Thu, 1 Jan 2026 00:00:00 +0000\nMessage-ID: <1@a.test>\nResent-To: new@b.test\n\n";
    let done = Site::new().inject(&[], &[], header);
    assert_eq!(done.envelope, "Fjane@mail.example.org|Tnew@b.test||");
    assert_eq!(done.field("Resent-From"), Some("jane@mail.example.org"));
    assert!(done.field("Resent-Date").is_some() && done.field("Resent-Message-ID").is_some());
    assert_eq!((done.field("From"), done.field("Message-ID")), (Some("first@a.test"), Some("<1@a.test>")));
}

#[test]
fn the_sender_is_the_one_that_was_asked_for() {
    let site = Site::new();
    let sender = |arguments: &[&str], variables: &[(&str, &str)], header: &str| {
        let done = site.inject(arguments, variables, &format!("{header}To: a@b.test\n\n"));
        done.envelope.split('|').next().unwrap_or_default().to_owned()
    };
    assert_eq!(sender(&["-f", "x@y.test"], &[], ""), "Fx@y.test");
    assert_eq!(sender(&["-f", ""], &[], ""), "F");
    assert_eq!(sender(&["-f", "list-@y.test-@[]"], &[], ""), "Flist-@y.test-@[]");
    assert_eq!(sender(&["-f", "list-@y-@[]"], &[("QMAILINJECT", "r")], ""), "Flist-@y.mail.example.org-@[]");
    assert_eq!(sender(&["-f", "<>"], &[], ""), "F");
    assert_eq!(sender(&[], &[], "Return-Path: <back@y.test>\n"), "Fback@y.test");
    assert_eq!(sender(&[], &[("QMAILINJECT", "s")], "Return-Path: <back@y.test>\n"), "Fjane@mail.example.org");
    assert_eq!(sender(&[], &[("QMAILSUSER", "bounces"), ("QMAILSHOST", "l.test")], ""), "Fbounces@l.test");
    assert_eq!(sender(&[], &[("QMAILINJECT", "r")], ""), "Fjane-@mail.example.org-@[]");
}

#[test]
fn what_a_program_writes_over_on_a_terminal_becomes_lines() {
    let done = Site::new().inject(&["a@b.test"], &[], "Subject: a\rBcc: evil@b.test\r\nX: y\n\n10%\r20%\rdone\r\n");
    assert_eq!((done.code, done.envelope.as_str()), (0, "Fjane@mail.example.org|Ta@b.test||"), "{}", done.stderr);
    assert!(done.message.ends_with("Subject: a Bcc: evil@b.test\nX: y\n\n10%\n20%\ndone\n"), "{}", done.message);
    let bare = Site::new().inject(&["a@b.test"], &[], "fetching 10%\rfetching 20%\n").message;
    assert!(bare.ends_with("\n\nfetching 10%\nfetching 20%\n"), "{bare}");
}

#[test]
fn names_stay_inside_their_place() {
    let site = Site::new();
    let from = |letters, name| {
        let done = site.inject(&["a@b.test"], &[("QMAILINJECT", letters), ("QMAILNAME", name)], "From: other@b.test\n\n");
        done.field("From").unwrap_or_default().to_owned()
    };
    assert_eq!(from("f", "Doe, \"J\""), "\"Doe, \\\"J\\\"\" <jane@mail.example.org>");
    assert_eq!(from("fc", "J (x)"), "jane@mail.example.org (J \\(x\\))");
    assert_eq!(from("f", "J\u{f6}rg Doe, x"), "=?utf-8?q?J=C3=B6rg_Doe=2C_x?= <jane@mail.example.org>");
    assert_eq!(from("fc", "J\u{f6}rg"), "jane@mail.example.org (=?utf-8?q?J=C3=B6rg?=)");
    let long = site.inject(&["a@b.test"], &[("QMAILNAME", &"\u{fc}".repeat(40))], "\n").message;
    assert!(long.is_ascii() && long.lines().all(|line| line.len() <= 100) && long.contains("?=\n =?utf-8?q?"), "{long}");
    let done = site.inject(&["a@b.test"], &[("QMAILNAME", "x\nBcc: evil@b.test")], "\n");
    assert_eq!(done.code, 100);
    assert!(done.stderr.contains("control character"), "{}", done.stderr);
}

#[test]
fn a_from_that_is_no_address_stays_and_the_mail_goes() {
    let site = Site::new();
    for from in
        ["My Shop, Inc. <shop@a.test>", "Cron Daemon", "\"Shop <shop@a.test>", "Shop) <shop@a.test>", "a@b@c", "J\u{f6}rg <j@a.test", ""]
    {
        for (name, letters) in [("From", ""), ("Reply-To", ""), ("Sender", ""), ("From", "r")] {
            let done = site.inject(&[], &[("QMAILINJECT", letters)], &format!("{name}: {from}\nTo: b@c.test\nSubject: x\n\nbody\n"));
            assert_eq!(done.code, 0, "{name}: {from}: {}", done.stderr);
            assert!(done.message.contains(&format!("\n{name}: {from}\nTo: b@c.test\n")), "{}", done.message);
            assert!(done.envelope.ends_with("|Tb@c.test||"), "{}", done.envelope);
            assert_eq!(done.message.matches("From: ").count(), 1, "{}", done.message);
        }
    }
    let replaced = site.inject(&["b@c.test"], &[("QMAILINJECT", "f")], "From: Cron Daemon\n\n");
    assert_eq!((replaced.code, replaced.field("From")), (0, Some("jane@mail.example.org")));
}

#[test]
fn a_return_path_must_be_an_address_only_where_the_sender_comes_from_it() {
    let site = Site::new();
    let odd = "Return-Path: a b c\nSubject: x\n\n";
    for (arguments, letters, sender) in
        [(&["-f", "me@a.test", "b@c.test"][..], "", "Fme@a.test"), (&["b@c.test"], "s", "Fjane@mail.example.org")]
    {
        let done = site.inject(arguments, &[("QMAILINJECT", letters)], odd);
        assert_eq!((done.code, done.envelope), (0, format!("{sender}|Tb@c.test||")), "{}", done.stderr);
        assert!(!done.message.contains("Return-Path"), "{}", done.message);
    }
    assert_eq!(site.inject(&["b@c.test"], &[], odd).code, 100);
}

#[test]
fn what_cannot_be_sent_is_said_and_not_queued() {
    let site = Site::new();
    for (arguments, text, words) in [
        (&[][..], "Subject: x\n\n", "no recipients"),
        (&[], "To: a@b.test\nResent-From: c@d.test\n\n", "Resent-To, Resent-Cc or Resent-Bcc"),
        (&[], "To: a b c\n\n", "the field To: two words"),
        (&["a@b.test"], "Return-Path: a b c\n\n", "the field Return-Path: two words"),
        (&["a@b@c"], "\n", "the recipient \"a@b@c\""),
        (&["a@-bad-.test"], "\n", "no address"),
        (&["a@b.test\nBcc: c@d.test"], "\n", "holds a control character"),
        (&["-f", "a@b.test\nx: c@d.test", "e@f.test"], "\n", "holds a control character"),
        (&["-x"], "\n", "usage:"),
    ] {
        let done = site.inject(arguments, &[], text);
        assert_eq!(done.code, 100, "{}", done.stderr);
        assert!(done.stderr.contains(words), "{}", done.stderr);
        assert_eq!((done.message.as_str(), done.envelope.as_str()), ("", ""));
    }
}

#[test]
fn the_queues_answer_is_passed_on() {
    let site = Site::new();
    for (code, ours) in [(31, 100), (53, 111), (0, 0)] {
        site.queue_program(&format!("cat >/dev/null; exit {code}"));
        assert_eq!(site.inject(&["a@b.test"], &[], "\n").code, ours);
    }
    site.queue_program("exit 74");
    let large = format!("\n{}", "a long line\n".repeat(100_000));
    let done = site.inject(&["a@b.test"], &[], &large);
    assert_eq!(done.code, 111);
    assert!(done.stderr.contains("451 4.4.2 the connection to the queue failed"), "{}", done.stderr);
    let done = site.inject(&["a@b.test"], &[("QMAILQUEUE", "/nonexistent/queue")], "\n");
    assert_eq!(done.code, 111);
    assert!(done.stderr.contains("/nonexistent/queue"), "{}", done.stderr);
}

#[test]
fn the_message_can_be_looked_at_instead() {
    let site = Site::new();
    let output = site.output(&["-n", "-h"], &[], b"To: a\nBcc: b\n\n8-bit \xe4\n");
    assert!(output.status.success());
    assert!(output.stdout.ends_with(b"To: a@mail.example.org\n\n8-bit \xe4\n"));
    assert!(!site.0.path().join("message").exists());
}

#[test]
fn broken_control_files_are_temporary() {
    let site = Site::new();
    site.write("control/defaulthost", "not a host\n");
    let done = site.inject(&["a@b.test"], &[], "\n");
    assert_eq!(done.code, 111);
    assert!(done.stderr.contains("control/defaulthost:1"), "{}", done.stderr);
}

#[test]
fn mail_to_a_list_says_where_answers_go() {
    let site = Site::new();
    site.write("lists", "# those that Jane reads\n\nNews@List.test  \nother@list.test\n");
    let lists = site.0.path().join("lists").display().to_string();
    let with = |header: &str| site.inject(&[], &[("QMAILMFTFILE", &lists)], &format!("{header}\n\n"));
    let followup = |header: &str| with(header).message.contains("Mail-Followup-To:");
    let done = with("To: A <news@list.test>, \"b c\"@far.test\nCc: near\nBcc: d@far.test");
    let wanted = "Mail-Followup-To: news@list.test,\n  \"b c\"@far.test,\n  near@mail.example.org\n";
    assert!(done.message.contains(wanted), "{}", done.message);
    assert!(followup("Cc: x@far.test, OTHER@list.test"));
    for without in ["To: a@far.test", "Bcc: news@list.test", "To: news@list.test\nResent-To: a@far.test"] {
        assert!(!followup(without), "{without}");
    }
    assert_eq!(with("To: news@list.test\nMail-Followup-To: me").message.matches("Mail-Followup-To").count(), 1);
    assert_eq!(site.inject(&[], &[("QMAILMFTFILE", "/nonexistent")], "To: a@b.test\n\n").code, 0);
    assert_eq!(site.inject(&[], &[("QMAILMFTFILE", "/")], "To: a@b.test\n\n").code, 111);
}

#[test]
fn a_sender_that_is_named_is_made_one_for_each_recipient() {
    let site = Site::new();
    let sender = |arguments: &[&str], header: &str| site.inject(arguments, &[("QMAILINJECT", "r")], header).envelope;
    assert_eq!(sender(&["-f", "list-owner-@l.test", "a@b.test"], "\n"), "Flist-owner-@l.test-@[]|Ta@b.test||");
    assert_eq!(sender(&["a@b.test"], "Return-Path: <list-@l.test>\n\n"), "Flist-@l.test-@[]|Ta@b.test||");
    assert_eq!(sender(&["-f", "", "a@b.test"], "\n"), "F|Ta@b.test||");
}

#[test]
fn a_recipient_field_that_is_none_counts_only_where_it_is_asked() {
    let site = Site::new();
    let odd = "To: (not closed <x\nCc: a b c\n\nbody\n";
    let done = site.inject(&["a@b.test"], &[], odd);
    assert_eq!((done.code, done.envelope.as_str()), (0, "Fjane@mail.example.org|Ta@b.test||"), "{}", done.stderr);
    assert!(done.message.contains("To: (not closed <x\n"), "{}", done.message);
    assert_eq!(site.inject(&["-H", "a@b.test"], &[], odd).code, 100);
    let again = site.inject(&[], &[], &format!("Resent-To: c@d.test\n{odd}"));
    assert_eq!((again.code, again.envelope.as_str()), (0, "Fjane@mail.example.org|Tc@d.test||"), "{}", again.stderr);
}
