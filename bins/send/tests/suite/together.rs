//! Several messages for one user of this host in one order.

use crate::admin::ask_one;
use crate::common::{Site, envelope, now_id};
use crate::remote::{Remote, Reply};
use crate::users::{DONE, with_users};
use stafett_envelope::{Envelope, Head};
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::arrival::Arrival;
use stafett_wire::question::Verb;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// An instance with one delivery to a user at a time, and a stafett-local that carries out so many orders of a packet; what it says
/// goes by how many it has begun, from 1.
fn one_by_one(several: usize, mut script: impl FnMut(usize) -> Reply + Send + 'static) -> (Site, Remote) {
    let site = with_users();
    site.control("concurrencyuser", "1");
    let mut begun = 0;
    let local = Remote::start_as(&site, "local", move |_| {
        begun += 1;
        script(begun)
    });
    local.take_several(several);
    (site, local)
}

/// So much mail for each of these waits while local delivery is held; then it is not.
fn held(site: &mut Site, users: &[&str], each: usize) -> Vec<Id> {
    site.control("holdlocal", "1");
    site.start();
    let ids: Vec<Id> = (0..each).flat_map(|_| users).map(|user| site.arrive(&envelope(&[&format!("{user}@relay.example")]))).collect();
    site.wait_for("all are known", |site| site.count("new msg ") == ids.len());
    site.control("holdlocal", "0");
    ids
}

/// Waits until these are done, and until the log says so.
fn all_end(site: &Site, ids: &[Id]) {
    ids.iter().for_each(|id| site.wait_for_end(*id));
    site.wait_for("the log has it", |site| ids.iter().all(|id| site.count(&format!("end msg {id}\n")) == 1));
}

#[test]
fn what_waits_for_a_mailbox_goes_out_together() {
    let (mut site, local) = one_by_one(16, |_| DONE);
    let ids = held(&mut site, &["joe"], 100);
    all_end(&site, &ids);
    let places: Vec<usize> = local.seen().iter().map(|seen| seen.place).collect();
    assert_eq!(places.len(), 100, "each once");
    // The first alone, to find out whether that may be; then sixteen at a time.
    let packets = places.iter().filter(|place| **place == 0).count();
    assert_eq!((packets, places.iter().max()), (8, Some(&15)), "{places:?}");
    site.wait_for("each is said to be delivered", |site| site.count("success: did_1+0+0/") == 100);
}

#[test]
fn what_comes_while_another_is_delivered_goes_out_together_and_soon() {
    let mut site = with_users();
    let mut number = 0;
    let local = Remote::start_as(&site, "local", move |_| {
        number += 1;
        if number == 2 { Reply::Hold } else { DONE }
    });
    local.take_several(16);
    site.start();
    let first = site.arrive(&envelope(&["joe@relay.example"]));
    site.wait_for_end(first);
    let slow = site.arrive(&envelope(&["joe@relay.example"]));
    site.wait_for("one is under way", |_| local.seen().len() == 2);
    let others: Vec<Id> = (0..12).map(|_| site.arrive(&envelope(&["joe@relay.example"]))).collect();
    others.into_iter().for_each(|id| site.wait_for_end(id));
    site.wait_for("all have an outcome but the one that takes long", |site| site.count("success: ") == 13);
    // On a busy machine not all with the first of them.
    let packets = local.seen().iter().skip(2).filter(|seen| seen.place == 0).count();
    assert!(packets <= 6, "{packets} orders");
    local.release();
    site.wait_for_end(slow);
}

#[test]
fn only_what_is_for_the_same_mailbox_goes_out_together() {
    let mut site = with_users();
    let local = Remote::start_as(&site, "local", |_| DONE);
    local.take_several(16);
    let ids = held(&mut site, &["joe", "joe", "joe-list", "ann"], 20);
    all_end(&site, &ids);
    let mut packets: Vec<Vec<String>> = Vec::new();
    let mut open: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for seen in local.seen() {
        let packet = open.entry(seen.connection).or_default();
        if seen.place == 0 {
            packets.push(std::mem::take(packet));
        }
        packet.push(seen.recipients[0].clone());
    }
    packets.extend(open.into_values());
    assert_eq!(packets.iter().map(Vec::len).sum::<usize>(), 80);
    assert!(packets.iter().any(|packet| packet.len() > 1) && packets.iter().all(|packet| packet.windows(2).all(|two| two[0] == two[1])));
}

