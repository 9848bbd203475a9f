//! Clocks that go wrong: no message waits for years.

use crate::common::{Site, envelope, now_id, seconds};
use crate::queued::Queued;
use crate::remote::{Remote, Reply};
use stafett_queue_store::journal::Event;
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use std::path::{Path, PathBuf};
use std::time::Duration;

const YEAR: u64 = 365 * 24 * 3600;

fn deferring(site: &Site) -> Remote {
    Remote::start(site, |_| Reply::All(Verdict::Temporary, "Remote host said: 450 4.2.0 later"))
}

#[test]
fn a_message_that_is_born_in_the_future_is_tried_again_soon() {
    let mut site = Site::new();
    let _remote = deferring(&site);
    let id = Id((seconds() + YEAR) * 1_000_000 + 5);
    site.put(id, &envelope(&["a@example.net"]));
    site.start();
    let due = site.wait_for_rest(id);
    assert!(due <= seconds() + 451, "in {} s", due - seconds());
}

#[test]
fn an_attempt_that_a_wrong_clock_put_off_for_a_year_is_made_in_time() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    let id = now_id(Duration::from_secs(10));
    let size = site.put(id, &envelope(&["a@example.net"]));
    site.store().wait_until(id, size, Place::New, seconds() + YEAR).unwrap();
    site.start();
    site.wait_for_log("clock");
    site.stop();
    assert!(remote.seen().is_empty());
    assert!(site.find(id).unwrap().1 <= seconds() + 700, "{:?}", site.find(id));
}

#[test]
fn a_time_that_was_set_by_a_right_clock_is_kept() {
    let mut site = Site::new();
    let _remote = Remote::willing(&site);
    let id = now_id(Duration::from_secs(100_000));
    let size = site.put(id, &envelope(&["a@example.net"]));
    let due = seconds() + 12_000;
    site.store().wait_until(id, size, Place::New, due).unwrap();
    site.start();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(site.find(id).unwrap().1, due);
}

/// libfaketime of Debian; tests/run installs it.
fn faketime() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|place| place.path().join("faketime/libfaketime.so.1"));
    let found = found.chain([Path::new("/usr/lib/faketime/libfaketime.so.1").to_owned()]).find(|library| library.is_file());
    if found.is_none() {
        eprintln!("left out: libfaketime is not installed");
    }
    found
}

fn event(site: &Site, id: Id) -> Option<Event> {
    site.entry(id).standings[0].event
}

#[test]
fn a_clock_that_goes_ahead_fails_nothing_that_was_not_tried_since() {
    let Some(library) = faketime() else { return };
    let mut site = Site::new();
    let (remote, queued) = (deferring(&site), Queued::willing(&site));
    site.control("delaynotice", "1000");
    site.start_with_clock(&library);
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_rest(id);
    site.set_clock(YEAR.cast_signed());
    site.wait_for_log("the clock went ahead by ");
    site.wait_for("it is tried by the new clock", |site| site.count("deferral: ") == 2);
    site.wait_for("it waits again", |site| site.find(id).is_some_and(|(_, due)| due > seconds() + YEAR));
    assert_eq!((event(&site, id), queued.brought().len()), (Some(Event::Deferred), 0));
    site.set_clock(0);
    site.wait_for_log("the clock went back by ");
    site.wait_for("it waits no longer than it should", |site| site.find(id).is_some_and(|(_, due)| due <= seconds() + 1000));
    assert_eq!((event(&site, id), remote.seen().len()), (Some(Event::Deferred), 2));
}

#[test]
fn what_failed_again_after_the_clock_went_ahead_is_too_old() {
    let Some(library) = faketime() else { return };
    let mut site = Site::new();
    let (_remote, queued) = (deferring(&site), Queued::willing(&site));
    site.start_with_clock(&library);
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_rest(id);
    site.set_clock(YEAR.cast_signed());
    site.wait_for("it is tried by the new clock", |site| site.count("deferral: ") == 2);
    site.wait_for("it waits again", |site| site.find(id).is_some_and(|(_, due)| due > seconds() + YEAR));
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(queued.brought().len(), 1);
}

#[test]
fn a_message_that_was_kept_from_its_schedule_is_tried_twice_before_it_fails() {
    let mut site = Site::new();
    site.control("queuelifetime", "1000");
    let (_remote, queued) = (deferring(&site), Queued::willing(&site));
    let id = now_id(Duration::from_secs(2 * 24 * 3600));
    site.put(id, &envelope(&["a@example.net"]));
    site.start();
    site.wait_for_rest(id);
    assert_eq!((event(&site, id), queued.brought().len()), (Some(Event::Deferred), 0));
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(queued.brought().len(), 1);
}
