//! When what waits is tried again, and what becomes of what cannot be delivered.

use stafett_test_e2e::{Act, Arrived, Client, Signal, Sink, Site, Step, Supervisor, has, message, run, signal, skip, transfer, wait_until};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

fn relay(sink: &Sink, files: &[(&str, &str)]) -> Site {
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\nother.test\n");
    site.control("smtproutes", &sink.route());
    for (name, content) in files {
        site.control(name, content);
    }
    site.start(Supervisor::Runit);
    site
}

fn later(text: &'static str) -> impl Fn(&Step, usize) -> Act + Send + Sync {
    move |step, _| match step {
        Step::Rcpt(_) => Act::Say(text.to_owned()),
        _ => Act::Accept,
    }
}

fn try_now(site: &Site) {
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
}

/// Birth (from the id) and next attempt (from the modification time) of the one waiting message, in seconds.
fn schedule(site: &Site) -> Option<(i64, i64)> {
    let file = site.queue_files().into_iter().find(|file| file.starts_with(site.path("queue/cur")))?;
    let id: i64 = file.file_name()?.to_str()?.get(..16)?.parse().ok()?;
    Some((id / 1_000_000, fs::metadata(file).ok()?.mtime()))
}

/// The ages at which a message that was just tried at this age may be tried again: qmail's, birth + (floor(sqrt(age)) + 20)²,
/// and up to an eighth of the interval later (stafett-send(8)).
fn next_ages(age: i64) -> std::ops::RangeInclusive<i64> {
    let earliest = (age.isqrt() + 20).pow(2);
    earliest..=earliest + (earliest - age) / 8
}

#[test]
fn retries_come_at_qmails_times_and_survive_a_restart() {
    let sink = Sink::scripted(later("451 4.2.0 try later"));
    let mut site = relay(&sink, &[]);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("waits"));
    site.logged("send", "deferral: ");
    assert!(wait_until(5, || schedule(&site).is_some()), "nothing waits in queue/cur: {:?}", site.queue_files());
    let (birth, next) = schedule(&site).unwrap();
    // The clock may tick between the attempt and the look at it, and a loaded machine takes some seconds.
    assert!((0..=6).any(|age| next_ages(age).contains(&(next - birth))), "born at {birth}, next at {next}: {} s", next - birth);
    site.stop();
    assert_eq!(schedule(&site), Some((birth, next)));
    site.start(Supervisor::Runit);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(schedule(&site), Some((birth, next)), "a restart changes the time of the next attempt");
    assert_eq!(sink.seen().commands.iter().filter(|(_, line)| line.starts_with("RCPT")).count(), 1, "a restart tries what is not due");
    // A message whose time has come while nothing ran is tried at once.
    site.stop();
    let file = site.queue_files().pop().unwrap();
    run(Command::new("touch").args(["-d", "1 minute ago"]).arg(&file));
    sink.now(|_, _| Act::Accept);
    site.start(Supervisor::Runit);
    sink.messages(1, 10);
    site.drained(5);
}

#[test]
fn alarm_tries_everything_now() {
    let sink = Sink::scripted(later("451 4.2.0 try later"));
    let site = relay(&sink, &[]);
    for number in 0..5 {
        transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("alarm-{number}")));
    }
    assert!(wait_until(10, || site.log("send").matches("deferral: ").count() >= 5), "{}", site.logs());
    sink.now(|_, _| Act::Accept);
    try_now(&site);
    sink.messages(5, 10);
    site.drained(5);
}

#[test]
fn only_those_that_were_refused_for_now_are_tried_again() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(line) if line.contains("later") => Act::Say("450 4.2.1 busy".to_owned()),
        Step::Rcpt(line) if line.contains("never") => Act::Say("550 5.1.1 unknown".to_owned()),
        _ => Act::Accept,
    });
    let site = relay(&sink, &[("doublebounceto", "\n")]);
    let mut client = Client::greeted(site.port());
    client.deliver("a@taken.test", &["now@taken.test", "later@taken.test", "never@taken.test"], &message("mixed"));
    // The message for `now`, and the bounce about `never`.
    let arrived = sink.messages(2, 15);
    assert!(arrived.iter().any(|one| one.rcpts.len() == 1 && one.rcpts[0].starts_with("<now@taken.test>")));
    assert!(arrived.iter().any(|one| one.mail.starts_with("<>") && one.rcpts[0].starts_with("<a@taken.test>")));
    assert!(wait_until(5, || site.queue_files().len() == 1));
    sink.now(|_, _| Act::Accept);
    try_now(&site);
    let last = sink.messages(3, 10).pop().unwrap();
    assert_eq!(last.rcpts.len(), 1);
    assert!(last.rcpts[0].starts_with("<later@taken.test>"), "{:?}", last.rcpts);
    site.drained(5);
}

