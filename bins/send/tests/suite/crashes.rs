//! Programs that die at bad moments: nothing is lost, and what may come twice is announced.

use crate::common::{Site, envelope, now_id};
use crate::remote::{Remote, Reply};
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use std::fs;
use std::time::Duration;

const DONE: (Verdict, &str) = (Verdict::Ok, "accepted. Remote host said: 250 ok");

#[test]
fn a_delivery_without_a_report_is_announced_and_tried_again() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Die);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_rest(id);
    site.wait_for_log(&format!("possible duplicate: msg {id}"));
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(remote.seen().len(), 2);
}

#[test]
fn a_scheduler_killed_in_the_middle_of_a_delivery_announces_it_at_the_next() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Hold);
    let waiting = now_id(Duration::from_secs(10));
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for("the order", |_| !remote.seen().is_empty());
    site.kill();
    site.put(waiting, &envelope(&["b@example.net"]));
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    site.start();
    site.wait_for_end(id);
    site.wait_for_end(waiting);
    site.wait_for_log(&format!("possible duplicate: msg {id}"));
    assert_eq!(site.count(&format!("possible duplicate: msg {waiting}")), 0, "that one had never been tried");
}

#[test]
fn a_second_kill_before_the_next_attempt_forgets_nothing() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Hold);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for("the order", |_| !remote.seen().is_empty());
    site.kill();
    drop(remote);
    site.start();
    site.kill();
    site.start();
    site.stop();
    let _remote = Remote::willing(&site);
    site.start();
    site.wait_for_end(id);
    site.wait_for_log(&format!("possible duplicate: msg {id}"));
}

#[test]
fn suspects_that_are_no_longer_queued_are_forgotten() {
    let mut site = Site::new();
    let _remote = Remote::willing(&site);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_end(id);
    site.kill();
    assert!(fs::read_to_string(site.path("queue/attempts")).unwrap().contains(&format!("B{id}")));
    site.start();
    site.stop();
    assert!(!fs::read_to_string(site.path("queue/attempts")).unwrap().contains(&format!("B{id}")));
}

#[test]
fn after_another_boot_everything_that_was_due_is_suspected() {
    let mut site = Site::new();
    let id = now_id(Duration::from_secs(10));
    site.put(id, &envelope(&["a@example.net"]));
    fs::write(site.path("queue/attempts"), "another boot\n").unwrap();
    site.give("queue/attempts");
    let _remote = Remote::willing(&site);
    site.start();
    site.wait_for_end(id);
    site.wait_for_log(&format!("possible duplicate: msg {id}"));
}

#[test]
fn a_cut_that_emptied_the_attempts_file_suspects_too() {
    let mut site = Site::new();
    let id = now_id(Duration::from_secs(10));
    site.put(id, &envelope(&["a@example.net"]));
    fs::write(site.path("queue/attempts"), "").unwrap();
    site.give("queue/attempts");
    let _remote = Remote::willing(&site);
    site.start();
    site.wait_for_end(id);
    site.wait_for_log(&format!("possible duplicate: msg {id}"));
}

#[test]
fn a_damaged_file_is_set_aside_and_the_others_go_on() {
    let mut site = Site::new();
    let (bad, cut, good) = (now_id(Duration::from_secs(12)), now_id(Duration::from_secs(11)), now_id(Duration::from_secs(10)));
    let size = [bad, cut, good].map(|id| site.put(id, &envelope(&["a@example.net"])))[0];
    let queue = site.path("queue");
    let name = |place: &str, id| queue.join(format!("{place}/{id},S={size}"));
    let mut bytes = fs::read(name("new", bad)).unwrap();
    bytes[3] ^= 1;
    fs::write(name("new", bad), &bytes).unwrap();
    fs::write(name("new", cut), &bytes[..bytes.len() - 4]).unwrap();
    let remote = Remote::willing(&site);
    site.start();
    site.wait_for_end(good);
    site.wait_for("both are set aside", |_| name("bad", bad).exists() && name("bad", cut).exists());
    site.wait_for_log(&format!("msg {bad} is damaged"));
    site.wait_for_log(&format!("msg {cut} is damaged"));
    assert_eq!(remote.seen().len(), 1);
}

#[test]
fn what_another_boot_made_suspect_stays_so_over_restarts() {
    let mut site = Site::new();
    let id = now_id(Duration::from_secs(10));
    site.put(id, &envelope(&["a@example.net"]));
    fs::write(site.path("queue/attempts"), "another boot\n").unwrap();
    site.give("queue/attempts");
    site.start();
    site.kill();
    site.start();
    site.stop();
    let _remote = Remote::willing(&site);
    site.start();
    site.wait_for_end(id);
    site.wait_for_log(&format!("possible duplicate: msg {id}"));
}
