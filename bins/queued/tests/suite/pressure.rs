//! Intake slows while more comes than is fetched from queue/new.

use crate::common::{MESSAGE, NOBODY, Site, envelope, text, wait_until};
use stafett_envelope::{Envelope, Recipient};
use stafett_sys::signal::Signal;
use std::fs;
use std::time::{Duration, Instant};

/// A site that slows intake from 10 messages on, with more than twice as many that nobody fetches.
fn crowded() -> Site {
    let mut site = Site::new();
    site.control("queuebacklog", "0");
    site.start();
    let mut caller = site.call();
    for _ in 0..25 {
        caller.inject(&envelope(), MESSAGE);
    }
    // All are there at the first look that counts them.
    site.control("queuebacklog", "10");
    wait_until("it is told", || site.log().contains("warning: intake is slowed: "));
    site
}

fn time(site: &Site, envelope: &[u8]) -> Duration {
    let begun = Instant::now();
    site.call().inject(envelope, MESSAGE);
    begun.elapsed()
}

#[test]
fn answers_are_delayed_while_too_much_waits_and_no_longer() {
    let site = crowded();
    assert!(time(&site, &envelope()) >= Duration::from_secs(2));
    for name in site.names("new") {
        fs::remove_file(site.path("queue/new").join(name)).unwrap();
    }
    wait_until("the end is told", || site.log().contains("note: intake is slowed no more: "));
    let times: Vec<Duration> = (0..5).map(|_| time(&site, &envelope())).collect();
    assert!(times.iter().any(|time| *time < Duration::from_secs(2)), "each that is delayed takes two seconds: {times:?}");
    assert_eq!(site.log().matches("intake is slowed").count(), 2, "{}", site.log());
}

#[test]
fn a_bounce_of_ours_is_not_delayed_and_what_only_says_so_is() {
    let bounce =
        Envelope { origin: "bounce 1763758000123456".into(), recipients: vec![Recipient::new("a@example.net")], ..Envelope::default() };
    let (site, mut trusting) = (crowded(), Site::new());
    if crate::common::is_root() {
        // Root is nobody special to queued.
        assert!(time(&site, &text(&bounce)) >= Duration::from_secs(2));
        trusting.give("run/smtpd", 0);
    } else {
        trusting.give("run/smtpd", NOBODY);
    }
    trusting.control("queuebacklog", "10");
    trusting.start();
    let mut caller = trusting.call();
    for _ in 0..60 {
        caller.inject(&text(&bounce), MESSAGE);
    }
    wait_until("it is told", || trusting.log().contains("warning: intake is slowed: "));
    let begun = Instant::now();
    (0..20).for_each(|_| drop(caller.inject(&text(&bounce), MESSAGE)));
    assert!(begun.elapsed() < Duration::from_secs(20), "twenty that are delayed take 40 seconds");
    assert!(time(&trusting, &envelope()) >= Duration::from_secs(2));
}

#[test]
fn an_end_does_not_wait_for_the_delay_and_keeps_what_it_answers() {
    let mut site = crowded();
    let mut caller = site.call();
    caller.say(&[&crate::common::letter(b'E', &envelope()), &crate::common::letter(b'D', MESSAGE), b"."]);
    wait_until("it is on its way", || !site.names("tmp").is_empty());
    site.signal(Signal::Terminate);
    let Some(stafett_wire::injector::Answer::Accepted(id)) = caller.hear() else { panic!("{}", site.log()) };
    site.entry(&id, MESSAGE.len());
    assert!(site.ended().success());
}

#[test]
fn no_bound_slows_nobody() {
    let mut site = Site::new();
    site.control("queuebacklog", "0");
    site.control("queuefree", "0");
    site.start();
    let mut caller = site.call();
    (0..25).for_each(|_| drop(caller.inject(&envelope(), MESSAGE)));
    std::thread::sleep(Duration::from_millis(1200));
    assert!(!site.log().contains("slowed"), "{}", site.log());
}
