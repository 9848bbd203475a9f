//! AUTH at relays: what is said, when it is not, and in which words mail waits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stafett_wire::delivery::{Destination, Kind};
use support::receivers::{dovecot_submission, skip};
use support::server::{self, Action, Server, reply};
use support::{Remote, Scope, Verdict, names, only};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";
const ACCOUNTS: &str = "isp without-tls:user:secret\nlogin without-tls login:user:secret\nsafe:user:secret\n";

/// A relay that offers these mechanisms and says `answer` to an AUTH command; user and password come after it where they
/// are asked for.
fn relay(mechanisms: &'static str, answer: &'static str) -> Server {
    server::start(move |_, event| match event.split(' ').next().unwrap_or_default() {
        "EHLO" => Action::Say(format!("250-relay.test\r\n250-PIPELINING\r\n250 AUTH {mechanisms}\r\n")),
        "AUTH" => reply(answer),
        // user, in base64
        "dXNlcg==" => reply("334 UGFzc3dvcmQ6"),
        // secret
        "c2VjcmV0" => reply("235 2.7.0 welcome"),
        "*" => reply("501 5.7.0 as you like"),
        _ => Action::Default,
    })
}

#[test]
fn plain_and_login_are_said_once_for_a_connection() {
    for (account, offered, answer, said) in [
        ("isp", "PLAIN LOGIN", "235 2.7.0 welcome", "AUTH PLAIN AHVzZXIAc2VjcmV0"),
        ("login", "LOGIN PLAIN", "334 VXNlcm5hbWU6", "AUTH LOGIN"),
    ] {
        let remote = Remote::start(&[("smtpauth", ACCOUNTS)]);
        let server = relay(offered, answer);
        let mut delivery = remote.host_with(server.port, &format!("auth={account}"));
        for _ in 0..2 {
            assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
        }
        let lines = server.journal.lines();
        let (auth, mail) = (lines.iter().position(|line| line == said), lines.iter().position(|line| line.starts_with("MAIL")));
        assert!(auth.is_some() && auth < mail, "{lines:?}");
        assert_eq!((server.journal.count("AUTH"), server.journal.count("CONNECT")), (1, 1));
        assert!(!remote.log().contains("secret"));
    }
}

#[test]
fn whoever_is_not_let_in_waits_and_the_words_say_why() {
    let remote = Remote::start(&[("smtpauth", ACCOUNTS)]);
    for (account, offered, answer, words) in [
        ("isp", "PLAIN", "535 5.7.8 wrong", "it refuses the credentials isp of control/smtpauth. Remote host said: 535 5.7.8 wrong"),
        ("isp", "PLAIN", "454 4.7.0 later", "AUTH failed: 454 4.7.0 later"),
        ("isp", "PLAIN", "334 ", "AUTH failed: it asks for more than user and password"),
        ("isp", "SCRAM-SHA-256 PLAIN", "235 2.7.0 welcome", "AUTH failed: it has not proved that it knows the password itself"),
        ("isp", "SCRAM-SHA-256", "334 !", "AUTH failed: its challenge is not base64"),
        ("isp", "CRAM-MD5 NTLM", "235 ok", "it offers AUTH CRAM-MD5 NTLM, and we would use scram-sha-256, plain, login"),
        ("login", "PLAIN", "235 ok", "it offers AUTH PLAIN, and we would use login"),
        ("isp", "", "235 ok", "it offers no AUTH, and the route has us log in as isp"),
        ("other", "PLAIN", "235 ok", "control/smtpauth has no line other"),
    ] {
        let server = relay(offered, answer);
        let report = remote.host_with(server.port, &format!("auth={account}")).send(&["b@to.test"], MESSAGE);
        let (verdict, text) = only(&report);
        assert_eq!((verdict, report.scope, report.reusable), (Verdict::Temporary, Scope::Destination, false), "{report:?}");
        assert!(text.contains(words), "{text}");
        assert!(!text.contains("secret") && server.journal.count("MAIL") == 0);
    }
}

