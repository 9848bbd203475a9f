//! Deliveries to real receivers: Exim, OpenSMTPD, Dovecot's LMTP, Postfix's smtp-sink with each of its failures.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use stafett_wire::delivery::{Kind, Report};
use support::receivers::{dovecot, exim, opensmtpd, skip, smtp_sink};
use support::{Remote, Verdict, only};

const MESSAGE: &[u8] = b"From: a@from.test\r\nSubject: x\r\n\r\n.body\r\n";

fn verdicts(report: &Report) -> Vec<Verdict> {
    report.recipients.iter().map(|(verdict, _)| *verdict).collect()
}

#[test]
fn exim_takes_puts_off_and_refuses() {
    let Some(exim) = exim() else { return skip("exim_takes_puts_off_and_refuses", "needs root and Exim's package laid out by tests/run") };
    let remote = Remote::start(&[("timeoutremote", "20\n")]);
    let mut delivery = remote.host(exim.port);
    let report = delivery.send(&["a@taken.test", "unknown@taken.test", "grey@taken.test", "b@far.test"], MESSAGE);
    assert_eq!(verdicts(&report), [Verdict::Ok, Verdict::Permanent, Verdict::Temporary, Verdict::Permanent], "{report:?}");
    assert_eq!(report.dsn_taken, [true, false, false, false]);
    assert!(report.recipients[2].1.contains("greylisted, come again"), "{report:?}");
    let report = delivery.send(&["a@taken.test"], b"Subject: refuse-me\r\n\r\nbody\r\n");
    let (verdict, text) = only(&report);
    assert!(verdict == Verdict::Permanent && text.contains("failed after I sent the message") && text.contains("that content"), "{text}");
    assert!(report.reusable);
    assert_eq!(verdicts(&delivery.send(&["a@taken.test"], MESSAGE)), [Verdict::Ok]);
}

#[test]
fn opensmtpd_takes_and_refuses() {
    let Some(opensmtpd) = opensmtpd() else {
        return skip("opensmtpd_takes_and_refuses", "needs root and OpenSMTPD's package laid out by tests/run");
    };
    let remote = Remote::start(&[("timeoutremote", "20\n")]);
    let mut delivery = remote.host(opensmtpd.port);
    for _ in 0..2 {
        let report = delivery.send(&["root@taken.test", "b@far.test"], MESSAGE);
        assert_eq!(verdicts(&report), [Verdict::Ok, Verdict::Permanent], "{report:?}");
        assert!(report.reusable);
    }
}

#[test]
fn dovecot_answers_for_each_recipient_over_tcp_and_at_its_socket() {
    let Some(dovecot) = dovecot() else {
        return skip("dovecot_answers_for_each_recipient_over_tcp_and_at_its_socket", "needs root and Dovecot's LMTP");
    };
    let remote = Remote::start(&[("timeoutremote", "20\n")]);
    let socket = dovecot.path("lmtp");
    for (kind, name, port) in [(Kind::Lmtp, "127.0.0.1", dovecot.port), (Kind::LmtpSocket, socket.to_str().unwrap(), 0)] {
        let mut delivery = remote.to(kind, name, port);
        for _ in 0..2 {
            let report = delivery.send(&["alice@taken.test", "nobody@taken.test", "bob@taken.test"], MESSAGE);
            assert_eq!(verdicts(&report), [Verdict::Ok, Verdict::Permanent, Verdict::Temporary], "{report:?}");
            assert_eq!(report.dsn_taken, [false; 3]);
            assert!(report.recipients[1].1.contains("550 5.1.1"), "{report:?}");
            assert!(report.reusable);
        }
    }
    let stored = std::fs::read_dir(dovecot.path("mail/alice/new")).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let stored: Vec<Vec<u8>> = stored.collect();
    assert_eq!(stored.len(), 4);
    assert!(stored.iter().all(|message| message.ends_with(b"\n.body\n")));
}

#[test]
fn smtp_sink_fails_in_every_way_it_knows() {
    let later = Verdict::Temporary;
    for (options, expected) in [
        (&["-r", "connect"][..], later),
        (&["-f", "connect"], later),
        (&["-q", "connect"], later),
        (&["-r", "ehlo"], later),
        (&["-f", "ehlo"], Verdict::Ok),
        (&["-f", "ehlo,helo"], later),
        (&["-q", "ehlo"], later),
        (&["-r", "mail"], later),
        (&["-f", "mail"], Verdict::Permanent),
        (&["-q", "mail"], later),
        (&["-r", "rcpt"], later),
        (&["-f", "rcpt"], Verdict::Permanent),
        (&["-q", "rcpt"], later),
        (&["-r", "data"], later),
        (&["-f", "data"], Verdict::Permanent),
        (&["-q", "data"], later),
        (&["-r", "."], later),
        (&["-f", "."], Verdict::Permanent),
        (&["-q", "."], later),
        (&["-p"], Verdict::Ok),
        (&["-e"], Verdict::Ok),
        (&["-w", "1"], Verdict::Ok),
    ] {
        let Some(sink) = smtp_sink(options) else { return skip("smtp_sink_fails_in_every_way_it_knows", "needs Postfix's smtp-sink") };
        let remote = Remote::start(&[("timeoutremote", "10\n")]);
        let report = remote.host(sink.port).send(&["b@to.test"], MESSAGE);
        assert_eq!(verdicts(&report), [expected], "{options:?}: {report:?}");
    }
}

#[test]
fn smtp_sink_speaks_lmtp_too() {
    let Some(sink) = smtp_sink(&["-L"]) else { return skip("smtp_sink_speaks_lmtp_too", "needs Postfix's smtp-sink") };
    let remote = Remote::start(&[]);
    let report = remote.to(Kind::Lmtp, "127.0.0.1", sink.port).send(&["b@to.test", "c@to.test"], MESSAGE);
    assert_eq!(verdicts(&report), [Verdict::Ok, Verdict::Ok], "{report:?}");
}
