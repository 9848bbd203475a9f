//! Much at once: one message for very many, and more mail than is delivered.

use stafett_test_e2e::{Act, Arrived, Client, Sink, Site, Step, Supervisor, message, transfer, wait_until};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const MANY: usize = 10_000;

fn relay(sink: &Sink, files: &[(&str, &str)]) -> Site {
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    for (name, content) in files {
        site.control(name, content);
    }
    site.start(Supervisor::Runit);
    site
}

/// One message for all of many, its commands in bunches.
fn deliver_to_many(port: u16) {
    let mut client = Client::greeted(port);
    client.command("MAIL FROM:<list@sender.test>").must(250);
    for start in (0..MANY).step_by(500) {
        let lines: String = (start..start + 500).map(|number| format!("RCPT TO:<r{number}@taken.test>\r\n")).collect();
        client.send(lines.as_bytes());
        (0..500).for_each(|_| drop(client.expect(250)));
    }
    client.data(&message("big")).must(250);
}

fn is_big(arrived: &&Arrived) -> bool {
    arrived.mail.starts_with("<list@")
}

#[test]
fn a_message_for_ten_thousand_does_not_delay_another_one() {
    let slow = Sink::scripted(|step, _| match step {
        Step::Dot(_) => Act::Wait(Duration::from_millis(300)),
        _ => Act::Accept,
    });
    let site = relay(&slow, &[("maxrecipients", "20000\n"), ("concurrencydestination", "2\n")]);
    deliver_to_many(site.port());
    assert!(slow.wait(30, |seen| seen.arrived.len() >= 2), "{}", site.logs());
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("small"));
    let before = slow.seen().arrived.iter().filter(is_big).count();
    assert!(slow.wait(30, |seen| seen.arrived.iter().any(|one| !is_big(&one))), "{}", site.logs());
    let big = slow.seen().arrived.iter().take_while(is_big).count();
    assert!(big <= before + 6, "{} transactions of the big message came first", big - before);
    assert!(big < MANY / 100 / 2, "the big message was nearly done: {big} transactions");
    slow.now(|_, _| Act::Accept);
    site.drained(60);
    let recipients: Vec<String> = slow.seen().arrived.iter().filter(is_big).flat_map(|one| one.rcpts.clone()).collect();
    let distinct: BTreeSet<&String> = recipients.iter().collect();
    assert_eq!((recipients.len(), distinct.len()), (MANY, MANY), "each once");
}

#[test]
fn intake_slows_while_more_comes_than_is_delivered_and_recovers() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let sink = Sink::scripted(move |step, _| {
        while matches!(step, Step::Dot(_)) && !gate.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Act::Accept
    });
    let site = relay(&sink, &[("queuebacklog", "20\n")]);
    let mut client = Client::greeted(site.port());
    let mut sent = 0;
    let mut took = |site: &Site| {
        sent += 1;
        let begun = Instant::now();
        transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("m{sent}")));
        begun.elapsed()
    };
    for number in 0..60 {
        client.deliver("a@sender.test", &["b@taken.test"], &message(&format!("early{number}")));
    }
    assert!(wait_until(30, || took(&site) >= Duration::from_secs(2)), "{}", site.logs());
    site.logged("queued", "warning: intake is slowed: ");
    open.store(true, Ordering::SeqCst);
    site.drained(60);
    site.logged("queued", "note: intake is slowed no more: ");
    assert_eq!(sink.seen().arrived.len(), 60 + sent);
}
