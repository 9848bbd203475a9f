//! Servers that speak LMTP, over TCP and at a Unix socket.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stafett_wire::delivery::Kind;
use support::server::{self, Action, reply};
use support::{Remote, Scope, Verdict, only};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

fn open_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

#[test]
fn each_recipient_has_an_answer_of_its_own() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event {
        "RCPT TO:<no@to.test>" => reply("550 5.1.1 no such user"),
        "." => Action::Say("250 2.0.0 delivered\r\n452 4.2.2 full\r\n552 5.2.2 too big\r\n".into()),
        _ => Action::Default,
    });
    let mut delivery = remote.to(Kind::Lmtp, "127.0.0.1", server.port);
    for _ in 0..2 {
        let report = delivery.send(&["ok@to.test", "no@to.test", "full@to.test", "big@to.test"], MESSAGE);
        let verdicts: Vec<Verdict> = report.recipients.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Permanent, Verdict::Temporary, Verdict::Permanent], "{report:?}");
        assert_eq!(report.dsn_taken, [true, false, false, false]);
        assert!(report.reusable);
    }
    assert_eq!((server.journal.count("LHLO relay.test"), server.journal.count("EHLO"), server.journal.count("CONNECT")), (1, 0, 1));
}

#[test]
fn a_server_that_breaks_off_among_its_answers_keeps_what_it_said() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event {
        "." => Action::SayAndClose("250 2.0.0 delivered\r\n".into()),
        _ => Action::Default,
    });
    let report = remote.to(Kind::Lmtp, "127.0.0.1", server.port).send(&["a@to.test", "b@to.test"], MESSAGE);
    assert_eq!(report.recipients[0].0, Verdict::Ok);
    assert_eq!(report.recipients[1].0, Verdict::Temporary);
    assert!(report.recipients[1].1.contains("Possible duplicate!"), "{report:?}");
    assert!(!report.reusable);
}

#[test]
fn a_server_without_lmtp_is_of_no_use() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| if event.starts_with("LHLO") { reply("500 what?") } else { Action::Default });
    let report = remote.to(Kind::Lmtp, "127.0.0.1", server.port).send(&["a@to.test"], MESSAGE);
    assert_eq!((only(&report).0, report.scope), (Verdict::Temporary, Scope::Destination));
    assert_eq!(server.journal.count("HELO"), 0);
}

#[test]
fn nobody_accepted_leaves_no_dot_unanswered() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| match event.get(..4) {
        Some("RCPT") => reply("550 5.1.1 no"),
        _ => Action::Default,
    });
    let report = remote.to(Kind::Lmtp, "127.0.0.1", server.port).send(&["a@to.test"], MESSAGE);
    assert_eq!(only(&report).0, Verdict::Permanent);
    assert!(!report.reusable);
}

#[test]
fn a_unix_socket_outside_of_the_instance_is_reached() {
    let directory = open_directory();
    let path = directory.path().join("Lmtp");
    // The allow-list is one of networks.
    let remote = Remote::start(&[("destinations", "192.0.2.0/24\n"), ("outgoingip", "192.0.2.1\n")]);
    let server = server::start_unix(&path, |_, _| Action::Default);
    let name = path.to_str().unwrap();
    let mut delivery = remote.to(Kind::LmtpSocket, name, 0);
    for _ in 0..2 {
        let report = delivery.send(&["b@to.test"], MESSAGE);
        assert_eq!(only(&report), (Verdict::Ok, format!("{name} accepted message. Remote host said: 250 2.0.0 queued as X").as_str()));
    }
    drop(delivery);
    server.journal.wait_for("QUIT", 1);
    assert_eq!(server.journal.count("CONNECT"), 1);
}

#[test]
fn a_unix_socket_that_is_not_there_defers() {
    let directory = open_directory();
    let remote = Remote::start(&[]);
    let path = directory.path().join("nobody");
    let report = remote.to(Kind::LmtpSocket, path.to_str().unwrap(), 0).send(&["b@to.test"], MESSAGE);
    assert_eq!((only(&report).0, report.scope), (Verdict::Temporary, Scope::Destination));
    assert!(only(&report).1.contains("lmtp:unix:") && only(&report).1.contains("No such file"), "{report:?}");
}