#[test]
fn concurrency_is_bounded_per_destination_and_one_slow_host_stops_nobody() {
    let slow = Sink::scripted(|step, _| match step {
        Step::Dot(_) => Act::Wait(Duration::from_millis(300)),
        _ => Act::Accept,
    });
    let quick = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\nother.test\n");
    site.control("smtproutes", &format!("taken.test:127.0.0.1:{}\nother.test:127.0.0.1:{}\n", slow.port(), quick.port()));
    site.control("concurrencydestination", "4\n");
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    for number in 0..40 {
        client.deliver("a@sender.test", &["b@taken.test"], &message(&format!("slow-{number}")));
    }
    client.deliver("a@sender.test", &["b@other.test"], &message("quick"));
    quick.messages(1, 2);
    assert!(slow.seen().arrived.len() < 40, "the slow host was done before the quick one");
    slow.messages(40, 30);
    let most = slow.seen().most_open;
    assert!((1..=4).contains(&most), "{most} connections at once to a destination with a limit of 4");
    assert!(most > 1, "the window does not grow");
}

/// The parts of a bounce as Python's email package sees them.
fn parsed(arrived: &Arrived) -> String {
    let script = r#"
import email, email.policy, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print("type", m.get_content_type(), m.get_param("report-type"))
for part in m.iter_parts():
    print("part", part.get_content_type())
    if part.get_content_type() == "message/delivery-status":
        for block in part.get_payload():
            for name, value in block.items():
                print("status", name.lower(), value)
    elif part.get_content_maintype() == "text":
        print(part.get_content() if part.get_content_type() == "text/plain" else part.get_payload())
    elif part.get_content_type() == "message/rfc822":
        print("inner", part.get_payload(0)["Subject"])
for name in ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"):
    print("head", name, m[name])
print("defects", [d for p in m.walk() for d in p.defects])
"#;
    let place = stafett_test_e2e::scratch();
    let file = place.path().join("bounce");
    fs::write(&file, &arrived.data).unwrap();
    let output = Command::new("python3").args(["-c", script]).stdin(fs::File::open(file).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_refused_for_good_bounces_as_rfc_3464_asks() {
    if has("python3").is_none() {
        return skip("what_is_refused_for_good_bounces_as_rfc_3464_asks", "python3 is not installed");
    }
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(line) if line.contains("nobody") => Act::Say("550-5.1.1 no such user\r\n550 5.1.1 really".to_owned()),
        _ => Act::Accept,
    });
    let site = relay(&sink, &[]);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@taken.test> ENVID=E1").must(250);
    client.command("RCPT TO:<nobody@taken.test> ORCPT=rfc822;first@taken.test").must(250);
    client.data(&message("refused")).must(250);
    let bounce = &sink.messages(1, 15)[0];
    assert!(bounce.mail.starts_with("<>"), "{}", bounce.mail);
    assert!(bounce.rcpts[0].starts_with("<a@taken.test>"), "{:?}", bounce.rcpts);
    let parsed = parsed(bounce);
    for part in [
        "type multipart/report delivery-status",
        "part text/plain",
        "part message/delivery-status",
        "Hi. This is the ",
        "status action failed",
        "status status 5.1.1",
        "nobody@taken.test",
        "no such user",
        "status reporting-mta dns; relay.test",
        "status final-recipient rfc822; nobody@taken.test",
        "status original-recipient rfc822;first@taken.test",
        "status original-envelope-id E1",
        "status diagnostic-code smtp; 550",
        "refused",
        "head To ",
        "head From ",
        "defects []",
    ] {
        let squeeze = |text: &str| text.to_lowercase().replace("; ", ";");
        assert!(squeeze(&parsed).contains(&squeeze(part)), "{part:?} is missing in:\n{parsed}");
    }
    assert!(parsed.contains("MAILER-DAEMON@relay.test"), "{parsed}");
    site.logged("send", "bounce msg ");
    site.drained(5);
}

