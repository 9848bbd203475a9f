//! What the admin sets by destination and domain, changed while it runs.

use crate::common::{Site, envelope, now_id};
use crate::kept::{is_left_alone, tried};
use crate::queued::Queued;
use crate::remote::{Remote, Reply};
use stafett_queue_store::journal::Event;
use stafett_wire::Verdict;
use std::collections::HashSet;
use std::time::{Duration, Instant};

#[test]
fn one_destination_has_limits_of_its_own() {
    let mut site = Site::new();
    site.control("concurrencydest", "slow.example:1:2\n.example:3");
    let remote = Remote::start(&site, |_| Reply::Hold);
    site.start();
    let mut ids: Vec<_> = (0..4).map(|_| site.arrive(&envelope(&["a@slow.example"]))).collect();
    ids.extend((0..6).map(|_| site.arrive(&envelope(&["a@other.example"]))));
    site.wait_for("one and three orders", |_| remote.seen().len() == 4);
    std::thread::sleep(Duration::from_millis(300));
    let running = |name: &str| remote.seen().iter().filter(|seen| seen.destination.starts_with(name)).count();
    assert_eq!((running("slow"), running("other")), (1, 3));
    remote.release();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    let slow: Vec<u64> =
        remote.seen().into_iter().filter(|seen| seen.destination.starts_with("slow")).map(|seen| seen.connection).collect();
    let connections: HashSet<u64> = slow.iter().copied().collect();
    assert_eq!((slow.len(), connections.len()), (4, 2), "two messages of each connection");
}

#[test]
fn a_rate_spaces_the_messages_of_one_destination() {
    let mut site = Site::new();
    site.control("concurrencydest", "slow.example:::120\nslowest.example:::1");
    let _remote = Remote::willing(&site);
    site.start();
    let begin = Instant::now();
    let slowest = [(); 2].map(|()| site.arrive(&envelope(&["a@slowest.example"])));
    let ids: Vec<_> = (0..4).map(|_| site.arrive(&envelope(&["a@slow.example"]))).collect();
    let other = site.arrive(&envelope(&["a@fast.example"]));
    site.wait_for_end(other);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    assert!(slowest.iter().any(|id| site.find(*id).is_some()), "no destination waits for another");
    assert!(begin.elapsed() >= Duration::from_millis(1500), "three gaps of half a second: {:?}", begin.elapsed());
}

#[test]
fn what_is_held_goes_on_when_the_admin_says_so() {
    let mut site = Site::new();
    site.control("holddomains", ".held.example");
    let remote = Remote::willing(&site);
    site.start();
    let held = site.arrive(&envelope(&["a@x.held.example"]));
    let mixed = site.arrive(&envelope(&["b@x.held.example", "c@free.example"]));
    site.wait_for_rest(mixed);
    assert_eq!(remote.seen().len(), 1, "only c");
    assert!(site.find(held).is_some());
    site.control("holddomains", "");
    site.wait_for_end(held);
}

#[test]
fn nothing_is_delivered_while_remote_is_held() {
    let mut site = Site::new();
    site.control("holdremote", "1");
    let remote = Remote::willing(&site);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net"]));
    site.wait_for_log("new msg");
    std::thread::sleep(Duration::from_millis(300));
    assert!(remote.seen().is_empty() && site.find(id).is_some());
    site.control("holdremote", "0");
    site.wait_for_end(id);
}

#[test]
fn lifetimes_differ_by_domain_and_for_bounces() {
    let mut site = Site::new();
    site.control("queuelifetimes", "patient.example:1000000");
    site.control("queuelifetime", "100");
    site.control("bouncelifetime", "1000000");
    let _remote = Remote::start(&site, |_| Reply::All(Verdict::Temporary, "later. Remote host said: 450 4.2.0 later"));
    let old = now_id(Duration::from_secs(5000));
    site.put(old, &envelope(&["a@patient.example", "b@hasty.example"]));
    let mut bounce = envelope(&["c@hasty.example"]);
    bounce.sender.clear();
    let bounced = now_id(Duration::from_secs(4000));
    site.put(bounced, &bounce);
    site.start();
    site.wait_for_rest(old);
    site.wait_for_rest(bounced);
    let events: Vec<_> = site.entry(old).standings.iter().map(|standing| standing.event).collect();
    assert_eq!(events[0], Some(Event::Deferred));
    assert!(matches!(events[1], Some(Event::Failed | Event::Bounced)));
    assert_eq!(site.entry(bounced).standings[0].event, Some(Event::Deferred));
}

#[test]
fn what_ends_while_its_destination_is_left_alone_is_returned_then() {
    let mut site = Site::new();
    site.control("queuelifetime", "10006");
    site.control("queuelifetimes", "patient.example:1000000");
    let remote = Remote::start(&site, |seen| match seen.destination.as_str() {
        "down.example" => Reply::Down("no route to host"),
        _ => Reply::All(Verdict::Temporary, "later. Remote host said: 450 4.2.0 later"),
    });
    let queued = Queued::willing(&site);
    let id = now_id(Duration::from_secs(10_000));
    site.put(id, &envelope(&["b@down.example", "c@patient.example"]));
    site.start();
    let end = id.birth_seconds() + 10_006;
    assert!(site.wait_for_rest(id) <= end + 1, "its next attempt would come after hours\n{}", site.log());
    let first = site.arrive(&envelope(&["a@down.example"]));
    site.wait_for_rest(first);
    is_left_alone(&site, first, "down.example");
    site.wait_for("it is returned", |_| queued.brought().len() == 1);
    assert!(queued.brought()[0].text.contains("<b@down.example>:"), "{}", queued.brought()[0].text);
    site.wait_for("the other recipient waits for its own time", |site| site.wait_for_rest(id) > end + 1000);
    assert_eq!(tried(&remote, "c@patient.example"), 1, "{}", site.log());
}
