//! QMAILQUEUE: what the program gets, and what its exit codes mean to the client.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::process::Command;

use support::{Instance, Mood, variables, write_program};

/// An instance whose queue program is this shell script; `$1`-like things are not needed, it runs in the directory.
fn with_program(script: &str) -> (Instance, Vec<(String, String)>) {
    let instance = Instance::new(Mood::Away);
    instance.control("rcpthosts", "example.org\n");
    let path = instance.path("program");
    write_program(&path, &format!("#!/bin/sh\ncd '{}' || exit 55\n{script}\n", instance.directory.path().display()));
    let program = path.to_str().unwrap().to_owned();
    let variables = variables(&[("QMAILQUEUE", &program), ("TCPREMOTEIP", "192.0.2.7"), ("TCPREMOTEHOST", "$(evil)")]);
    (instance, variables)
}

/// The reply to the dot of a small message.
fn send(instance: &Instance, variables: &[(String, String)]) -> String {
    let mut client = instance.serve(variables);
    client.open("a@b.example", "\"c d\"@example.org");
    assert!(client.ask("RCPT TO:<second@example.org>").starts_with("250 "));
    assert!(client.ask("DATA").starts_with("354 "));
    client.send(b"Subject: x\r\n\r\n..y\r\n");
    let reply = client.ask(".");
    assert!(client.ask("QUIT").starts_with("221 "));
    client.end();
    reply
}

#[test]
fn the_program_gets_message_envelope_and_variables() {
    let (instance, variables) = with_program("cat > message; cat <&1 > envelope; echo \"$TCPREMOTEHOST\" > host; exit 0");
    let reply = send(&instance, &variables);
    assert!(reply.starts_with("250 2.0.0 ok ") && reply.contains(" qp "), "{reply}");
    let message = fs::read_to_string(instance.path("message")).unwrap();
    assert!(message.starts_with("Received: from client.example (??evil? [192.0.2.7])\n\tby relay.example with ESMTP; "), "{message}");
    assert!(message.ends_with("\nSubject: x\n\n.y\n") && !message.contains('\r'), "{message:?}");
    let envelope = fs::read(instance.path("envelope")).unwrap();
    assert_eq!(envelope, b"Fa@b.example\0Tc d@example.org\0Tsecond@example.org\0\0");
    assert_eq!(fs::read_to_string(instance.path("host")).unwrap(), "??evil?\n");
}

#[test]
fn the_program_is_told_what_the_sender_asked_to_hear() {
    let (instance, variables) =
        with_program("cat >/dev/null; cat <&1 >/dev/null; env | grep -E '^(DSN|SMTPUTF8|QMAILQUEUE)' | sort > wishes");
    let mut client = instance.serve(&variables);
    client.greeted();
    assert!(client.ask("EHLO client.example").starts_with("250"));
    let wishes = |client: &mut support::Client, mail: &str, rcpts: &[&str]| {
        assert!(client.ask(mail).starts_with("250 "));
        rcpts.iter().for_each(|rcpt| assert!(client.ask(rcpt).starts_with("250 "), "{rcpt}"));
        assert!(client.ask("DATA").starts_with("354 "));
        client.send(b"Subject: x\r\n\r\n");
        assert!(client.ask(".").starts_with("250 "));
        fs::read_to_string(instance.path("wishes")).unwrap()
    };
    let asked = ["RCPT TO:<\"$(c d)\"@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c", "RCPT TO:<e@example.org> NOTIFY=NEVER"];
    assert_eq!(
        wishes(&mut client, "MAIL FROM:<a@b.example> RET=HDRS ENVID=X+2B1", &asked),
        "DSNENVID=X+2B1\nDSNNOTIFY1=SUCCESS,DELAY\nDSNNOTIFY2=NEVER\nDSNORCPT1=rfc822;a+2Bb@c\n\
         DSNRECIPIENT1=+22+24+28c+20d+29+22@example.org\nDSNRECIPIENT2=e@example.org\nDSNRET=HDRS\nDSNSENDER=a@b.example\n"
    );
    assert_eq!(wishes(&mut client, "MAIL FROM:<a@b.example>", &["RCPT TO:<c@example.org>"]), "");
    assert_eq!(
        wishes(&mut client, "MAIL FROM:<> SMTPUTF8", &["RCPT TO:<c@example.org>"]),
        "DSNRECIPIENT1=c@example.org\nDSNSENDER=\nSMTPUTF8=1\n"
    );
    assert!(client.ask("QUIT").starts_with("221 "));
    client.end();
}

#[test]
fn wishes_of_many_recipients_leave_room_for_what_the_program_runs() {
    let (instance, variables) = with_program("cat >/dev/null; cat <&1 >/dev/null; env | grep -c '^DSNRECIPIENT' > count");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -s 640; exec \"$0\"", support::PROGRAM]).env_clear().envs(variables);
    command.env("STAFETT", instance.directory.path()).env("PATH", "/usr/bin:/bin");
    let mut client = Instance::serve_by(command);
    client.open("a@b.example", "first@example.org");
    let long = "x".repeat(480);
    for number in 0..400 {
        let reply = client.ask(&format!("RCPT TO:<{number}@example.org> NOTIFY=NEVER ORCPT=rfc822;{long}"));
        assert!(reply.starts_with("250 "), "{number} {reply}");
    }
    assert!(client.ask("DATA").starts_with("354 "));
    client.send(b"Subject: x\r\n\r\n");
    let reply = client.ask(".");
    assert!(reply.starts_with("250 "), "{reply}");
    assert!(client.ask("QUIT").starts_with("221 "));
    let told: usize = fs::read_to_string(instance.path("count")).unwrap().trim().parse().unwrap();
    assert!((100..400).contains(&told), "{told}");
    let (code, log) = client.end();
    assert_eq!(code, Some(0));
    assert!(log.contains(&format!("asked to hear of {} of 401 recipients: they are too many", 400 - told)), "{log}");
}

