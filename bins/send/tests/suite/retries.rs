//! Times of retries, and who is tried again.

use crate::common::{MESSAGE, Site, envelope, now_id, seconds};
use crate::queued::Queued;
use crate::remote::{Remote, Reply};
use stafett_queue_store::journal::Event;
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::arrival::Arrival;
use std::collections::HashSet;
use std::time::Duration;

const NO: (Verdict, &str) = (Verdict::Permanent, "Remote host said: 550 5.1.1 no such user");
const LATER: (Verdict, &str) = (Verdict::Temporary, "Remote host said: 450 4.2.0 later");
const DONE: (Verdict, &str) = (Verdict::Ok, "accepted. Remote host said: 250 ok");

fn deferring(site: &Site) -> Remote {
    Remote::start(site, |_| Reply::All(LATER.0, LATER.1))
}

#[test]
fn everything_delivered_leaves_nothing() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net", "b@example.net"]));
    site.wait_for_end(id);
    site.wait_for_log(&format!("end msg {id}"));
    let seen = remote.seen();
    assert_eq!((seen.len(), seen[0].recipients.len()), (1, 2));
    assert_eq!(seen[0].message, crate::common::MESSAGE);
    assert_eq!(site.count("possible duplicate"), 0);
}

#[test]
fn the_first_retry_comes_400_to_450_seconds_after_birth_and_a_restart_keeps_it() {
    let mut site = Site::new();
    let remote = deferring(&site);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    let due = site.wait_for_rest(id);
    assert!(is_qmails(id, due), "{}", due - id.birth_seconds());
    site.stop();
    site.start();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(site.wait_for_rest(id), due);
    site.kill();
    site.start();
    assert_eq!(site.wait_for_rest(id), due);
    assert_eq!(remote.seen().len(), 1);
}

/// Whether a first retry comes at qmail's time or up to an eighth of its interval later. A slow machine takes some
/// seconds from birth to the report.
fn is_qmails(id: Id, due: u64) -> bool {
    let is_at = |root: u64| (400 + 40 * root + root * root..=450 + 45 * root + root * root).contains(&(due - id.birth_seconds()));
    (0..6).any(is_at)
}

#[test]
fn messages_that_failed_together_do_not_come_back_together() {
    let mut site = Site::new();
    let _remote = deferring(&site);
    site.start();
    let ids: Vec<Id> = (0..20).map(|_| site.arrive(&envelope(&["a@example.net"]))).collect();
    let times: Vec<u64> = ids.iter().map(|id| site.wait_for_rest(*id)).collect();
    assert!(ids.iter().zip(&times).all(|(id, due)| is_qmails(*id, *due)), "{times:?}");
    let distinct: HashSet<u64> = times.iter().copied().collect();
    assert!(distinct.len() > 5, "{times:?}");
}

/// Lets the time come for which a message waits, as far as its file tells.
fn time_comes(site: &mut Site, id: Id) {
    site.stop();
    site.store().wait_until(id, MESSAGE.len() as u64, Place::Waiting, seconds() - 1).unwrap();
    site.start();
}

#[test]
fn beside_a_bounce_that_cannot_be_queued_the_deferred_rest() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Each(vec![NO, LATER]));
    site.start();
    let id = site.arrive(&envelope(&["a@example.net", "b@example.net"]));
    site.wait_for_log("unable to queue the bounce");
    assert!(site.wait_for_rest(id) <= seconds() + 61);
    time_comes(&mut site, id);
    site.wait_for("a second try to queue the bounce", |site| site.count("unable to queue the bounce") == 2);
    site.wait_for("it waits again", |site| site.find(id).is_some_and(|(_, due)| due > seconds()));
    let queued = Queued::willing(&site);
    time_comes(&mut site, id);
    site.wait_for("the bounce", |_| queued.brought().len() == 1);
    site.wait_for("its own time", |site| site.find(id).is_some_and(|(_, due)| due > seconds() + 100));
    assert!(is_qmails(id, site.find(id).unwrap().1));
    assert_eq!(remote.seen().len(), 1, "b was tried before its time");
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    time_comes(&mut site, id);
    site.wait_for_end(id);
    assert_eq!(remote.seen()[1].recipients, ["b@example.net"]);
}

#[test]
fn an_alarm_tries_everything_now() {
    let mut site = Site::new();
    let remote = deferring(&site);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_rest(id);
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(site.count("possible duplicate"), 0);
}

#[test]
fn only_the_rest_is_tried_again_after_a_partial_delivery() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Each(vec![DONE, LATER]));
    site.start();
    let id = site.arrive(&envelope(&["a@example.net", "b@example.net"]));
    site.wait_for_rest(id);
    let events: Vec<_> = site.entry(id).standings.iter().map(|standing| standing.event).collect();
    assert_eq!(events, [Some(Event::Delivered), Some(Event::Deferred)]);
    site.kill();
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    site.start();
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(remote.seen().last().unwrap().recipients, ["b@example.net"]);
}

#[test]
fn a_destination_that_fails_does_not_hold_up_the_others() {
    let mut site = Site::new();
    let remote =
        Remote::start(&site, |seen| if seen.destination == "down.example" { Reply::Down("no route") } else { Reply::All(DONE.0, DONE.1) });
    site.start();
    let id = site.arrive(&envelope(&["a@down.example", "b@example.net"]));
    site.wait_for_rest(id);
    let events: Vec<_> = site.entry(id).standings.iter().map(|standing| standing.event).collect();
    assert_eq!(events, [Some(Event::Deferred), Some(Event::Delivered)]);
    assert_eq!(remote.seen().len(), 2);
}

#[test]
fn what_nobody_told_of_is_found_when_queued_says_look() {
    let mut site = Site::new();
    let _remote = Remote::willing(&site);
    site.start();
    let id = now_id(Duration::from_secs(10));
    site.put(id, &envelope(&["a@example.net"]));
    site.tell(&Arrival::Scan);
    site.wait_for_end(id);
}

#[test]
fn a_young_name_is_left_to_queued_for_a_while() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    let id = now_id(Duration::ZERO);
    site.put(id, &envelope(&["a@example.net"]));
    site.start();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(remote.seen().len(), 0);
    site.wait_for_end(id);
}

#[test]
fn a_message_in_the_queue_waits_for_a_remote_that_is_away() {
    let mut site = Site::new();
    let id = now_id(Duration::from_secs(10));
    site.put(id, &envelope(&["a@example.net"]));
    site.start();
    site.wait_for_log("unable to reach stafett-remote");
    let ticks = site.ticks();
    std::thread::sleep(Duration::from_millis(500));
    assert!(site.ticks() - ticks < 20, "it waits without work");
    let _remote = Remote::willing(&site);
    site.wait_for_end(id);
    assert!(seconds() < id.birth_seconds() + 30);
}