#[test]
fn credentials_that_are_refused_are_not_tried_at_other_addresses() {
    for (answer, asked) in [("535 5.7.8 wrong", 1), ("454 4.7.0 later", 2)] {
        let decide = move |_: usize, event: &str| match event.get(..4).unwrap_or_default() {
            "EHLO" => Action::Say("250-relay.test\r\n250 AUTH PLAIN\r\n".into()),
            "AUTH" => reply(answer),
            _ => Action::Default,
        };
        let first = server::start_at("127.0.0.2:0".parse().unwrap(), decide);
        let second = server::start_at(format!("127.0.0.3:{}", first.port).parse().unwrap(), decide);
        let resolvers = names::start(&[("relay.test", "a 127.0.0.2"), ("relay.test", "a 127.0.0.3")]);
        let remote = Remote::start(&[("smtpauth", ACCOUNTS), ("resolvers", &resolvers)]);
        let words = "auth=isp".to_owned();
        let destination = Destination { words, ..Destination::plain(Kind::Host, "relay.test", first.port) };
        let report = remote.hand_over(&destination).send(&["b@to.test"], MESSAGE);
        assert_eq!(only(&report).0, Verdict::Temporary);
        assert_eq!(first.journal.count("AUTH") + second.journal.count("AUTH"), asked, "{report:?}");
    }
}

#[test]
fn a_changed_password_counts_at_once_and_a_file_that_may_not_be_read_hurts_nobody_else() {
    let remote = Remote::start(&[("smtpauth", "isp without-tls:user:old\n")]);
    let server = relay("PLAIN", "235 2.7.0 welcome");
    remote.write_control("smtpauth", ACCOUNTS);
    assert_eq!(only(&remote.host_with(server.port, "auth=isp").send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    assert_eq!(server.journal.count("AUTH PLAIN AHVzZXIAc2VjcmV0"), 1);
    if !stafett_sys::user::Uid::effective().is_root() {
        return;
    }
    fs::set_permissions(remote.control("smtpauth"), fs::Permissions::from_mode(0o400)).unwrap();
    let report = remote.host_with(server.port, "auth=isp").send(&["b@to.test"], MESSAGE);
    assert!(only(&report).1.contains("control/smtpauth: unable to read it: Permission denied"), "{report:?}");
    assert_eq!(only(&remote.host(server.port).send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
}

#[test]
fn dovecot_lets_us_in_by_every_mechanism_and_with_the_right_password_alone() {
    let name = "dovecot_lets_us_in_by_every_mechanism_and_with_the_right_password_alone";
    let accounts = "good without-tls:alice:correct horse\nbad without-tls:alice:wrong\n";
    let remote = Remote::start(&[("smtpauth", accounts), ("timeoutremote", "20\n")]);
    for mechanism in ["plain", "login", "scram-sha-256"] {
        let next = server::start(|_, _| Action::Default);
        let Some(dovecot) = dovecot_submission(mechanism, next.port, None, false) else {
            return skip(name, "needs root and Dovecot's submission server");
        };
        let report = remote.host_with(dovecot.port, "auth=good").send(&["b@to.test"], MESSAGE);
        assert_eq!(only(&report).0, Verdict::Ok, "{mechanism}: {report:?}");
        assert_eq!(next.journal.count("RCPT TO:<b@to.test>"), 1);
        let report = remote.host_with(dovecot.port, "auth=bad").send(&["b@to.test"], MESSAGE);
        let (verdict, text) = only(&report);
        let words = "it refuses the credentials bad of control/smtpauth. Remote host said: 535 5.7.8";
        assert!(verdict == Verdict::Temporary && text.contains(words), "{mechanism}: {text}");
    }
}

#[test]
fn dovecot_lets_us_in_under_tls_by_starttls_and_from_the_start() {
    let certificates = tempfile::tempdir().unwrap();
    support::tls::make_certificates(certificates.path());
    let authorities = certificates.path().join("ca.pem").display().to_string();
    fs::set_permissions(certificates.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let accounts = "isp:alice:correct horse\n";
    let remote = Remote::start(&[("smtpauth", accounts), ("tlsauthorities", &authorities), ("timeoutremote", "20\n")]);
    for (at_once, words) in [(false, "auth=isp"), (true, "auth=isp tls-start=yes")] {
        let next = server::start(|_, _| Action::Default);
        let Some(dovecot) = dovecot_submission("plain scram-sha-256", next.port, Some(certificates.path()), at_once) else {
            return skip("dovecot_lets_us_in_under_tls_by_starttls_and_from_the_start", "needs root and Dovecot's submission server");
        };
        let mut delivery = remote.host_with(dovecot.port, words);
        for _ in 0..2 {
            let report = delivery.send(&["b@to.test"], MESSAGE);
            assert!(only(&report).0 == Verdict::Ok && only(&report).1.contains(", verified."), "{words}: {report:?}");
        }
        assert_eq!(next.journal.count("RCPT TO:<b@to.test>"), 2);
    }
}
