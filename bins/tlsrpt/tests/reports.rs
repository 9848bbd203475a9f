//! Sessions that are told, counts that outlive the service, and reports to those who want them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use stafett_ask::Verdict;
use stafett_sts::Count;
use support::{Service, World, session, wait_until};

const YESTERDAY: &str = "2026-01-02";

/// As if all had been counted on a day that is over, and is so for less than a day: the date is that of yesterday.
fn yesterday() -> String {
    let output = Command::new("date").args(["-u", "-d", "yesterday", "+%Y-%m-%d"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes the first day that is there another; what is counted meanwhile is of a later day.
fn rename_day(directory: &Path, to: &str) {
    let state = directory.join("state/tlsrpt");
    let days = fs::read_dir(&state).unwrap().map(|day| day.unwrap().path());
    fs::rename(days.min().unwrap(), state.join(to)).unwrap();
}

/// The content of a part in base64 and gzip.
fn unpacked(message: &str) -> String {
    let script = "import base64,email,gzip,sys;m=email.message_from_string(sys.stdin.read());\
        p=m.get_payload();assert m.get_content_type()=='multipart/report' and m.get_param('report-type')=='tlsrpt';\
        assert p[1].get_content_type()=='application/tlsrpt+gzip',p[1];sys.stdout.write(p[1].get_filename()+'\\n'+\
        gzip.decompress(p[1].get_payload(decode=True)).decode())";
    python(script, message.as_bytes())
}

fn python(script: &str, input: &[u8]) -> String {
    use std::io::Write;
    let mut command = Command::new("python3");
    command.args(["-c", script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn counts_outlive_stop_and_crash() {
    let world = World::new();
    let mut service = Service::start(&world);
    for _ in 0..3 {
        service.tell(&session("a.test", ""));
        service.tell(&Count { domain: "A.test.".to_owned(), ..session("a.test", "certificate-expired") });
    }
    service.restart(|_| {});
    service.tell(&session("a.test", ""));
    service.tell(&session("b.test", "starttls-not-supported"));
    wait_until("written within a while", || {
        fs::read_dir(service.path("state/tlsrpt")).unwrap().any(|day| fs::read_to_string(day.unwrap().path()).unwrap().contains("b.test"))
    });
    service.crash();
    service.run();
    let shown = service.show(&[]);
    let shown: Vec<&str> = shown.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    let expected = [
        "a.test good=4 failed=3",
        " sts: good: 4",
        " sts: certificate-expired mx.a.test 192.0.2.2: 3",
        "b.test good=0 failed=1",
        " sts: starttls-not-supported mx.b.test 192.0.2.2: 1",
    ];
    assert_eq!(shown, expected);
    let json = service.show(&["--json", "b.test"]);
    assert!(json.contains(r#""failed-session-count":1}]}]}"#), "{json}");
    assert_eq!(service.call(&["show", "--day", "tomorrow"]).status.code(), Some(100));
    assert_eq!(service.say(&[b"count", b"too", b"few"]).verdict, Verdict::Temporary);
}

#[test]
fn reports_go_by_mail_and_by_post_once() {
    let world = World::new();
    world.text("_smtp._tls.a.test", &["v=TLSRPTv1; rua=mailto:reports@a.test,https://reports.test/tls?x=1"]);
    world.answer("reports.test", "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
    let mut service = Service::start(&world);
    service.tell(&session("a.test", ""));
    service.tell(&session("a.test", "certificate-host-mismatch"));
    service.tell(&session("silent.test", ""));
    let day = yesterday();
    service.restart(|directory| rename_day(directory, &day));
    service.tell(&session("a.test", ""));
    service.call(&["send"]);
    wait_until("the day is done with", || service.days().iter().all(|name| *name != day));
    let queued = service.queued.lock().unwrap().clone();
    assert_eq!(queued.len(), 1);
    let (envelope, message) = &queued[0];
    assert!(envelope.contains("from tls-reports@relay.test\n") && envelope.contains("to reports@a.test\n"), "{envelope}");
    for line in [
        "From: <tls-reports@relay.test>",
        "To: <reports@a.test>",
        "TLS-Report-Domain: a.test",
        "TLS-Report-Submitter: relay.test",
        "TLS-Required: No",
        "Subject: Report Domain: a.test",
    ] {
        assert!(message.contains(&format!("{line}\r\n")), "{line}: {message}");
    }
    let unpacked = unpacked(message);
    assert!(unpacked.starts_with("relay.test!a.test!"), "{unpacked}");
    assert!(unpacked.contains(&format!("\"start-datetime\":\"{day}T00:00:00Z\"")), "{unpacked}");
    assert!(unpacked.contains("\"total-successful-session-count\":1,\"total-failure-session-count\":1"), "{unpacked}");
    let posted = fs::read(world.path("posted-1")).unwrap();
    let script = "import gzip,sys;sys.stdout.write(gzip.decompress(sys.stdin.buffer.read()).decode())";
    assert_eq!(python(script, &posted), unpacked.split_once('\n').unwrap().1);
    assert_eq!(world.requests("reports.test POST /tls?x=1 HTTP/1.1 application/tlsrpt+gzip"), 1, "{}", world.log());
    assert!(service.log().contains(&format!("report {day} for a.test to reports@a.test: queued as 1763758000123456")));
    assert!(service.log().contains(&format!("report {day} for a.test to https://reports.test/tls?x=1: taken with status 201")));
    assert!(!service.log().contains("silent.test"), "{}", service.log());
}

#[test]
fn what_cannot_be_sent_is_tried_again_and_given_up_after_a_day() {
    let world = World::new();
    world.text("_smtp._tls.a.test", &["v=TLSRPTv1; rua=mailto:reports@refused.test,https://reports.test/"]);
    world.text("_smtp._tls.b.test", &["servfail"]);
    world.text("_smtp._tls.c.test", &["v=TLSRPTv1; rua=mailto:reports@c.test"]);
    world.answer("reports.test", "HTTP/1.1 302 Found\r\nlocation: https://mta-sts.a.test/\r\ncontent-length: 0\r\n\r\n");
    let mut service = Service::start(&world);
    for domain in ["a.test", "b.test", "c.test"] {
        service.tell(&session(domain, ""));
    }
    let day = yesterday();
    service.restart(|directory| rename_day(directory, &day));
    service.call(&["send"]);
    service.wait_for_log(&format!("report {day} for a.test to https://reports.test/: not sent: refused with status 302"));
    service.wait_for_log(&format!("report {day} for a.test to reports@refused.test: not sent: unable to queue it: 451 4.3.0 no room"));
    service.wait_for_log(&format!("report {day} for b.test: unable to find out who wants it: "));
    service.wait_for_log(&format!("report {day} for c.test to reports@c.test: queued as"));
    wait_until("c.test is noted", || service.show(&["--day", &day]).contains("c.test good=1 failed=0 done"));
    // a certificate of another name is no place for a report
    world.certificate("reports.test", "other");
    service.restart(|_| {});
    service.call(&["send"]);
    service.wait_for_log("to https://reports.test/: not sent: its certificate does not hold: ");
    service.restart(|directory| rename_day(directory, YESTERDAY));
    service.wait_for_log(&format!("reports of {YESTERDAY} for 2 domains were not sent within a day and are given up"));
    wait_until("the counts are removed", || !service.days().contains(&YESTERDAY.to_owned()));
    assert_eq!(service.queued.lock().unwrap().len(), 1, "c.test was told twice");
}
