//! Users of this host: what one of them may hold, and when their mail is tried again.

use crate::admin::{ask, name};
use crate::common::{Site, envelope, now_id};
use crate::remote::{Remote, Reply, Seen};
use stafett_queue_store::journal::{Event, Line};
use stafett_queue_store::{Id, Place};
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::question::Verb;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

pub const DONE: Reply = Reply::All(Verdict::Ok, "did_1+0+0/");

/// An instance with the service local, whose own domain is relay.example.
pub fn with_users() -> Site {
    let site = Site::new();
    fs::create_dir(site.path("run/local")).unwrap();
    site.give("run/local");
    site
}

#[test]
fn a_user_whose_programs_hang_leaves_the_others_their_deliveries() {
    let mut site = with_users();
    site.control("concurrencyuser", "2");
    let local =
        Remote::start_as(&site, "local", |seen| if seen.recipients[0].to_lowercase().starts_with("joe") { Reply::Hold } else { DONE });
    site.start();
    let joes: Vec<Id> = (0..30).map(|number| site.arrive(&envelope(&[&format!("JOE-{number}@relay.example")]))).collect();
    let ann = site.arrive(&envelope(&["ann@relay.example", "joe@relay.example"]));
    site.wait_for("ann has her mail", |_| local.seen().iter().any(|seen| seen.recipients == ["ann@relay.example"]));
    site.wait_for("the others wait", |site| site.count("new msg ") == 31);
    let of_joe = || local.seen().iter().filter(|seen| seen.recipients[0].to_lowercase().starts_with("joe")).count();
    assert_eq!(of_joe(), 2, "{:?}", local.seen());
    let why: Vec<String> = joes.iter().chain([&ann]).flat_map(|id| ask(&site, Verb::Why, &[&name(*id)])).collect();
    let waits = why.iter().filter(|line| line.contains("limit: 2 of 2 deliveries to user joe run (control/concurrencyuser)")).count();
    assert_eq!(waits, 29, "{why:?}");
    let destinations = ask(&site, Verb::Destinations, &[]);
    assert!(destinations.iter().any(|line| line.starts_with("local:joe waiting 29 running 2 ")), "{destinations:?}");
    site.control("concurrencyuser", "3");
    site.wait_for("one more of joe's", |_| of_joe() == 3);
    local.release();
    joes.into_iter().chain([ann]).for_each(|id| site.wait_for_end(id));
}

#[test]
fn one_connection_has_mail_for_one_user_after_the_other() {
    let mut site = with_users();
    site.control("concurrencylocal", "1");
    let local = Remote::start_as(&site, "local", |_| DONE);
    site.start();
    let ids: Vec<Id> = (0..50).map(|number| site.arrive(&envelope(&[&format!("user{number}@relay.example")]))).collect();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    let mut connections: Vec<u64> = local.seen().iter().map(|seen| seen.connection).collect();
    connections.dedup();
    assert_eq!((local.most_open(), connections.len()), (1, 1));
}

#[test]
fn a_connection_stays_with_a_user_who_has_mail() {
    let mut site = with_users();
    site.control("concurrencylocal", "20");
    let local = Remote::start_as(&site, "local", |_| DONE);
    site.control("holdlocal", "1");
    site.start();
    let ids: Vec<Id> = (0..400).map(|number| site.arrive(&envelope(&[&format!("user{}@relay.example", number % 10)]))).collect();
    site.wait_for("all are known", |site| site.count("new msg ") == 400);
    site.control("holdlocal", "0");
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    let mut of_connections: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for seen in local.seen() {
        of_connections.entry(seen.connection).or_default().push(seen.recipients[0].clone());
    }
    let changes: usize = of_connections.values().map(|users| users.windows(2).filter(|pair| pair[0] != pair[1]).count()).sum();
    assert!(changes < 16, "{changes} changes in {of_connections:?}");
}

