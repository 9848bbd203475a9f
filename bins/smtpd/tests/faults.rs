//! What scripts cannot say: large messages, clients that vanish or do not read, pipes instead of sockets.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{Instance, Mood, variables};

fn relay(mood: Mood) -> Instance {
    let instance = Instance::new(mood);
    instance.control("rcpthosts", "example.org\n");
    instance
}

/// Waits until queued has so many messages; a fake one is not slow.
fn expect_taken(instance: &Instance, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while instance.taken.all().len() != count {
        assert!(Instant::now() < deadline, "queued took {} messages", instance.taken.all().len());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn large_messages_pass_unchanged() {
    for size in [64 * 1024 - 2, 64 * 1024, 64 * 1024 + 2, 50 * 1024 * 1024] {
        let instance = relay(Mood::Accept);
        let mut client = instance.serve(&[]);
        client.open("a@b.example", "c@example.org");
        assert!(client.ask("DATA").starts_with("354 "));
        let line = b".dots begin this line, and it has a usual length for a line of mail\r\n";
        let mut message: Vec<u8> = line.iter().copied().cycle().take(size - 2).collect();
        message.retain(|byte| !b"\r\n".contains(byte));
        let body: Vec<u8> = message.chunks(70).flat_map(|line| [line, b"\r\n"].concat()).collect();
        let stuffed: Vec<u8> = message
            .chunks(70)
            .flat_map(|line| {
                let dot: &[u8] = if line.starts_with(b".") { b"." } else { b"" };
                [dot, line, b"\r\n"].concat()
            })
            .collect();
        client.send(&stuffed);
        assert!(client.ask(".").starts_with("250 2.0.0 ok "), "{size}");
        expect_taken(&instance, 1);
        assert!(instance.taken.all()[0].1 == body, "the message of {size} bytes changed");
        assert_eq!(client.end().0, Some(0));
    }
}

#[test]
fn a_client_that_vanishes_leaves_nothing() {
    let steps = ["EHLO c.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<a@example.org>\r\n", "DATA\r\n", "text\r\n", ".\r"];
    for count in 0..=steps.len() {
        let instance = relay(Mood::Accept);
        let mut client = instance.serve(&[]);
        client.send(steps[..count].concat().as_bytes());
        client.hang_up();
        let (code, log) = client.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains(" end closed "), "{log}");
        assert!(instance.taken.all().is_empty());
    }
}

#[test]
fn a_client_that_vanishes_from_a_large_message_leaves_nothing() {
    let instance = relay(Mood::Accept);
    let mut client = instance.serve(&[]);
    client.open("a@b.example", "c@example.org");
    assert!(client.ask("DATA").starts_with("354 "));
    client.send(&b"x\r\n".repeat(100_000));
    client.hang_up();
    assert_eq!(client.end().0, Some(0));
    assert!(instance.taken.all().is_empty());
}

#[test]
fn a_client_that_does_not_read_is_silent() {
    let instance = relay(Mood::Accept);
    instance.control("timeoutsmtpd", "1\n");
    let mut client = instance.serve(&[]);
    let started = Instant::now();
    client.send(&b"HELP\r\n".repeat(100_000));
    let (code, log) = client.end();
    assert_eq!(code, Some(0));
    assert!(log.contains(" end timeout ") || log.contains(" end closed "), "{log}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn pipes_serve_as_well_as_sockets() {
    let instance = relay(Mood::Accept);
    let mut command = instance.command(&variables(&[("PROTO", "TCP")]));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let dialogue = b"HELO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    child.stdin.take().unwrap().write_all(dialogue).unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let codes: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
    assert!(child.wait().unwrap().success());
    expect_taken(&instance, 1);
}

#[test]
fn an_early_talker_is_noted() {
    let instance = relay(Mood::Accept);
    let mut command = instance.command(&[]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"QUIT\r\n").unwrap();
    let output = command.stdin(reader).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.lines().any(|line| line.contains(" end quit ") && line.ends_with(" early")), "{log}");
}

#[test]
fn quiet_is_quiet() {
    let instance = relay(Mood::Accept);
    let mut command = instance.command(&[]);
    let mut child = command.arg("-q").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nQUIT\r\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_wrong_command_line_is_told() {
    let output = Instance::new(Mood::Away).command(&[]).arg("--residend").output().unwrap();
    assert_eq!(output.status.code(), Some(100));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.starts_with("stafett-smtpd: fatal: ") && log.contains("usage: "), "{log}");
}

#[test]
fn the_compiled_table_counts() {
    let instance = relay(Mood::Accept);
    let path = instance.path("control/morercpthosts.cdb");
    let mut writer = cdb2::CDBWriter::create(path.to_str().unwrap()).unwrap();
    writer.add(b".more.example", b"").unwrap();
    writer.finish().unwrap();
    let mut client = instance.serve(&[]);
    client.open("a@b.example", "c@sub.more.example");
    assert!(client.ask("RCPT TO:<c@more.example>").starts_with("553 "));
    client.end();
    let mut zeros = std::fs::read(&path).unwrap();
    zeros[..2048].fill(0);
    for torn in [&b"broken"[..], &zeros] {
        std::fs::write(&path, torn).unwrap();
        let mut client = instance.serve(&[]);
        assert!(client.reply().starts_with("421 4.3.5 "));
        let (code, log) = client.end();
        assert_eq!(code, Some(111));
        assert!(log.contains("control/morercpthosts.cdb"), "{log}");
    }
}

#[test]
fn an_unreadable_list_serves_nobody() {
    let instance = relay(Mood::Accept);
    std::fs::remove_file(instance.path("control/rcpthosts")).unwrap();
    std::fs::create_dir(instance.path("control/rcpthosts")).unwrap();
    let mut client = instance.serve(&[]);
    assert!(client.reply().starts_with("421 4.3.5 "));
    let (code, log) = client.end();
    assert_eq!(code, Some(111));
    assert!(log.contains("control/rcpthosts: is a directory"), "{log}");
}

/// Over TCP, where closing with unread input would take the 421 back.
#[test]
fn a_client_that_is_sent_away_hears_why() {
    let instance = relay(Mood::Accept);
    instance.control("maxerrors", "3\n");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let server: std::os::fd::OwnedFd = listener.accept().unwrap().0.into();
    let mut command = instance.command(&[]);
    command.stdin(Stdio::from(server.try_clone().unwrap())).stdout(Stdio::from(server)).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    client.write_all(&b"NONSENSE\r\n".repeat(20_000)).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("421 4.7.0 too many errors\r\n"), "{said}");
    assert!(child.wait().unwrap().success());
}
