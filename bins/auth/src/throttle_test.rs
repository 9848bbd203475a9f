//! How many attempts pass.

use super::{ASKED_AT_ONCE, AT_ONCE, Barred, MOST, Throttle, WINDOW};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn wrong(throttle: &mut Throttle, from: Option<IpAddr>, now: Instant) -> Result<(), Barred> {
    throttle.begin(from, "alice", (3, AT_ONCE), now)?;
    throttle.end(from, "alice", Some(false), now);
    Ok(())
}

#[test]
fn after_so_many_no_more_are_looked_at_for_a_while() {
    let (mut throttle, now) = (Throttle::default(), Instant::now());
    for _ in 0..3 {
        wrong(&mut throttle, ip("2001:db8::1"), now).unwrap();
    }
    assert_eq!(wrong(&mut throttle, ip("2001:db8::ffff"), now), Err(Barred::Wrong), "the same network");
    wrong(&mut throttle, ip("2001:db8:0:1::1"), now).unwrap();
    wrong(&mut throttle, ip("2001:db8::1"), now + WINDOW).unwrap();
}

#[test]
fn attempts_at_once_count_like_others() {
    let (mut throttle, now, from) = (Throttle::default(), Instant::now(), ip("192.0.2.1"));
    for _ in 0..3 {
        throttle.begin(from, "alice", (3, AT_ONCE), now).unwrap();
    }
    assert_eq!(throttle.begin(from, "alice", (3, AT_ONCE), now), Err(Barred::Wrong));
    throttle.end(from, "alice", Some(true), now);
    throttle.begin(from, "bob", (3, AT_ONCE), now).unwrap();
    let mut other = Throttle::default();
    for _ in 0..AT_ONCE {
        other.begin(from, "alice", (0, AT_ONCE), now).unwrap();
    }
    assert_eq!(other.begin(from, "alice", (0, AT_ONCE), now), Err(Barred::Busy));
    let mut asked = Throttle::default();
    for _ in 0..ASKED_AT_ONCE {
        asked.begin(from, "alice", (0, ASKED_AT_ONCE), now).unwrap();
    }
    assert_eq!(asked.begin(from, "alice", (0, ASKED_AT_ONCE), now), Err(Barred::Busy));
    asked.begin(ip("192.0.2.2"), "alice", (0, ASKED_AT_ONCE), now).unwrap();
}

#[test]
fn who_was_right_is_not_held_up_by_others() {
    let (mut throttle, now, from) = (Throttle::default(), Instant::now(), ip("192.0.2.1"));
    throttle.begin(from, "bob", (3, AT_ONCE), now).unwrap();
    throttle.end(from, "bob", Some(true), now);
    while wrong(&mut throttle, from, now).is_ok() {}
    assert_eq!(throttle.begin(from, "bob", (3, AT_ONCE), now), Ok(()));
    assert_eq!(throttle.begin(from, "carol", (3, AT_ONCE), now), Err(Barred::Wrong));
    throttle.end(from, "bob", None, now);
}

#[test]
fn a_name_that_was_right_once_can_not_be_guessed_at_without_end() {
    let (mut throttle, now, from) = (Throttle::default(), Instant::now(), ip("192.0.2.1"));
    throttle.begin(from, "alice", (3, AT_ONCE), now).unwrap();
    throttle.end(from, "alice", Some(true), now);
    for _ in 0..3 {
        wrong(&mut throttle, from, now).unwrap();
    }
    assert_eq!(wrong(&mut throttle, from, now), Err(Barred::Wrong));
    let later = now + WINDOW;
    for _ in 0..3 {
        wrong(&mut throttle, from, later).unwrap();
    }
    assert_eq!(wrong(&mut throttle, from, later), Err(Barred::Wrong), "it is known no more");
}

#[test]
fn memory_is_bounded() {
    let (mut throttle, now) = (Throttle::default(), Instant::now());
    for number in 0..u32::try_from(MOST).unwrap() * 2 {
        let from = Some(Ipv4Addr::from_bits(number).into());
        wrong(&mut throttle, from, now).unwrap();
    }
    assert!(throttle.sources.len() <= MOST);
}