#[test]
fn a_program_below_another_is_not_told_of_the_others_message() {
    let (instance, variables) = with_program("cat >/dev/null; cat <&1 >/dev/null; env | grep -E '^(DSN|SMTPUTF8)' | sort > wishes");
    let inherited = [
        ("DSNSENDER", "a@b.example"),
        ("DSNRET", "HDRS"),
        ("DSNENVID", "X"),
        ("SMTPUTF8", "1"),
        ("DSNRECIPIENT1", "x@example.org"),
        ("DSNORCPT1", "rfc822;x@y"),
        ("DSNRECIPIENT2", "second@example.org"),
        ("DSNNOTIFY2", "NEVER"),
    ];
    let variables = [variables, support::variables(&inherited)].concat();
    assert!(send(&instance, &variables).starts_with("250 "));
    assert_eq!(fs::read_to_string(instance.path("wishes")).unwrap(), "");
    let mut client = instance.serve(&variables);
    client.open("a@b.example", "first@example.org");
    assert!(client.ask("RCPT TO:<third@example.org> NOTIFY=DELAY").starts_with("250 "));
    assert!(client.ask("RCPT TO:<second@example.org>").starts_with("250 "));
    assert!(client.ask("DATA").starts_with("354 "));
    client.send(b"Subject: x\r\n\r\n");
    assert!(client.ask(".").starts_with("250 "));
    assert!(client.ask("QUIT").starts_with("221 "));
    client.end();
    let wanted = "DSNNOTIFY1=DELAY\nDSNRECIPIENT1=third@example.org\nDSNSENDER=a@b.example\n";
    assert_eq!(fs::read_to_string(instance.path("wishes")).unwrap(), wanted);
}

#[test]
fn exit_codes_become_replies() {
    for (code, begin) in [
        (11, "553 5.1.3 "),
        (31, "554 5.3.0 "),
        (40, "554 5.3.0 "),
        (51, "451 4.3.0 "),
        (53, "452 4.3.1 "),
        (71, "451 4.3.0 "),
        (81, "451 4.3.0 "),
        (82, "451 4.3.0 "),
        (91, "451 4.3.0 "),
        (100, "451 4.3.0 "),
        (111, "451 4.3.0 "),
    ] {
        let (instance, variables) = with_program(&format!("cat > /dev/null; cat <&1 >/dev/null; exit {code}"));
        let reply = send(&instance, &variables);
        assert!(reply.starts_with(begin), "{code}: {reply}");
    }
}

#[test]
fn the_program_can_speak_for_itself() {
    let (instance, variables) = with_program("cat >/dev/null; printf 'Dno virus\\r\\n250 please' >&6; exit 82");
    assert_eq!(send(&instance, &variables), "554 5.3.0 no virus??250 please");
    let (instance, variables) = with_program("printf 'Zcome back' >&6; exit 82");
    assert_eq!(send(&instance, &variables), "451 4.3.0 come back");
}

#[test]
fn a_program_that_reads_nothing_does_not_hold_up_the_session() {
    let (instance, variables) = with_program("exit 31");
    let mut client = instance.serve(&variables);
    client.open("a@b.example", "c@example.org");
    assert!(client.ask("DATA").starts_with("354 "));
    client.send(&b"x\r\n".repeat(200_000));
    assert!(client.ask(".").starts_with("554 5.3.0 "));
    client.end();
}

#[test]
fn a_program_that_is_not_there_is_temporary() {
    let (instance, mut variables) = with_program("exit 0");
    variables.retain(|(name, _)| name != "QMAILQUEUE");
    variables.push(("QMAILQUEUE".into(), "/nonexistent/queue".into()));
    assert!(send(&instance, &variables).starts_with("451 4.3.5 "));
}

#[test]
fn a_program_that_dies_is_temporary() {
    let (instance, variables) = with_program("cat >/dev/null; kill -9 $$");
    assert!(send(&instance, &variables).starts_with("451 4.3.0 "));
}

#[test]
fn a_refused_message_never_gets_its_envelope() {
    let (instance, variables) = with_program("cat > message; cat <&1 > envelope; exit 0");
    let mut client = instance.serve(&variables);
    client.open("a@b.example", "c@example.org");
    assert!(client.ask("DATA").starts_with("354 "));
    client.send(b"bare\nline end\r\n");
    assert!(client.ask(".").starts_with("554 5.6.0 "));
    client.end();
    let written = (0..200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        fs::read(instance.path("envelope")).ok()
    });
    assert_eq!(written, Some(Vec::new()), "an envelope without its last NUL queues nothing");
}