#[test]
fn what_was_not_begun_goes_out_again_and_once() {
    let mut site = with_users();
    let local = Remote::start_as(&site, "local", |_| DONE);
    local.take_several(3);
    let ids = held(&mut site, &["joe"], 60);
    all_end(&site, &ids);
    site.wait_for("each is delivered", |site| site.count("success: ") == 60);
    assert_eq!(local.seen().len(), 60);
    let put_back = site.count("deferral: not_begun,_");
    assert!(put_back > 0 && site.count("starting delivery") == 60 + put_back, "{}", site.log());
}

#[test]
fn a_connection_that_ends_over_several_delays_them_all_and_loses_none() {
    // In the middle of the first order of several.
    let (mut site, _local) = one_by_one(16, |number| if number == 5 { Reply::Die } else { DONE });
    let ids = held(&mut site, &["joe"], 10);
    site.wait_for("nine may have been delivered", |site| site.count("deferral: stafett-local_ended_without_a_report") == 9);
    site.wait_for("that is said", |site| site.count("its delivery ended without a report and will be tried again") == 9);
    site.signal(Signal::Alarm);
    all_end(&site, &ids);
    site.wait_for("each is delivered", |site| site.count("success: ") == 10);
}

#[test]
fn what_was_ended_in_the_middle_is_announced_as_a_possible_duplicate() {
    // The second order, whole.
    let (mut site, local) =
        one_by_one(16, |number| if (2..=10).contains(&number) { Reply::Interrupted("The delivery took too long. (#4.4.7)") } else { DONE });
    let ids = held(&mut site, &["joe"], 10);
    site.wait_for("nine are put off", |site| site.count("deferral: The_delivery_took_too_long") == 9);
    site.wait_for("each is announced", |site| site.count("its delivery was ended in the middle and will be tried again") == 9);
    let first_try = local.seen().len();
    site.signal(Signal::Alarm);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    // One, then two, then four, and what is left: the message that was the reason meets few others.
    let packets = local.seen().iter().skip(first_try).filter(|seen| seen.place == 0).count();
    assert_eq!((first_try, packets), (10, 4), "{}", site.log());
}

#[test]
fn one_of_several_that_fails_takes_no_other_with_it() {
    let mut site = with_users();
    let mut number = 0;
    let local = Remote::start_as(&site, "local", move |_| {
        number += 1;
        if number == 4 { Reply::All(Verdict::Temporary, "Temporary error on maildir delivery. (#4.3.0)") } else { DONE }
    });
    local.take_several(16);
    let ids = held(&mut site, &["joe"], 12);
    site.wait_for("the others are delivered", |site| site.count("success: did_1+0+0/") == 11);
    site.signal(Signal::Alarm);
    all_end(&site, &ids);
    assert_eq!((local.seen().len(), site.count("deferral: ")), (13, 1), "{}", site.log());
}

/// The files of the queue that send has open.
fn open_messages(site: &Site) -> usize {
    let new = site.path("queue/new");
    let open = fs::read_dir(format!("/proc/{}/fd", site.pid())).unwrap();
    open.filter(|entry| fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|file| file.starts_with(&new))).count()
}

#[test]
fn what_was_not_begun_has_no_file_open_and_few_lines_in_the_log() {
    // As one whose user has taken it over may say for ever.
    let (mut site, local) = one_by_one(1, |number| if number == 40 { Reply::Hold } else { DONE });
    let ids = held(&mut site, &["joe"], 100);
    site.wait_for("one is being delivered", |_| local.seen().len() == 40);
    let open = open_messages(&site);
    assert!((1..=16).contains(&open), "{open} files for one delivery");
    local.release();
    all_end(&site, &ids);
    let put_back = site.count("deferral: not_begun,_");
    assert!((1..100).contains(&put_back), "{put_back} of 100 messages were put back");
}

#[test]
fn what_was_wished_of_a_message_that_was_not_begun_is_done() {
    let (mut site, local) = one_by_one(1, |number| if number == 2 { Reply::Hold } else { DONE });
    let ids = held(&mut site, &["joe"], 6);
    site.wait_for("five are given out", |_| local.seen().len() == 2);
    let wishes = [(Verb::Hold, ids[2]), (Verb::Delete, ids[3])];
    wishes.iter().for_each(|(verb, id)| assert_eq!(ask_one(&site, *verb, *id), "done when its running delivery ends"));
    local.release();
    all_end(&site, &[0, 1, 3, 4, 5].map(|number| ids[number]));
    site.wait_for("it is held", |site| site.find(ids[2]).is_some_and(|(place, _)| place == Place::Held));
    assert_eq!((local.seen().len(), site.count("success: ")), (4, 4), "{}", site.log());
    assert_eq!(site.count("possible duplicate"), 0);
}

