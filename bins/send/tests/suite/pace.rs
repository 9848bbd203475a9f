//! How hard a destination is pushed.

use crate::admin::ask;
use crate::common::{Site, envelope};
use crate::remote::{Remote, Reply};
use stafett_wire::Verdict;
use stafett_wire::question::Verb;
use std::time::Duration;

const DONE: (Verdict, &str) = (Verdict::Ok, "accepted. Remote host said: 250 ok");

#[test]
fn no_more_connections_to_a_destination_than_control_allows() {
    let mut site = Site::new();
    site.control("concurrencydestination", "2");
    let remote = Remote::start(&site, |_| Reply::Hold);
    site.start();
    let ids: Vec<_> = (0..10).map(|_| site.arrive(&envelope(&["a@example.net"]))).collect();
    site.wait_for("two orders", |_| remote.seen().len() == 2);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(remote.seen().len(), 2);
    remote.release();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    assert_eq!(remote.most_open(), 2);
}

#[test]
fn no_more_connections_altogether_than_control_allows() {
    let mut site = Site::new();
    site.control("concurrencyremote", "3");
    let remote = Remote::start(&site, |_| Reply::Hold);
    site.start();
    let ids: Vec<_> = (0..9).map(|n| site.arrive(&envelope(&[&format!("a@{n}.example")]))).collect();
    site.wait_for("three orders", |_| remote.seen().len() == 3);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(remote.seen().len(), 3);
    remote.release();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

#[test]
fn a_destination_that_is_down_is_probed_by_one() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Down("no route to host"));
    site.start();
    let first = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_rest(first);
    assert_eq!(remote.seen().len(), 1);
    // The others come while it is left alone: one of them probes when the pause is over.
    for n in 0..10 {
        site.arrive(&envelope(&[&format!("b{n}@example.net")]));
    }
    site.wait_for("the probe", |_| remote.seen().len() == 2);
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(remote.seen().len(), 2);
    assert_eq!(remote.most_open(), 1);
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    site.wait_for("they are all delivered, and those that found it down", |site| site.count("success: ") == 11);
}

#[test]
fn trouble_of_this_host_says_nothing_of_a_destination() {
    let mut site = Site::new();
    let mut replies = [Reply::Down("no route to host"), Reply::Own("Unable to rewrite the sender. (#4.3.0)")].into_iter();
    let remote = Remote::start(&site, move |_| replies.next().unwrap_or(Reply::Hold));
    site.start();
    let down = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_rest(down);
    let own = site.arrive(&envelope(&["b@example.net"]));
    site.wait_for_rest(own);
    site.wait_for_log("deferral: Unable_to_rewrite");
    for n in 0..10 {
        site.arrive(&envelope(&[&format!("c{n}@example.net")]));
    }
    site.wait_for("the probe", |_| remote.seen().len() == 3);
    let destinations = ask(&site, Verb::Destinations, &[]);
    assert!(destinations.iter().any(|line| line.starts_with("example.net waiting 9 running 1 open 1 window 1 ")), "{destinations:?}");
    remote.release();
    site.wait_for("they are all delivered", |site| site.count("success: ") == 11);
}

#[test]
fn a_connection_is_kept_for_the_next_message() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    site.start();
    for _ in 0..3 {
        let id = site.arrive(&envelope(&["a@example.net"]));
        site.wait_for_end(id);
    }
    let connections: std::collections::HashSet<u64> = remote.seen().into_iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 1);
}

#[test]
fn a_handoff_that_is_refused_is_made_again_and_suspects_nobody() {
    let mut site = Site::new();
    let remote = Remote::willing(&site);
    remote.refuse(1);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_end(id);
    site.wait_for_log("stafett-remote takes no more connections");
    assert_eq!(site.count("possible duplicate"), 0, "{}", site.log());
}
