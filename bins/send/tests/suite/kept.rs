//! Mail that is kept for a host that is down (control/holdlifetime), and what happens when it is back.

use crate::admin::{DONE, LATER, ask, ask_one};
use crate::common::{MESSAGE, Site, envelope, now_id, seconds};
use crate::queued::Queued;
use crate::remote::{Remote, Reply};
use stafett_envelope::Envelope;
use stafett_queue_store::journal::Event;
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_wire::question::Verb;
use std::time::Duration;

const MONTH: &str = "2592000";
const DOWN: Reply = Reply::Down("no route");

fn events(site: &Site, id: Id) -> Vec<Option<Event>> {
    site.entry(id).standings.iter().map(|standing| standing.event).collect()
}

pub fn tried(remote: &Remote, recipient: &str) -> usize {
    remote.seen().iter().filter(|seen| seen.recipients.iter().any(|one| one == recipient)).count()
}

#[test]
fn each_recipient_has_the_lifetime_of_its_domain() {
    let mut site = Site::new();
    site.control("queuelifetime", "1000");
    site.control("queuelifetimes", "kept.example:10\nlisted.example:2000000");
    site.control("holdlifetime", &format!("kept.example:{MONTH}\n.kept.example:{MONTH}"));
    let _remote = Remote::start(&site, |_| LATER);
    let queued = Queued::willing(&site);
    let (id, bounce) = (now_id(Duration::from_secs(1010)), now_id(Duration::from_secs(1010)));
    site.put(id, &envelope(&["a@kept.example", "b@elsewhere.example", "c@Sub.Kept.example", "d@listed.example"]));
    site.put(bounce, &Envelope { sender: String::new(), ..envelope(&["a@kept.example"]) });
    site.start();
    site.wait_for("one failed", |_| queued.brought().len() == 1);
    site.wait_for_rest(id);
    site.wait_for_rest(bounce);
    let waits = Some(Event::Deferred);
    assert_eq!(events(&site, id), [waits, Some(Event::Bounced), waits, waits]);
    assert_eq!(events(&site, bounce), [waits], "a bounce to such a domain is mail for it");
    assert!(queued.brought()[0].text.contains("<b@elsewhere.example>:"), "{}", queued.brought()[0].text);
    // A change of the file counts at once, for what waits too.
    site.control("holdlifetime", "kept.example:900");
    site.signal(Signal::Hangup);
    site.wait_for("the change is read", |site| site.pending_signals() == 0);
    let told = Some(Event::Bounced);
    site.wait_for("two more failed, and the bounce", |site| {
        // One of the domain is looked for as soon as the file is read; what is worked on at that moment hears no alarm.
        site.signal(Signal::Alarm);
        events(site, id) == [told, told, told, waits] && site.find(bounce).is_none()
    });
}

/// Lets a message be tried until its destination is left alone for so long that the others wait on disk.
pub fn is_left_alone(site: &Site, id: Id, destination: &str) {
    let until = |site: &Site| -> u64 {
        let described = ask(site, Verb::Destinations, &[]);
        let line = described.iter().find(|line| line.starts_with(&format!("{destination} "))).cloned().unwrap_or_default();
        line.split_once(" until ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
    };
    site.wait_for("a long pause", |site| {
        ask_one(site, Verb::Retry, id);
        std::thread::sleep(Duration::from_millis(20));
        until(site) > seconds() + 10
    });
}

#[test]
fn one_message_that_arrives_draws_all_that_waited_for_that_reason() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| LATER);
    site.start();
    let grey = site.arrive(&envelope(&["grey@down.example"]));
    site.wait_for_rest(grey);
    remote.script(|_| DOWN);
    let first = site.arrive(&envelope(&["a@down.example"]));
    site.wait_for_rest(first);
    is_left_alone(&site, first, "down.example");
    let others: Vec<Id> = (0..5).map(|_| site.arrive(&envelope(&["b@down.example"]))).collect();
    assert!(others.iter().all(|id| site.wait_for_rest(*id) > 0));
    let elsewhere = site.arrive(&envelope(&["c@else.example"]));
    site.wait_for_rest(elsewhere);
    remote.script(|seen| if seen.recipients[0].starts_with('c') { DOWN } else { DONE });
    let tries_elsewhere = tried(&remote, "c@else.example");
    assert_eq!(ask_one(&site, Verb::Retry, first), "done");
    others.iter().for_each(|id| site.wait_for_end(*id));
    site.wait_for_end(first);
    assert_eq!(tried(&remote, "grey@down.example"), 1, "it waits for a reason of its own");
    assert!(site.find(grey).is_some() && tried(&remote, "c@else.example") >= tries_elsewhere);
}

