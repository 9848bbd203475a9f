//! What the admin asks of the scheduler while it runs.

use crate::common::{MESSAGE, Site, envelope, now_id, seconds};
use crate::queued::Queued;
use crate::remote::{Remote, Reply};
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring::push;
use stafett_wire::question::{self, Question, Verb};
use stafett_wire::{LARGEST_PACKET, Verdict};
use std::os::fd::OwnedFd;
use std::time::Duration;

pub const LATER: Reply = Reply::All(Verdict::Temporary, "Remote host said: 450 4.2.0 later");
pub const DONE: Reply = Reply::All(Verdict::Ok, "accepted. Remote host said: 250 ok");

fn line(site: &Site) -> OwnedFd {
    socket::connect_within(&site.path("run/send/socket"), Style::Packets, Duration::from_secs(10)).unwrap()
}

fn receive(line: &OwnedFd) -> question::Reply {
    let mut buffer = vec![0; LARGEST_PACKET];
    let packet = socket::receive_packet(line, &mut buffer).unwrap();
    question::Reply::parse(&buffer[..packet.length]).unwrap()
}

pub fn ask(site: &Site, verb: Verb, arguments: &[&str]) -> Vec<String> {
    let line = line(site);
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    socket::send_packet(&line, &Question { verb, arguments }.encode(), None).unwrap();
    let mut lines = Vec::new();
    loop {
        match receive(&line) {
            question::Reply::Lines(more, follows) => {
                lines.extend(more);
                if !follows {
                    return lines;
                }
            }
            refused => return vec![format!("{refused:?}")],
        }
    }
}

pub fn name(id: Id) -> String {
    format!("{id},S={}", MESSAGE.len())
}

pub fn ask_one(site: &Site, verb: Verb, id: Id) -> String {
    let answer = ask(site, verb, &[&name(id)]);
    assert_eq!(answer.len(), 1, "{answer:?}");
    answer[0].strip_prefix(&format!("{id} ")).unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// A site whose remote defers, and a message that waits on disk.
fn waiting() -> (Site, Remote, Id) {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| LATER);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_rest(id);
    (site, remote, id)
}

#[test]
fn a_waiting_message_is_held_across_a_restart_and_released() {
    let (mut site, remote, id) = waiting();
    assert_eq!(ask_one(&site, Verb::Hold, id), "done");
    assert_eq!(site.find(id).unwrap().0, Place::Held);
    assert_eq!(ask_one(&site, Verb::Hold, id), "is held already");
    assert!(ask_one(&site, Verb::Retry, id).starts_with("not done: it is held"));
    assert_eq!(ask_one(&site, Verb::Why, id), "* held by the admin");
    remote.script(|_| DONE);
    site.stop();
    site.start();
    site.signal(Signal::Alarm);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((site.find(id).unwrap().0, remote.seen().len()), (Place::Held, 1));
    assert_eq!(ask_one(&site, Verb::Release, id), "done");
    site.wait_for_end(id);
    let uid = stafett_sys::user::Uid::effective();
    for verb in ["hold", "release"] {
        site.wait_for_log(&format!("admin uid {uid}: {verb} msg {id}\n"));
    }
    assert_eq!(site.count("possible duplicate"), 0);
}

#[test]
fn a_hold_waits_for_the_delivery_that_runs() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Hold);
    site.control("concurrencydestination", "1");
    site.start();
    let running = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for("the order", |_| !remote.seen().is_empty());
    let queued = site.arrive(&envelope(&["b@example.net"]));
    assert_eq!(ask_one(&site, Verb::Why, running), "0 running: it is being delivered");
    assert!(ask_one(&site, Verb::Why, queued).starts_with("0 window: 1 of 1 connections to example.net are busy"));
    assert_eq!(ask_one(&site, Verb::Hold, running), "done when its running delivery ends");
    assert_eq!(ask_one(&site, Verb::Why, running), "* to be held when its running delivery ends");
    assert_eq!(ask_one(&site, Verb::Hold, queued), "done", "nothing of it is under way");
    assert_eq!(site.find(queued).unwrap().0, Place::Held);
    remote.release();
    // It was delivered meanwhile, so there is nothing left: its hold lasts until somebody looks.
    site.wait_for("the delivery ended", |site| site.count("success") == 1);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(remote.seen().len(), 1);
    assert_eq!(ask_one(&site, Verb::Release, queued), "done");
    site.wait_for_end(queued);
}

