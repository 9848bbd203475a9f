//! Clocks that go wrong: no message waits for years.

use crate::common::{Site, envelope, now_id, seconds};
use crate::remote::{Remote, Reply};
use stafett_queue_store::{Id, Place};
use stafett_wire::Verdict;
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
