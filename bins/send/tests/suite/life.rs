//! Start, end, and changed control files.

use crate::common::{Site, envelope};
use crate::remote::{Remote, Reply};
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_sys::socket::{self, Style};
use stafett_wire::Verdict;
use std::time::Duration;

#[test]
fn a_second_scheduler_on_the_same_queue_refuses() {
    let mut site = Site::new();
    site.start();
    assert_eq!(site.command("").status().unwrap().code(), Some(111));
    site.wait_for_log("another stafett-send runs on this queue");
    site.stop();
}

#[test]
fn an_end_waits_for_the_report_of_a_running_delivery() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Hold);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for("the order", |_| !remote.seen().is_empty());
    site.signal(Signal::Terminate);
    std::thread::sleep(Duration::from_millis(500));
    assert!(!site.has_ended(), "{}", site.log());
    remote.release();
    assert!(site.ended().success());
    assert_eq!(site.find(id), None);
    assert!(site.log().ends_with("status: exiting\n"), "{}", site.log());
}

/// A site whose remote has got an order and does not report.
fn hanging(files: &[(&str, &str)]) -> (Site, Remote, Id) {
    let mut site = Site::new();
    files.iter().for_each(|(name, text)| site.control(name, text));
    let remote = Remote::start(&site, |_| Reply::Hold);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for("the order", |_| !remote.seen().is_empty());
    (site, remote, id)
}

#[test]
fn a_second_request_to_end_waits_for_no_delivery_and_announces_it() {
    let (mut site, remote, id) = hanging(&[]);
    site.signal(Signal::Terminate);
    // Two signals of a kind that come together are one.
    site.wait_for("the first is taken", |site| site.pending_signals() == 0);
    site.signal(Signal::Terminate);
    assert!(site.ended().success());
    assert!(site.log().ends_with("status: exiting\n"), "{}", site.log());
    assert_eq!(site.count(&format!("possible duplicate: msg {id}")), 1);
    remote.script(|_| Reply::All(Verdict::Ok, "accepted. Remote host said: 250 ok"));
    site.start();
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(site.count(&format!("possible duplicate: msg {id}")), 2, "said once more when it is tried: {}", site.log());
}

#[test]
fn a_delivery_that_never_reports_is_deferred_and_announced() {
    let (mut site, remote, id) = hanging(&[("timeoutdelivery", "1")]);
    site.wait_for_log("gave_no_report_in_time");
    site.wait_for_rest(id);
    site.wait_for_log(&format!("possible duplicate: msg {id}"));
    remote.script(|_| Reply::All(Verdict::Ok, "accepted. Remote host said: 250 ok"));
    let other = site.arrive(&envelope(&["b@example.net"]));
    site.wait_for_end(other);
    site.stop();
}

#[test]
fn a_remote_that_accepts_nobody_holds_up_neither_the_admin_nor_the_end() {
    let mut site = Site::new();
    site.control("concurrencyremote", "2000");
    // It stands for one that is stopped.
    let _listener = socket::listen(&site.path("run/remote/socket"), Style::Packets, 1).unwrap();
    site.start();
    let ids: Vec<Id> = (0..600).map(|number| site.arrive(&envelope(&[&format!("a@d{number}.example")]))).collect();
    site.wait_for_log("it does not read what it is told");
    site.signal(Signal::Hangup);
    site.wait_for("a signal is taken", |site| site.pending_signals() == 0);
    site.signal(Signal::Terminate);
    site.wait_for("the first is taken", |site| site.pending_signals() == 0);
    site.signal(Signal::Terminate);
    assert!(site.ended().success());
    assert!(ids.iter().all(|id| site.find(*id).is_some()));
}

#[test]
fn an_end_waits_no_longer_for_a_report_than_the_delivery_may_take() {
    let (mut site, _remote, id) = hanging(&[("timeoutdelivery", "1")]);
    site.stop();
    assert_eq!(site.find(id).unwrap().0, Place::Waiting);
}

#[test]
fn a_broken_control_file_while_running_keeps_the_last_good_copy() {
    let mut site = Site::new();
    site.control("smtproutes", ":first.example");
    let remote = Remote::willing(&site);
    site.start();
    site.control("queuelifetime", "a week");
    site.wait_for_log("(the last good copy stays in force)");
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_end(id);
    site.control("queuelifetime", "604800");
    site.control("smtproutes", ":second.example");
    site.signal(Signal::Hangup);
    std::thread::sleep(Duration::from_millis(200));
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_end(id);
    let destinations: Vec<String> = remote.seen().into_iter().map(|seen| seen.destination).collect();
    assert_eq!(destinations, ["first.example:25", "second.example:25"]);
}

#[test]
fn a_broken_control_file_at_the_start_is_named() {
    let site = Site::new();
    site.control("queuelifetime", "a week");
    assert_eq!(site.command("").status().unwrap().code(), Some(111));
    assert!(site.log().contains("control/queuelifetime"), "{}", site.log());
}

#[test]
fn a_limit_of_zero_stops_delivery_until_it_is_raised() {
    let mut site = Site::new();
    site.control("concurrencyremote", "0");
    let remote = Remote::willing(&site);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    std::thread::sleep(Duration::from_millis(300));
    assert!(remote.seen().is_empty());
    site.control("concurrencyremote", "10");
    site.wait_for_end(id);
}