#[test]
fn a_retry_reaches_a_destination_that_is_left_alone() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Down("no route"));
    site.start();
    let first = site.arrive(&envelope(&["a@down.example"]));
    site.wait_for_rest(first);
    let down_until = |site: &Site| -> u64 {
        let described = ask(site, Verb::Destinations, &[]);
        let line = described.iter().find(|line| line.starts_with("down.example waiting ")).cloned().unwrap_or_default();
        line.split_once(" until ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
    };
    // Until it is left alone for so long that messages do not wait for it in memory.
    site.wait_for("a long pause", |site| {
        site.signal(Signal::Alarm);
        std::thread::sleep(Duration::from_millis(30));
        down_until(site) > seconds() + 10
    });
    let second = site.arrive(&envelope(&["b@down.example"]));
    site.wait_for_rest(second);
    assert!(site.entry(second).standings[0].text.starts_with("Not tried, because down.example could not be reached: no route"));
    assert!(ask(&site, Verb::Destinations, &[])[0].ends_with(" error no route"));
    let tried = remote.seen().len();
    remote.script(|_| DONE);
    assert_eq!(ask_one(&site, Verb::Retry, second), "done");
    site.wait_for_end(second);
    site.wait_for_end(first);
    assert_eq!(remote.seen().len(), tried + 2, "the other goes too, for its host is there");
}

#[test]
fn a_flush_ends_the_pause_of_what_it_names() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Down("no route"));
    site.control("smtproutes", "inside.example:hub.example");
    site.start();
    let id = site.arrive(&envelope(&["a@inside.example"]));
    site.wait_for_rest(id);
    let is_down = |site: &Site| ask(site, Verb::Counts, &[]).contains(&"destinations_down 1".to_owned());
    while !is_down(&site) {
        site.signal(Signal::Alarm);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ask(&site, Verb::Flush, &["other.example"]), ["0 destinations are tried again now"]);
    remote.script(|_| DONE);
    if is_down(&site) {
        let answer = ask(&site, Verb::Flush, &["INSIDE.example"]);
        assert!(answer[0].ends_with("destinations are tried again now"), "{answer:?}");
    }
    assert!(!is_down(&site));
    site.wait_for_log("flush other.example\n");
    ask(&site, Verb::Flush, &[]);
    site.wait_for_end(id);
    site.wait_for_log("flush all\n");
}

#[test]
fn a_deleted_message_is_gone_and_nobody_is_told() {
    let (site, remote, id) = waiting();
    let queued = Queued::willing(&site);
    assert_eq!(ask_one(&site, Verb::Delete, id), "done");
    assert_eq!(site.find(id), None);
    site.wait_for_log(&format!("end msg {id}"));
    assert_eq!(ask_one(&site, Verb::Delete, id), "gone");
    assert_eq!((queued.brought().len(), remote.seen().len()), (0, 1));
}

#[test]
fn a_bounced_message_is_returned_once() {
    let (mut site, _remote, id) = waiting();
    let queued = Queued::willing(&site);
    assert_eq!(ask_one(&site, Verb::Bounce, id), "done");
    site.wait_for_end(id);
    site.stop();
    site.start();
    std::thread::sleep(Duration::from_millis(200));
    let brought = queued.brought();
    assert_eq!(brought.len(), 1);
    assert_eq!(brought[0].envelope.recipients[0].address, "s@example.org");
    assert!(brought[0].text.contains("Returned by the administrator of this host. (#5.7.0)"), "{}", brought[0].text);
}

#[test]
fn a_held_message_can_be_bounced_and_is_not_released_meanwhile() {
    let (site, remote, id) = waiting();
    assert_eq!(ask_one(&site, Verb::Hold, id), "done");
    // A queued that answers when it is let.
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let queued = Queued::start(&site, move |_| {
        gate.recv().unwrap();
        Some(stafett_wire::injector::Answer::Accepted("1763758000123456".into()))
    });
    ask_one(&site, Verb::Bounce, id);
    assert!(ask_one(&site, Verb::Release, id).starts_with("not done: "));
    go.send(()).unwrap();
    site.wait_for_end(id);
    assert_eq!((queued.brought().len(), remote.seen().len()), (1, 1));
}

#[test]
fn another_route_lasts_across_restarts() {
    let (mut site, remote, id) = waiting();
    assert_eq!(ask(&site, Verb::Route, &["Backup.example:2525", &name(id)]), [format!("{id} done")]);
    site.wait_for("the other way", |_| remote.seen().len() == 2);
    assert_eq!(remote.seen()[1].destination, "backup.example:2525");
    site.wait_for("its outcome", |site| site.count("deferral: ") == 2);
    site.kill();
    site.start();
    site.signal(Signal::Alarm);
    site.wait_for("a third attempt", |_| remote.seen().len() == 3);
    assert_eq!(remote.seen()[2].destination, "backup.example:2525");
    site.wait_for_log(&format!(": route Backup.example:2525 msg {id}\n"));
    // And back to what control/smtproutes says of everybody: by MX.
    site.wait_for("its outcome", |site| site.count("deferral: ") == 3);
    remote.script(|_| DONE);
    ask(&site, Verb::Route, &["", &name(id)]);
    site.wait_for_end(id);
    assert_eq!(remote.seen().last().unwrap().destination, "example.net");
}