#[test]
fn a_user_who_comes_late_has_a_connection_soon() {
    let mut site = with_users();
    site.control("concurrencylocal", "4");
    site.control("concurrencyuser", "4");
    let local = Remote::start_as(&site, "local", |_| Reply::Hold);
    site.start();
    let joes: Vec<Id> = (0..40).map(|_| site.arrive(&envelope(&["joe@relay.example"]))).collect();
    site.wait_for("joe has all connections", |_| local.seen().len() == 4);
    let ann = site.arrive(&envelope(&["ann@relay.example"]));
    site.wait_for("all are known", |site| site.count("new msg ") == 41);
    local.release();
    joes.into_iter().chain([ann]).for_each(|id| site.wait_for_end(id));
    let place = local.seen().iter().position(|seen| seen.recipients == ["ann@relay.example"]).unwrap();
    assert!(place < 12, "ann had to wait for {place} of joe's");
}

#[test]
fn whose_database_is_away_waits_alone() {
    let mut site = with_users();
    let local = Remote::start_as(&site, "local", |seen| {
        if seen.recipients[0].starts_with("joe") { Reply::Down("Unable to find out whose that address is. (#4.3.0)") } else { DONE }
    });
    site.start();
    let joe = site.arrive(&envelope(&["joe@relay.example"]));
    site.wait_for_log("deferral: Unable_to_find_out");
    let ann = site.arrive(&envelope(&["ann@relay.example"]));
    site.wait_for_end(ann);
    local.script(|_| DONE);
    ask(&site, Verb::Flush, &["relay.example"]);
    ask(&site, Verb::Retry, &[&name(joe)]);
    site.wait_for_end(joe);
}

const AWAY: Reply = Reply::Down("Unable to find out whose that address is. (#4.3.0)");

#[test]
fn users_whose_database_is_away_are_tried_as_one_and_go_on_together() {
    let mut site = with_users();
    let local = Remote::start_as(&site, "local", |seen| if seen.recipients[0].starts_with("ann") { DONE } else { AWAY });
    site.start();
    let users: Vec<Id> = (0..20).map(|number| site.arrive(&envelope(&[&format!("user{number}@relay.example")]))).collect();
    site.wait_for("each was tried", |site| site.count("deferral: Unable_to_find_out") >= 20);
    let begun = Instant::now();
    let more: Vec<Id> = (0..20).map(|number| site.arrive(&envelope(&[&format!("user{number}@relay.example")]))).collect();
    let ann = site.arrive(&envelope(&["ann@relay.example"]));
    site.wait_for_end(ann);
    site.wait_for("one is tried at the end of each pause", |site| site.count("deferral: Unable_to_find_out") >= 22);
    // After 1 second, 2, 4 ...
    let took = begun.elapsed();
    let most = 23 + usize::try_from(took.as_secs()).unwrap();
    assert!(took < Duration::from_secs(20) && site.count("deferral: Unable_to_find_out") <= most, "{}", site.log());
    local.script(|_| DONE);
    ask(&site, Verb::Retry, &[&name(users[7])]);
    users.into_iter().chain(more).for_each(|id| site.wait_for_end(id));
}

#[test]
fn who_was_found_is_not_held_up_by_those_who_wait_for_a_try() {
    let mut site = with_users();
    site.control("concurrencylocal", "2");
    let local = Remote::start_as(&site, "local", |seen| match seen.recipients[0].split_once('@').unwrap().0 {
        "ann" => DONE,
        "lost" => AWAY,
        _ => Reply::Hold,
    });
    site.start();
    site.arrive(&envelope(&["lost@relay.example"]));
    site.wait_for_log("deferral: Unable_to_find_out");
    let ann = site.arrive(&envelope(&["ann@relay.example"]));
    site.wait_for_end(ann);
    let others: Vec<Id> = (0..9).map(|number| site.arrive(&envelope(&[&format!("user{number}@relay.example")]))).collect();
    let is_other = |seen: &Seen| seen.recipients[0].starts_with("user");
    site.wait_for("one of the others is tried", |site| site.count("new msg ") == 11 && local.seen().iter().any(is_other));
    let anns: Vec<Id> = (0..20).map(|_| site.arrive(&envelope(&["ann@relay.example"]))).collect();
    anns.into_iter().for_each(|id| site.wait_for_end(id));
    let seen = local.seen();
    let connections: BTreeSet<u64> = seen.iter().filter(|seen| !is_other(seen)).map(|seen| seen.connection).collect();
    assert_eq!(seen.iter().filter(|seen| is_other(seen)).count(), 1, "{seen:?}");
    assert!(connections.len() < 5, "ann's connection went to those who could not use it: {seen:?}");
    local.release();
    local.script(|_| DONE);
    others.into_iter().for_each(|id| site.wait_for_end(id));
}