#[test]
fn what_was_not_begun_at_the_end_is_delivered_after_the_next_start_and_once() {
    let (mut site, local) = one_by_one(1, |number| if number == 2 { Reply::Hold } else { DONE });
    let ids = held(&mut site, &["joe"], 6);
    site.wait_for("five are given out", |_| local.seen().len() == 2);
    site.signal(Signal::Terminate);
    site.wait_for("it was heard", |site| site.pending_signals() == 0);
    local.release();
    assert!(site.ended().success(), "{}", site.log());
    assert!(ids[2..].iter().all(|id| site.find(*id).is_some()) && local.seen().len() == 2, "{}", site.log());
    site.start();
    all_end(&site, &ids);
    assert_eq!((local.seen().len(), site.count("success: "), site.count("possible duplicate")), (6, 6, 0), "{}", site.log());
}

/// Puts a message of so many bytes into the queue and tells of it.
fn arrive_large(site: &mut Site, bytes: usize) -> (Id, u64) {
    let (id, envelope) = (now_id(Duration::ZERO), envelope(&["joe@relay.example"]));
    let store = site.store();
    let mut draft = store.draft(id).unwrap();
    let line = [&[b'x'; 1022][..], b"\r\n"].concat();
    draft.write(&line.repeat(bytes / line.len())).unwrap();
    site.give(&format!("queue/tmp/{id}"));
    let size = draft.commit(&envelope, false).unwrap().size;
    let mut text = Vec::new();
    envelope.write(&mut text);
    site.tell(&Arrival::Message { id: id.0, size, envelope: &text });
    (id, size)
}

#[test]
fn large_messages_do_not_share_the_time_of_one_delivery() {
    let (mut site, local) = one_by_one(16, |_| DONE);
    site.control("holdlocal", "1");
    site.start();
    const MEGABYTE: usize = 1024 * 1024;
    let large: Vec<(Id, u64)> = (0..6).map(|_| arrive_large(&mut site, 3 * MEGABYTE)).collect();
    site.wait_for("all are known", |site| site.count("new msg ") == 6);
    site.control("holdlocal", "0");
    let is_gone = |site: &Site| large.iter().all(|(id, size)| site.store().find(*id, *size).unwrap().is_none());
    site.wait_for("all are delivered", is_gone);
    let seen = local.seen();
    let (mut most, mut sum) = (0, 0);
    for one in &seen {
        sum = if one.place == 0 { one.message.len() } else { sum + one.message.len() };
        most = most.max(sum);
    }
    assert!(seen.len() == 6 && most <= 8 * MEGABYTE, "{most} bytes in one order");
}

#[test]
fn large_envelopes_do_not_make_an_order_too_large() {
    let (mut site, local) = one_by_one(16, |_| DONE);
    site.control("holdlocal", "1");
    site.start();
    let lines = |count| (0..count).map(|_| Head::Line(format!("X: {}", "x".repeat(990)))).collect();
    let ids: Vec<Id> =
        [0, 32, 133, 0].map(|count| site.arrive(&Envelope { head: lines(count), ..envelope(&["joe@relay.example"]) })).into();
    site.wait_for("all are known", |site| site.count("new msg ") == 4);
    site.control("holdlocal", "0");
    all_end(&site, &ids);
    assert_eq!((local.seen().len(), site.count("deferral: ")), (4, 0), "{}", site.log());
}

#[test]
fn after_an_order_whose_outcome_is_unknown_the_next_is_of_one_message() {
    let (mut site, local) = one_by_one(16, |number| if number == 2 { Reply::Die } else { DONE });
    let ids = held(&mut site, &["joe"], 40);
    site.wait_for("what was not in that order is delivered", |site| site.count("success: ") == 24);
    let places: Vec<usize> = local.seen().iter().map(|seen| seen.place).collect();
    assert_eq!(places[..20], [&[0][..], &(0..16).collect::<Vec<_>>(), &[0, 0, 1]].concat(), "{places:?}");
    site.signal(Signal::Alarm);
    all_end(&site, &ids);
}
