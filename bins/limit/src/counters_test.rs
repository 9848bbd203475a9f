//! Keys come and go; those that matter stay.

use super::Counters;

const HOUR: u64 = 3_600_000;

#[test]
fn a_flood_of_keys_pushes_none_out_that_is_near_its_limit() {
    const MOST: usize = 8000;
    let mut counters = Counters { most: MOST, ..Counters::default() };
    let kind = counters.kind("messages per address hour", HOUR, 50);
    let now = 1000 * HOUR;
    counters.add(kind, "192.0.2.1", 45, now);
    for number in 0..5 * MOST {
        counters.add(kind, &format!("2001:db8::{number:x}"), 1, now + 1);
    }
    assert!(counters.held() <= MOST && counters.held() > MOST * 7 / 8 - 1, "{}", counters.held());
    assert_eq!(counters.total(kind, "192.0.2.1", now + 2), 45);
}

#[test]
fn what_is_over_is_forgotten() {
    let mut counters = Counters::default();
    let kind = counters.kind("a", HOUR, 5);
    counters.add(kind, "x", 1, 1000 * HOUR);
    counters.sweep(1000 * HOUR + HOUR / 2);
    assert_eq!(counters.held(), 1);
    counters.sweep(1002 * HOUR);
    assert_eq!(counters.held(), 0);
}

#[test]
fn kinds_are_told_apart_and_reset_together() {
    let mut counters = Counters::default();
    let (one, other) = (counters.kind("a", HOUR, 5), counters.kind("b", HOUR, 5));
    assert_eq!(counters.kind("a", HOUR, 7), one);
    counters.add(one, "x", 2, HOUR);
    counters.add(other, "x", 3, HOUR);
    counters.take_back(other, "x", 1, HOUR);
    assert_eq!((counters.total(one, "x", HOUR), counters.total(other, "x", HOUR)), (2, 2));
    assert_eq!(
        counters.shown(HOUR).map(|shown| (shown.identity, shown.count, shown.limit)).collect::<Vec<_>>(),
        [("a", 2, 7), ("b", 2, 5)]
    );
    assert_eq!((counters.reset("x"), counters.held()), (2, 0));
}