#[test]
fn hostile_questions_are_refused_and_harm_nothing() {
    let (mut site, remote, id) = waiting();
    for name in [
        "../../control/me",
        "",
        "1763758000123456",
        "1763758000123456,S=",
        "x,S=3",
        "1763758000123456,S=99999999999999999999999",
        "new/1763758000123456,S=3",
    ] {
        assert_eq!(ask(&site, Verb::Delete, &[name]), ["- not done: that is no name of a message"], "{name}");
    }
    assert_eq!(ask(&site, Verb::Delete, &[&format!("{id},S=99")]), [format!("{id} gone")]);
    for route in ["a b", "relay\nforged", "relay\u{9b}0m", "x|user|word", "a:b:c", "[1.2.3]", " relay", &"x".repeat(4000)] {
        let answer = ask(&site, Verb::Route, &[route, &name(id)]);
        assert!(answer[0].starts_with("Permanent("), "{route}: {answer:?}");
    }
    assert!(ask(&site, Verb::Route, &[])[0].starts_with("Permanent("));
    assert!(ask(&site, Verb::Flush, &[&"x".repeat(5000)])[0].starts_with("Permanent("));
    ask(&site, Verb::Flush, &["a\nadmin uid 0: delete msg 1"]);
    site.wait_for_log("flush a/admin_uid_0:_delete_msg_1\n");
    for bad in [&b"1:Q,"[..], b"1:Q,4:burn,", b"1:Q,3:why,", b"1:Q,99:", b"1:Q,6:delete,2:\xff\xfe,"] {
        let line = line(&site);
        socket::send_packet(&line, bad, None).unwrap();
        let _ = receive(&line);
    }
    let many = vec!["x"; question::MOST_IDS];
    assert_eq!(ask(&site, Verb::Why, &many).len(), question::MOST_IDS);
    // One that asks much and never reads does not hold the others up.
    let mut packet = Vec::new();
    ["Q", "why"].iter().for_each(|word| push(&mut packet, word.as_bytes()));
    many.iter().for_each(|word| push(&mut packet, word.as_bytes()));
    let deaf: Vec<OwnedFd> = (0..4).map(|_| line(&site)).collect();
    for _ in 0..3 {
        deaf.iter().for_each(|line| drop(socket::send_packet(line, &packet, None)));
    }
    assert_eq!(site.find(id).unwrap().0, Place::Waiting);
    remote.script(|_| DONE);
    let fresh = site.arrive(&envelope(&["b@example.net"]));
    site.wait_for_end(fresh);
}

#[test]
fn a_message_that_is_just_being_accepted_is_left_alone() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    site.start();
    let id = now_id(Duration::ZERO);
    // queued has renamed it, syncs it, and has not told of it yet.
    site.put(id, &envelope(&["a@example.net"]));
    assert!(ask_one(&site, Verb::Hold, id).starts_with("not done: it is just being accepted"));
    site.tell(&stafett_wire::arrival::Arrival::Scan);
    site.wait_for_end(id);
    assert_eq!(remote.seen().len(), 1);
}

#[test]
fn what_was_done_while_it_was_stopped_stands_in_the_log() {
    let mut site = Site::new();
    site.store().note("admin uid 0: hold msg 1763758000123456 at 1763758001 while stopped\nforged\u{1b}[2J\n").unwrap();
    site.give("queue/admin");
    site.start();
    site.wait_for_log("admin uid 0: hold msg 1763758000123456 at 1763758001 while stopped\nforged_[2J\n");
    assert!(!site.is_file("queue/admin"));
}

#[test]
fn many_bounces_at_once_stay_within_bounds() {
    let mut site = Site::new();
    let _remote = Remote::start(&site, |_| LATER);
    let queued = Queued::willing(&site);
    let ids: Vec<Id> = (0..300).map(|_| now_id(Duration::from_secs(100))).collect();
    for id in &ids {
        let size = site.put(*id, &envelope(&["a@example.net"]));
        site.store().wait_until(*id, size, Place::New, seconds() + 1000).unwrap();
        site.give(&format!("queue/cur/{:02x}", id.0 & 0xff));
    }
    site.start();
    let names: Vec<String> = ids.iter().map(|id| name(*id)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(ask(&site, Verb::Bounce, &names).len(), ids.len());
    site.wait_for("all are returned", |site| ids.iter().all(|id| site.find(*id).is_none()));
    assert_eq!(queued.brought().len(), ids.len());
}
