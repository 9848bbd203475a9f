//! Turns, parking and forgetting.

use crate::destination::LITTLE_WORK;
use crate::destinations::{Destinations, MEMORY};
use crate::work::Work;
use stafett_queue_store::{Id, Listed, Place};
use stafett_wire::delivery::{Destination, Kind};
use std::time::{Duration, Instant};

fn host(name: &str) -> Destination {
    Destination::plain(Kind::Host, name, 25)
}

#[test]
fn a_big_list_waits_its_turn_after_each_order() {
    let mut all = Destinations::default();
    all.add(host("a"), Work { id: Id(1), recipients: (0..250).collect(), is_old: true });
    all.add(host("a"), Work { id: Id(2), recipients: vec![0], is_old: true });
    let number = all.next_turn().unwrap();
    let sizes: Vec<_> = std::iter::from_fn(|| all.take_work(number)).map(|work| (work.id.0, work.recipients.len())).collect();
    assert_eq!(sizes, [(1, 100), (2, 1), (1, 100), (1, 50)]);
}

#[test]
fn failures_are_remembered_for_a_while_and_then_forgotten() {
    let mut all = Destinations::default();
    let number = all.add(host("a"), Work { id: Id(1), recipients: vec![0], is_old: true });
    all.take_back(number);
    assert_eq!(all.next_turn(), Some(number));
    let now = Instant::now();
    let pause = all.state(number).unwrap().pace.failed(0, Duration::ZERO);
    all.pause(number, now + pause, 0);
    all.forget_if_unused(number);
    all.end_pauses(now + pause, false);
    assert_eq!(all.states.len(), 1);
    all.end_pauses(now + pause + MEMORY, false);
    assert!(all.states.is_empty() && all.numbers.is_empty());
}

#[test]
fn a_busy_destination_leaves_messages_on_disk_until_little_is_left() {
    let mut all = Destinations::default();
    let listed = |id| Listed { id: Id(id), size: 1, place: Place::Waiting, due: 1 };
    for id in 0..300 {
        assert!(!all.park(&host("a"), listed(id), 300));
        all.add(host("a"), Work { id: Id(id), recipients: vec![0], is_old: true });
    }
    assert!(all.park(&host("a"), listed(300), 300) && all.park(&host("a"), listed(300), 300));
    assert!(!all.park(&host("b"), listed(301), 300), "another destination has room");
    assert!(all.unpark(10).is_empty() && all.is_parked(Id(300)));
    let number = all.next_turn().unwrap();
    while all.states[&number].work.len() >= LITTLE_WORK {
        all.take_work(number);
    }
    let found: Vec<u64> = all.unpark(10).iter().map(|listed| listed.id.0).collect();
    assert_eq!(found, [300], "once, although it was parked twice");
    assert!(!all.is_parked(Id(300)));
}

#[test]
fn destinations_take_turns_and_are_forgotten_when_nothing_is_left() {
    let mut all = Destinations::default();
    for (name, id) in [("a", 1), ("a", 2), ("b", 3)] {
        all.add(host(name), Work { id: Id(id), recipients: vec![0], is_old: true });
    }
    let mut order = Vec::new();
    while let Some(number) = all.next_turn() {
        order.push(all.take_work(number).unwrap().id.0);
        all.give_turn(number);
        all.forget_if_unused(number);
    }
    assert_eq!(order, [1, 3, 2]);
    assert!(all.states.is_empty() && all.numbers.is_empty());
}
