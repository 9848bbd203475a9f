//! A system that has too little: descriptors, disk, sense.

use crate::common::{MESSAGE, Site, envelope, now_id};
use crate::remote::{Remote, Reply};
use stafett_envelope::{Envelope, Head};
use stafett_queue_store::Place;
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::arrival::Arrival;
use std::fs;
use std::time::Duration;

const DONE: (Verdict, &str) = (Verdict::Ok, "accepted. Remote host said: 250 ok");
const LATER: (Verdict, &str) = (Verdict::Temporary, "Remote host said: 450 4.2.0 later");

/// A file that cannot grow stands for a full disk: RLIMIT_FSIZE makes every write beyond it fail.
const FULL: &str = "trap '' XFSZ; ulimit -f 2;";

#[test]
fn an_outcome_that_the_disk_had_no_room_for_is_not_forgotten() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Each(vec![DONE, LATER]));
    site.start_after(FULL);
    let mut large = envelope(&["a@example.net", "b@example.net"]);
    large.head = (0..2).map(|_| Head::Line("x".repeat(300))).collect();
    let id = now_id(Duration::ZERO);
    // The file ends just below the limit, so that its journal has no room.
    let probe = {
        let size = site.put(id, &large);
        let length = fs::metadata(site.path(&format!("queue/new/{id},S={size}"))).unwrap().len();
        fs::remove_file(site.path(&format!("queue/new/{id},S={size}"))).unwrap();
        usize::try_from(1000 - length).unwrap()
    };
    large.head.push(Head::Line("y".repeat(probe)));
    let size = site.put(id, &large);
    let mut text = Vec::new();
    large.write(&mut text);
    site.tell(&Arrival::Message { id: id.0, size, envelope: &text });
    site.wait_for_rest(id);
    site.wait_for_log("unable to write to the journal");
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    let again: Vec<_> = remote.seen().into_iter().skip(1).map(|seen| seen.recipients).collect();
    assert_eq!(again, [vec!["b@example.net".to_owned()]], "the first recipient had it");
}

#[test]
fn an_order_that_no_packet_can_hold_is_put_off_and_the_others_go_on() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    site.start();
    let monster = Envelope { head: (0..300).map(|_| Head::Line("x".repeat(900))).collect(), ..envelope(&["a@example.net"]) };
    let id = now_id(Duration::from_secs(10));
    site.put(id, &monster);
    site.tell(&Arrival::Scan);
    let other = site.arrive(&envelope(&["b@example.net"]));
    site.wait_for_end(other);
    assert!(site.find(id).is_none_or(|(place, _)| place == Place::Waiting) || site.is_file(&format!("queue/bad/{id},S={}", MESSAGE.len())));
    assert_eq!(remote.seen().len(), 1);
}

#[test]
fn callers_beyond_the_limit_of_descriptors_make_no_busy_loop() {
    let mut site = Site::new();
    let _remote = Remote::willing(&site);
    site.start_after("ulimit -n 30;");
    let path = site.path("run/send/socket");
    let callers: Vec<_> = (0..40).map(|_| stafett_sys::socket::connect(&path, stafett_sys::socket::Style::Packets).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    let ticks = site.ticks();
    std::thread::sleep(Duration::from_secs(1));
    assert!(site.ticks() - ticks < 40, "{} ticks of CPU in a second", site.ticks() - ticks);
    drop(callers);
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_end(id);
}

#[test]
fn files_of_messages_in_the_wrong_place_are_named() {
    let mut site = Site::new();
    let _remote = Remote::willing(&site);
    let id = now_id(Duration::from_secs(10));
    let size = site.put(id, &envelope(&["a@example.net"]));
    fs::rename(site.path(&format!("queue/new/{id},S={size}")), site.path(&format!("queue/cur/{id},S={size}"))).unwrap();
    site.start();
    site.wait_for_log(&format!("queue/cur/{id},S={size}"));
}

#[test]
fn the_limit_of_descriptors_is_raised() {
    let mut site = Site::new();
    site.start_after("ulimit -S -n 256;");
    let limits = fs::read_to_string(format!("/proc/{}/limits", site.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: u64 = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(soft >= 4096, "{line}");
}

#[test]
fn a_caller_that_breaks_off_makes_the_scheduler_look_for_itself() {
    let mut site = Site::new();
    let _remote = Remote::willing(&site);
    site.start();
    site.tell(&Arrival::Scan);
    std::thread::sleep(Duration::from_millis(300));
    let id = now_id(Duration::from_secs(10));
    site.put(id, &envelope(&["a@example.net"]));
    site.hang_up();
    site.wait_for_end(id);
}