#[test]
fn a_host_whose_mail_is_kept_is_looked_for_by_itself() {
    let mut site = Site::new();
    site.control("holdlifetime", &format!("kept.example:{MONTH}"));
    let remote = Remote::start(&site, |_| DOWN);
    site.start();
    let (kept, other) = (site.arrive(&envelope(&["a@kept.example"])), site.arrive(&envelope(&["a@other.example"])));
    let both = site.arrive(&envelope(&["b@kept.example", "b@other.example"]));
    site.wait_for("it is tried after each pause", |_| tried(&remote, "a@kept.example") + tried(&remote, "b@kept.example") >= 3);
    let due = site.wait_for_rest(other);
    assert!(due > seconds() + 300, "the usual times for others");
    let of_other = |remote: &Remote| tried(remote, "a@other.example") + tried(remote, "b@other.example");
    // The first found it down, the second after the first pause of a second.
    let tries = of_other(&remote);
    assert!(tries <= 2, "{tries}");
    remote.script(|seen| if seen.destination.starts_with("kept") { DONE } else { DOWN });
    site.wait_for_end(kept);
    site.wait_for("its part of the other goes too", |site| site.count("success: ") == 2);
    site.wait_for_rest(both);
    assert_eq!(events(&site, both), [Some(Event::Delivered), Some(Event::Deferred)]);
    assert_eq!(of_other(&remote), tries, "only what was kept was tried");
}

/// Puts a message of yesterday into the queue that waits until tomorrow.
fn put_waiting(site: &Site, recipient: &str) -> Id {
    let id = now_id(Duration::from_secs(86_400));
    let size = site.put(id, &envelope(&[recipient]));
    site.store().wait_until(id, size, Place::New, seconds() + 5000).unwrap();
    site.give(&format!("queue/cur/{:02x}", id.0 & 0xff));
    site.give(&format!("queue/cur/{:02x}/{id},S={}", id.0 & 0xff, MESSAGE.len()));
    id
}

#[test]
fn after_a_start_one_message_looks_for_it_and_draws_the_others() {
    let mut site = Site::new();
    site.control("holdlifetime", &format!("kept.example:{MONTH}"));
    site.control("smtproutes", "kept.example:primary.example\nother.example:primary.example");
    let kept: Vec<Id> = (0..4).map(|_| put_waiting(&site, "a@kept.example")).collect();
    let other = put_waiting(&site, "a@other.example");
    let remote = Remote::start(&site, |_| DOWN);
    site.start();
    site.wait_for("one is tried", |_| !remote.seen().is_empty());
    assert_eq!(remote.seen()[0].recipients, ["a@kept.example"]);
    remote.script(|_| DONE);
    kept.iter().for_each(|id| site.wait_for_end(*id));
    // By the same host goes what waits for it, whoever it is for.
    site.wait_for_end(other);
}

#[test]
fn what_waits_already_is_looked_for_when_its_domain_is_named() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| DOWN);
    site.start();
    let [named, other] = ["a@kept.example", "a@other.example"].map(|to| site.arrive(&envelope(&[to])));
    [named, other].iter().for_each(|id| assert!(site.wait_for_rest(*id) > seconds() + 300));
    site.control("holdlifetime", &format!("kept.example:{MONTH}"));
    site.wait_for("it is tried at once, and after each pause", |_| tried(&remote, "a@kept.example") >= 3);
    assert_eq!(tried(&remote, "a@other.example"), 1);
}
