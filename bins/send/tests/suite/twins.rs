//! One id in two places, after a backup was put back: delivered once.

use crate::admin::ask;
use crate::common::{MESSAGE, Site, envelope, now_id, seconds};
use crate::remote::{Remote, Reply};
use stafett_queue_store::journal::{Event, Line};
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::arrival::Arrival;
use stafett_wire::question::Verb;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const SIZE: u64 = MESSAGE.len() as u64;

/// A message for two in queue/new, and a copy of it elsewhere.
fn twins(site: &Site, elsewhere: Place, due: u64) -> Id {
    let id = now_id(Duration::from_secs(100));
    site.put(id, &envelope(&["a@example.net", "b@example.net"]));
    let (name, kept) = (file(site, id, Place::New), site.path("kept"));
    fs::copy(&name, &kept).unwrap();
    match elsewhere {
        Place::Held => site.store().hold(id, SIZE, Place::New).unwrap(),
        _ => {
            site.store().wait_until(id, SIZE, Place::New, due).unwrap();
            site.give(&format!("queue/cur/{:02x}", id.0 & 0xff));
        }
    }
    fs::rename(kept, &name).unwrap();
    site.give(&format!("queue/new/{id},S={SIZE}"));
    id
}

fn file(site: &Site, id: Id, place: Place) -> PathBuf {
    site.store().path(id, SIZE, place)
}

/// Notes in one copy that the first recipient has it.
fn deliver_first(site: &Site, id: Id, place: Place) {
    let mut line = String::new();
    Line { time: seconds(), recipient: 0, event: Event::Delivered, text: "accepted".into() }.write(&mut line);
    site.store().append(id, SIZE, place, &line).unwrap();
}

fn set_aside(site: &Site) -> usize {
    site.store().damaged().unwrap().len()
}

fn recipients(remote: &Remote) -> Vec<Vec<String>> {
    remote.seen().into_iter().map(|seen| seen.recipients).collect()
}

#[test]
fn two_that_are_the_same_are_delivered_once() {
    for due in [0, seconds() + 5000] {
        let mut site = Site::new();
        let remote = Remote::willing(&site);
        let id = twins(&site, Place::Waiting, due.max(1));
        site.start();
        site.wait_for_log(&format!("msg {id} lies in queue/new and queue/cur; that in queue/new was removed"));
        site.signal(Signal::Alarm);
        site.wait_for_end(id);
        assert_eq!((remote.seen().len(), set_aside(&site)), (1, 0), "{}", site.log());
    }
}

#[test]
fn the_one_that_knows_more_counts_and_the_other_is_kept() {
    for (knowing, other) in [(Place::Waiting, Place::New), (Place::New, Place::Waiting)] {
        let mut site = Site::new();
        let remote = Remote::willing(&site);
        let id = twins(&site, Place::Waiting, 1);
        deliver_first(&site, id, knowing);
        site.start();
        site.wait_for_end(id);
        site.wait_for_log(&format!("end msg {id}"));
        assert_eq!(recipients(&remote), [["b@example.net"]], "{other:?}: {}", site.log());
        assert_eq!(set_aside(&site), 1);
    }
}

#[test]
fn what_the_admin_holds_stays_held() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    let id = twins(&site, Place::Held, 0);
    site.start();
    site.wait_for_log(&format!("msg {id} lies in queue/new and queue/hold"));
    site.stop();
    assert!(remote.seen().is_empty() && site.find(id).unwrap().0 == Place::Held);
}

#[test]
fn what_is_damaged_never_counts() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    let id = twins(&site, Place::Waiting, 1);
    deliver_first(&site, id, Place::Waiting);
    let bad = file(&site, id, Place::Waiting);
    let mut bytes = fs::read(&bad).unwrap();
    bytes[2] ^= 1;
    fs::write(&bad, bytes).unwrap();
    site.start();
    site.wait_for_end(id);
    site.wait_for_log(&format!("end msg {id}"));
    assert_eq!(recipients(&remote), [["a@example.net", "b@example.net"]]);
    assert_eq!(set_aside(&site), 1);
}

#[test]
fn a_copy_that_comes_while_the_message_is_delivered_or_waits_is_no_second_message() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::All(Verdict::Temporary, "Remote host said: 450 4.2.0 later"));
    let id = now_id(Duration::from_secs(100));
    site.put(id, &envelope(&["a@example.net"]));
    let kept = site.path("kept");
    fs::copy(file(&site, id, Place::New), &kept).unwrap();
    site.start();
    site.wait_for_rest(id);
    let put_back = |site: &mut Site| {
        fs::copy(&kept, file(site, id, Place::New)).unwrap();
        site.give(&format!("queue/new/{id},S={SIZE}"));
        site.tell(&Arrival::Scan);
    };
    put_back(&mut site);
    site.wait_for("it is set aside", |site| set_aside(site) == 1);
    remote.script(|_| Reply::Hold);
    site.signal(Signal::Alarm);
    site.wait_for("the second attempt", |_| remote.seen().len() == 2);
    put_back(&mut site);
    site.wait_for("it is set aside, too", |site| set_aside(site) == 2);
    remote.release();
    site.wait_for_end(id);
    assert_eq!(remote.seen().len(), 2);
}

#[test]
fn what_the_admin_does_with_a_message_is_done_with_its_copy() {
    for (verb, elsewhere, left) in
        [(Verb::Delete, Place::Held, None), (Verb::Hold, Place::Waiting, Some(Place::Held)), (Verb::Delete, Place::Waiting, None)]
    {
        let mut site = Site::new();
        site.control("holdremote", "1\n");
        let remote = Remote::willing(&site);
        site.start();
        let id = twins(&site, elsewhere, seconds() + 5000);
        let answer = ask(&site, verb, &[&format!("{id},S={SIZE}")]);
        assert_eq!(answer, [format!("{id} done")]);
        site.wait_for_log(&format!("msg {id} lies in queue/new and "));
        site.wait_for("the message is where it belongs", |site| {
            let there = |place: &Place| file(site, id, *place).exists();
            [Place::New, Place::Waiting, Place::Held].into_iter().filter(there).eq(left)
        });
        assert!(set_aside(&site) == 0 && remote.seen().is_empty());
    }
}
