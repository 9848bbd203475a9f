//! The resident parent: handoffs, control files that change, rules, and the end of the service.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::time::{Duration, Instant};

use stafett_handoff::Answer;
use stafett_sys::signal::Signal;

use support::resident::Resident;
use support::{Client, Instance, Mood};

const REMOTE: &str = "TCPREMOTEIP=192.0.2.7";

#[test]
fn conversations_are_handed_over_and_end() {
    let mut resident = Resident::start();
    let mut client = resident.connect(&[REMOTE, "PROTO=TCP"]);
    client.open("a@b.example", "c@example.org");
    assert!(client.ask("RCPT TO:<x@elsewhere.example>").starts_with("553 "));
    assert!(client.ask("DATA").starts_with("354 "));
    assert!(client.ask(".").starts_with("250 2.0.0 ok "));
    assert!(client.ask("QUIT").starts_with("221 "));
    let mut answers = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    while answers.len() < 2 && Instant::now() < deadline {
        answers.extend(resident.caller.answer().unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(answers[..], [Answer::Started { tag: 1, .. }, Answer::Ended { tag: 1, status: 0 }]), "{answers:?}");
    resident.expect_log("accept 1763758000123456 ");
    assert_eq!(resident.instance.taken.all().len(), 1);
}

#[test]
fn rules_come_with_the_handoff() {
    let mut resident = Resident::start();
    let mut client = resident.connect(&[REMOTE, "RELAYCLIENT="]);
    client.open("a@b.example", "c@elsewhere.example");
    let mut client = resident.connect(&[REMOTE]);
    client.greeted();
    client.ask("HELO x");
    client.ask("MAIL FROM:<a@b.example>");
    assert!(client.ask("RCPT TO:<c@elsewhere.example>").starts_with("553 "), "one client's rule must not reach the next");
    let mut client = resident.connect(&[REMOTE, "MAXRECIPIENTS=lots"]);
    assert!(client.reply().starts_with("421 4.3.5 "));
    resident.expect_log("variable MAXRECIPIENTS=\"lots\" is not a number");
}

#[test]
fn control_files_count_from_the_next_connection() {
    let mut resident = Resident::start();
    let rcpt = |client: &mut Client| {
        client.greeted();
        client.ask("HELO x");
        client.ask("MAIL FROM:<a@b.example>");
        client.ask("RCPT TO:<c@new.example>")
    };
    assert!(rcpt(&mut resident.connect(&[REMOTE])).starts_with("553 "));
    resident.instance.control("rcpthosts", "example.org\nnew.example\n");
    assert!(rcpt(&mut resident.connect(&[REMOTE])).starts_with("250 "));
    resident.instance.control("rcpthosts", "not a domain\n");
    assert!(rcpt(&mut resident.connect(&[REMOTE])).starts_with("250 "), "the last good copy stays");
    resident.expect_log("control/rcpthosts:1: ");
    fs::remove_file(resident.instance.path("control/rcpthosts")).unwrap();
    assert!(rcpt(&mut resident.connect(&[REMOTE])).starts_with("553 "), "without the file nobody is listed");
}

#[test]
fn term_ends_idle_conversations_with_421_and_lets_data_finish() {
    let mut resident = Resident::start();
    let mut idle = resident.connect(&[REMOTE]);
    idle.greeted();
    let mut busy = resident.connect(&[REMOTE]);
    busy.open("a@b.example", "c@example.org");
    assert!(busy.ask("DATA").starts_with("354 "));
    resident.signal(Signal::Terminate);
    assert!(idle.reply().starts_with("421 4.3.2 "));
    assert_eq!(idle.line(), "");
    busy.send(b"still coming\r\n");
    assert!(busy.ask(".").starts_with("250 2.0.0 ok "));
    assert!(busy.reply().starts_with("421 4.3.2 "));
    assert_eq!(resident.child.wait().unwrap().code(), Some(0));
    assert_eq!(resident.instance.taken.all().len(), 1);
}

#[test]
fn term_is_not_held_up_by_clients_that_are_made_to_wait() {
    let mut resident = Resident::start();
    for (name, value) in [("greetdelay", "120\n"), ("tarpitcount", "1\n"), ("tarpitdelay", "120\n")] {
        resident.instance.control(name, value);
    }
    let mut ungreeted = resident.connect(&[REMOTE]);
    let mut slowed = resident.connect(&[REMOTE, "GREETDELAY=0"]);
    slowed.open("a@b.example", "c@example.org");
    slowed.send(b"RCPT TO:<d@example.org>\r\n");
    let begin = Instant::now();
    resident.signal(Signal::Terminate);
    assert!(ungreeted.reply().starts_with("421 4.3.2 "));
    assert!(slowed.reply().starts_with("421 4.3.2 "));
    assert_eq!(resident.child.wait().unwrap().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn broken_control_files_stop_the_start() {
    let instance = Instance::new(Mood::Away);
    instance.control("timeoutsmtpd", "soon\n");
    let output = instance.command(&[]).arg("--resident").output().unwrap();
    assert_eq!(output.status.code(), Some(111));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("fatal: control/timeoutsmtpd:1: "), "{log}");
}

#[test]
fn a_resident_child_is_locked_in() {
    let mut resident = Resident::start();
    let mut client = resident.connect(&[REMOTE]);
    client.greeted();
    let deadline = Instant::now() + Duration::from_secs(30);
    // The parent may say so after the child has greeted.
    let pid = loop {
        match resident.caller.answer().unwrap() {
            Some(Answer::Started { pid, .. }) => break pid,
            Some(_) => panic!("not started"),
            None => assert!(Instant::now() < deadline, "no answer"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let held = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| fs::read_link(entry.unwrap().path()).unwrap());
    let held: Vec<String> = held.map(|target| target.display().to_string()).collect();
    // The connection, and the link on which the parent may hand it the client's next one.
    assert_eq!(held.iter().filter(|target| target.starts_with("socket:")).count(), 2, "{held:?}");
    assert!(!held.iter().any(|target| target.contains("signalfd")), "{held:?}");
}

#[test]
fn rights_of_a_proxy_stay_with_the_proxy_and_no_child_serves_two_behind_it() {
    let mut resident = Resident::start();
    resident.instance.control("proxies", "192.0.2.80\n");
    let rules = stafett_ucspi::parse(b"198.51.100.9:allow,RELAYCLIENT=\"\"\n:allow\n").unwrap();
    stafett_ucspi::write(&rules, &resident.instance.path("control/tcp.smtp.cdb"), &resident.instance.path("control/tmp")).unwrap();
    let strings = ["PROTO=TCP", "TCPREMOTEIP=192.0.2.80", "TCPLOCALIP=192.0.2.1", "RELAYCLIENT="];
    for (ip, code) in [("198.51.100.9", "250"), ("198.51.100.1", "553"), ("198.51.100.9", "250")] {
        let mut client = resident.connect(&strings);
        client.send(format!("PROXY TCP4 {ip} 192.0.2.1 4711 25\r\n").as_bytes());
        client.greeted();
        assert!(client.ask("EHLO c.example").starts_with("250 "));
        assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("250 "));
        assert_eq!(client.ask("RCPT TO:<x@elsewhere.example>").get(..3), Some(code), "{ip}");
        client.ask("QUIT");
    }
    resident.expect_log("end quit client 198.51.100.1 ");
    let log = resident.log();
    let pids: std::collections::HashSet<&str> =
        log.lines().filter_map(|line| line.split_once(" by proxy pid ")).map(|(_, pid)| pid).collect();
    assert_eq!(pids.len(), 3, "{log}");
}

#[test]
fn behind_a_proxy_what_is_said_of_the_port_counts_and_nothing_of_the_proxys_rule() {
    let mut resident = Resident::start();
    resident.instance.control("proxies", "192.0.2.80\n");
    let rules = stafett_ucspi::parse(b"198.51.100.9:allow,DATABYTES=\"9\"\n:allow\n").unwrap();
    stafett_ucspi::write(&rules, &resident.instance.path("control/tcp.smtp.cdb"), &resident.instance.path("control/tmp")).unwrap();
    // the listener says DATABYTES, FORCETLS and RELAYCLIENT; the proxy's rule wins for the proxy, and adds SUBMISSION
    let strings = [
        &["PROTO=TCP", "TCPREMOTEIP=192.0.2.80", "TCPLOCALIP=192.0.2.1", "DATABYTES=1", "FORCETLS=0", "SUBMISSION=1", "RELAYCLIENT="][..],
        &["listener.DATABYTES=5", "listener.FORCETLS=1", "listener.RELAYCLIENT="],
    ]
    .concat();
    for (ip, databytes) in [("198.51.100.9", "9"), ("198.51.100.1", "5")] {
        let mut client = resident.connect(&strings);
        client.send(format!("PROXY TCP4 {ip} 192.0.2.1 4711 25\r\n").as_bytes());
        client.greeted();
        client.send(b"EHLO c.example\r\n");
        let mut offer = client.line();
        while !offer.contains("250 ") {
            offer.push_str(&client.line());
        }
        assert!(offer.contains(&format!("SIZE {databytes}")), "{ip} {offer}");
        // FORCETLS of the port, and not SUBMISSION of the proxy's rule
        assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("530 5.7.0 "), "{ip}");
    }
    let strings = ["PROTO=TCP", "TCPREMOTEIP=192.0.2.80", "TCPLOCALIP=192.0.2.1", "SUBMISSION=1", "RELAYCLIENT=", "listener.RELAYCLIENT="];
    for header in ["PROXY TCP4 198.51.100.1 192.0.2.1 4711 25\r\n", "PROXY UNKNOWN\r\n"] {
        let mut client = resident.connect(&strings);
        client.send(header.as_bytes());
        client.greeted();
        assert!(client.ask("EHLO c.example").starts_with("250 "));
        assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("250 "));
        assert!(client.ask("RCPT TO:<x@elsewhere.example>").starts_with("553 "), "{header}");
    }
}