#[test]
fn a_lower_limit_counts_while_there_is_mail_for_all_connections() {
    let mut site = with_users();
    site.control("concurrencylocal", "10");
    site.control("concurrencyuser", "8");
    let local = Remote::start_as(&site, "local", |_| Reply::Hold);
    site.start();
    let ids: Vec<Id> = (0..60).map(|_| site.arrive(&envelope(&["joe@relay.example"]))).collect();
    site.wait_for("all connections are used", |site| site.count("new msg ") == 60 && local.seen().len() == 8);
    site.control("concurrencyuser", "2");
    let is_known = |site: &Site| ask(site, Verb::Why, &[&name(ids[59])]).iter().any(|line| line.contains(" 8 of 2 deliveries "));
    site.wait_for("the limit is known", is_known);
    local.release();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    let connections: BTreeSet<u64> = local.seen()[8..].iter().map(|seen| seen.connection).collect();
    assert!(connections.len() <= 2, "{connections:?}");
}

#[test]
fn a_message_on_disk_finds_out_whether_users_can_be_looked_up_again() {
    let mut site = with_users();
    let local = Remote::start_as(&site, "local", |_| AWAY);
    site.start();
    let ids: Vec<Id> =
        [&["joe@relay.example"][..], &["ann@relay.example", "eve@relay.example"]].map(|to| site.arrive(&envelope(to))).into();
    for id in &ids {
        site.wait_for_rest(*id);
    }
    local.script(|_| DONE);
    // Their own times are minutes away.
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    site.wait_for("all have their mail", |site| site.count("success: ") == 3);
}

/// A message of a user who cannot be looked up now, on disk.
fn lost(site: &mut Site, name: &str) -> Id {
    let id = site.arrive(&envelope(&[&format!("{name}@relay.example")]));
    site.wait_for_rest(id);
    id
}

#[test]
fn the_end_of_a_pause_tries_one_of_those_who_could_not_be_looked_up() {
    let mut site = with_users();
    let away_but = |found: &'static str| move |seen: &Seen| if seen.recipients[0].starts_with(found) { DONE } else { AWAY };
    let local = Remote::start_as(&site, "local", |_| AWAY);
    site.start();
    let joe = lost(&mut site, "joe");
    local.script(away_but("joe"));
    ask(&site, Verb::Retry, &[&name(joe)]);
    site.wait_for_end(joe);
    // What waits is woken after joe's return, and not again so soon.
    local.script(|_| AWAY);
    let anns: Vec<Id> = (0..10).map(|number| lost(&mut site, &format!("ann{number}"))).collect();
    let eve = lost(&mut site, "eve");
    local.script(away_but("eve"));
    ask(&site, Verb::Retry, &[&name(eve)]);
    site.wait_for_end(eve);
    // The mail of the anns is still where it was, but of them nothing is known any more.
    local.script(|_| AWAY);
    let bob = lost(&mut site, "bob");
    let before = local.seen().len();
    local.script(|_| DONE);
    site.wait_for_end(bob);
    let tried: Vec<String> = local.seen()[before..].iter().map(|seen| seen.recipients[0].clone()).collect();
    assert_eq!(tried, ["bob@relay.example"], "{}", site.log());
    assert!(anns.into_iter().all(|ann| site.find(ann).is_some()));
}

const LATER: fn(&Seen) -> Reply = |_| Reply::All(Verdict::Temporary, "later. (#4.3.0)");

/// At which age a message is tried again, in seconds.
fn rests_until(site: &Site, id: Id) -> u64 {
    site.wait_for_rest(id) - id.birth_seconds()
}

