//! Much that waits, and fresh mail all the same.

use crate::common::{Site, envelope, now_id, seconds};
use crate::remote::{Remote, Reply};
use stafett_queue_store::Place;
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use std::time::Duration;

const LATER: Reply = Reply::All(Verdict::Temporary, "Remote host said: 450 4.2.0 later");
const DONE: Reply = Reply::All(Verdict::Ok, "accepted. Remote host said: 250 ok");

#[test]
fn what_waits_is_found_at_the_start_and_fresh_mail_does_not_wait_for_that() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    let store = site.store();
    for _ in 0..300 {
        let id = now_id(Duration::from_secs(3600));
        let size = site.put(id, &envelope(&["a@example.net"]));
        store.wait_until(id, size, Place::New, seconds() + 300).unwrap();
        site.give(&format!("queue/cur/{:02x}", id.0 & 0xff));
    }
    site.start();
    let fresh = site.arrive(&envelope(&["b@example.net"]));
    site.wait_for_end(fresh);
    site.wait_for_log("status: queue read: 300 messages wait");
    assert_eq!(remote.seen().len(), 1);
    site.signal(Signal::Alarm);
    site.wait_for("all are delivered", |site| site.count("end msg") == 301);
}

#[test]
fn what_is_tried_again_leaves_connections_for_fresh_mail() {
    let mut site = Site::new();
    site.control("concurrencyremote", "10");
    let remote = Remote::start(&site, |_| LATER);
    site.start();
    let ids: Vec<_> = (0..20).map(|number| site.arrive(&envelope(&[&format!("a@slow{number}.example")]))).collect();
    for id in &ids {
        site.wait_for_rest(*id);
    }
    let before = remote.seen().len();
    remote.script(|seen| if seen.destination.starts_with("slow") { Reply::Hold } else { DONE });
    site.signal(Signal::Alarm);
    site.wait_for("eight of ten connections try again", |_| remote.seen().len() == before + 8);
    let fresh = site.arrive(&envelope(&["b@live.example"]));
    site.wait_for_end(fresh);
    assert_eq!(remote.seen().len(), before + 9);
    remote.release();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

#[test]
fn one_message_finds_out_whether_a_destination_takes_the_old_ones() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| LATER);
    site.start();
    let ids: Vec<_> = (0..10).map(|_| site.arrive(&envelope(&["a@slow.example"]))).collect();
    for id in &ids {
        site.wait_for_rest(*id);
    }
    site.stop();
    let before = remote.seen().len();
    remote.script(|_| Reply::Hold);
    site.start();
    site.signal(Signal::Alarm);
    site.wait_for("one order", |_| remote.seen().len() > before);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(remote.seen().len(), before + 1);
    remote.release();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}