#[test]
fn notify_never_is_heeded() {
    let sink = Sink::scripted(later("550 5.1.1 unknown"));
    let site = relay(&sink, &[]);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@taken.test>").must(250);
    client.command("RCPT TO:<nobody@other.test> NOTIFY=NEVER").must(250);
    client.data(&message("quiet")).must(250);
    site.logged("send", "failure: ");
    site.drained(5);
    assert!(!site.log("send").contains("bounce msg "), "{}", site.log("send"));
}

#[test]
fn a_bounce_that_fails_goes_to_the_postmaster_once_and_then_no_further() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(line) if !line.contains("postmaster@other.test") => Act::Say("550 5.1.1 unknown".to_owned()),
        _ => Act::Accept,
    });
    let site = relay(&sink, &[("doublebouncehost", "other.test\n")]);
    transfer(site.port(), "a@taken.test", "b@taken.test", &message("twice"));
    let double = &sink.messages(1, 20)[0];
    assert!(double.rcpts[0].starts_with("<postmaster@other.test>"), "{:?}", double.rcpts);
    assert!(double.mail.starts_with("<>") || double.mail.starts_with("<#@[]>"), "{}", double.mail);
    site.drained(5);
    sink.now(later("550 5.1.1 unknown"));
    transfer(site.port(), "a@taken.test", "b@taken.test", &message("thrice"));
    site.logged("send", "triple bounce: discarding ");
    site.drained(10);
    assert_eq!(sink.seen().arrived.len(), 1);
}

#[test]
fn what_is_too_old_bounces() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(line) if line.contains("busy") => Act::Say("451 4.2.0 still busy".to_owned()),
        _ => Act::Accept,
    });
    let site = relay(&sink, &[("queuelifetime", "0\n")]);
    transfer(site.port(), "a@taken.test", "busy@taken.test", &message("too-old"));
    // Its life is over in the second after its birth: the first attempt after that is the last.
    let bounced = wait_until(30, || {
        try_now(&site);
        sink.wait(1, |seen| !seen.arrived.is_empty())
    });
    assert!(bounced, "{}", site.logs());
    let bounce = &sink.messages(1, 20)[0];
    let text = String::from_utf8_lossy(&bounce.data);
    assert!(text.contains("in the queue too long") && text.contains("still busy"), "{text}");
    site.drained(5);
}

#[test]
fn a_destination_that_is_down_is_probed_and_not_flooded() {
    let sink = Sink::scripted(|_, _| Act::Last("421 4.3.2 down".to_owned()));
    let site = relay(&sink, &[]);
    let mut client = Client::greeted(site.port());
    for number in 0..50 {
        client.deliver("a@sender.test", &["b@taken.test"], &message(&format!("down-{number}")));
    }
    std::thread::sleep(Duration::from_secs(2));
    let connections = sink.seen().connections;
    assert!((1..=30).contains(&connections), "{connections} connections to a host that refuses all");
    sink.now(|_, _| Act::Accept);
    try_now(&site);
    sink.messages(50, 20);
}

#[test]
fn hosts_that_know_only_helo_are_served() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Ehlo => Act::Say("502 5.5.1 what?".to_owned()),
        _ => Act::Accept,
    });
    let site = relay(&sink, &[]);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("helo"));
    let arrived = sink.messages(1, 10);
    assert_eq!(arrived[0].mail, "<a@sender.test>");
    assert!(sink.seen().commands.iter().any(|(_, line)| line == "HELO relay.test"));
}

#[test]
fn a_message_above_the_size_of_the_next_host_bounces() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Ehlo => Act::Say("250-sink.test\r\n250-PIPELINING\r\n250 SIZE 1000".to_owned()),
        _ => Act::Accept,
    });
    let home = Sink::new();
    let site = relay(&sink, &[("smtproutes", &format!("taken.test:127.0.0.1:{}\n{}", home.port(), sink.route()))]);
    transfer(site.port(), "a@taken.test", "b@other.test", &b"0123456789abcdefgh\r\n".repeat(200));
    let bounce = &home.messages(1, 15)[0];
    assert!(bounce.mail.starts_with("<>"), "{}", bounce.mail);
    site.drained(5);
    assert!(!sink.seen().commands.iter().any(|(_, line)| line.starts_with("DATA")));
}