#[test]
fn users_are_tried_twice_as_often_as_other_hosts() {
    let mut site = with_users();
    let (remote, local) = (Remote::start(&site, LATER), Remote::start_as(&site, "local", LATER));
    let [joe, host, both] = [&["joe@relay.example"][..], &["a@example.net"], &["joe@relay.example", "b@example.net"]].map(|to| {
        let id = now_id(Duration::from_secs(10_000));
        site.put(id, &envelope(to));
        id
    });
    site.start();
    // (100 + 10)² and (100 + 20)², with an eighth of the interval at most behind it.
    assert!((12_100..12_400).contains(&rests_until(&site, joe)), "{}", site.log());
    assert!((14_400..15_000).contains(&rests_until(&site, host)), "{}", site.log());
    assert!((12_100..12_400).contains(&rests_until(&site, both)), "{}", site.log());
    assert_eq!((local.seen().len(), remote.seen().len()), (2, 2));
}

#[test]
fn a_host_rests_while_a_user_of_the_same_message_is_tried() {
    let mut site = with_users();
    let (remote, local) = (Remote::start(&site, LATER), Remote::start_as(&site, "local", LATER));
    let id = now_id(Duration::from_secs(12_500));
    let size = site.put(id, &envelope(&["joe@relay.example", "b@example.net"]));
    let mut journal = String::new();
    for recipient in [0, 1] {
        let line = Line { time: id.birth_seconds() + 10_000, recipient, event: Event::Deferred, text: "later".into() };
        line.write(&mut journal);
    }
    site.store().append(id, size, Place::New, &journal).unwrap();
    site.store().wait_until(id, size, Place::New, id.birth_seconds() + 12_400).unwrap();
    site.start();
    site.wait_for_log("deferral: ");
    // The time of joe, 12,100 to 12,363 s, has come; that of the other host, from 14,400 s on, has not.
    let next = rests_until(&site, id);
    assert!((14_400..15_000).contains(&next), "the next of joe is a little later than that of the host: {next}\n{}", site.log());
    assert_eq!((local.seen().len(), remote.seen().len()), (1, 0));
    site.signal(Signal::Alarm);
    site.wait_for("everything is tried", |_| local.seen().len() == 2 && remote.seen().len() == 1);
}

#[test]
fn users_whose_time_has_come_are_tried_together() {
    let mut site = with_users();
    let (remote, local) = (Remote::start(&site, LATER), Remote::start_as(&site, "local", LATER));
    let id = now_id(Duration::from_secs(12_105));
    let users: Vec<String> = (0..20).map(|number| format!("user{number}@relay.example")).collect();
    let recipients: Vec<&str> = users.iter().map(String::as_str).chain(["b@example.net"]).collect();
    let size = site.put(id, &envelope(&recipients));
    let mut journal = String::new();
    for recipient in 0..recipients.len() {
        // As if each had had its own time of the last pass.
        let time = id.birth_seconds() + 10_000 + recipient as u64;
        Line { time, recipient, event: Event::Deferred, text: "later".into() }.write(&mut journal);
    }
    site.store().append(id, size, Place::New, &journal).unwrap();
    site.store().wait_until(id, size, Place::New, id.birth_seconds() + 12_100).unwrap();
    site.start();
    // From 12,100 s on all users may be tried; the spread would have some wait until 12,363.
    site.wait_for("each was tried", |_| local.seen().len() == 20);
    site.wait_for("all was noted", |site| site.count("deferral: ") == 20);
    assert!(remote.seen().is_empty());
}

#[test]
fn who_rests_beside_a_user_whose_delivery_runs_hears_an_alarm_too() {
    let mut site = with_users();
    let (remote, local) = (Remote::start(&site, LATER), Remote::start_as(&site, "local", |_| Reply::Hold));
    let id = now_id(Duration::from_secs(12_500));
    let size = site.put(id, &envelope(&["joe@relay.example", "b@example.net"]));
    let mut journal = String::new();
    for recipient in [0, 1] {
        Line { time: id.birth_seconds() + 10_000, recipient, event: Event::Deferred, text: "later".into() }.write(&mut journal);
    }
    site.store().append(id, size, Place::New, &journal).unwrap();
    site.store().wait_until(id, size, Place::New, id.birth_seconds() + 12_400).unwrap();
    site.start();
    site.wait_for("joe's delivery runs", |_| local.seen().len() == 1);
    assert!(remote.seen().is_empty());
    site.signal(Signal::Alarm);
    site.wait_for("it was heard", |site| site.pending_signals() == 0);
    local.release();
    site.wait_for("the other host is tried", |_| remote.seen().len() == 1);
}
