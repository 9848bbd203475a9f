//! How many attempts pass.

use super::{ASKED_AT_ONCE, AT_ONCE, Barred, MOST, TRUST, Throttle, WINDOW};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn wrong(throttle: &mut Throttle, from: Option<IpAddr>, now: Duration) -> Result<(), Barred> {
    throttle.begin(from, "alice", (3, AT_ONCE), now)?;
    throttle.end(from, "alice", Some(false), now);
    Ok(())
}

#[test]
fn after_so_many_no_more_are_looked_at_for_a_while() {
    let (mut throttle, now) = (Throttle::default(), NOW);
    for _ in 0..3 {
        wrong(&mut throttle, ip("2001:db8::1"), now).unwrap();
    }
    assert_eq!(wrong(&mut throttle, ip("2001:db8::ffff"), now), Err(Barred::Wrong), "the same network");
    wrong(&mut throttle, ip("2001:db8:0:1::1"), now).unwrap();
    wrong(&mut throttle, ip("2001:db8::1"), now + WINDOW).unwrap();
}

#[test]
fn attempts_at_once_count_like_others() {
    let (mut throttle, now, from) = (Throttle::default(), NOW, ip("192.0.2.1"));
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
    let (mut throttle, now, from) = (Throttle::default(), NOW, ip("192.0.2.1"));
    throttle.begin(from, "bob", (3, AT_ONCE), now).unwrap();
    throttle.end(from, "bob", Some(true), now);
    while wrong(&mut throttle, from, now).is_ok() {}
    assert_eq!(throttle.begin(from, "bob", (3, AT_ONCE), now), Ok(()));
    assert_eq!(throttle.begin(from, "carol", (3, AT_ONCE), now), Err(Barred::Wrong));
    throttle.end(from, "bob", None, now);
}

#[test]
fn who_was_right_does_not_wait_for_those_who_guess() {
    for most in [0, 9] {
        let (mut throttle, from, bounds) = (Throttle::default(), ip("192.0.2.1"), (most, ASKED_AT_ONCE));
        throttle.begin(from, "bob", bounds, NOW).unwrap();
        throttle.end(from, "bob", Some(true), NOW);
        (0..ASKED_AT_ONCE).for_each(|_| throttle.begin(from, "alice", bounds, NOW).unwrap());
        assert_eq!(throttle.begin(from, "carol", bounds, NOW), Err(Barred::Busy));
        (0..ASKED_AT_ONCE).for_each(|_| throttle.begin(from, "bob", bounds, NOW).unwrap());
        assert_eq!(throttle.begin(from, "bob", bounds, NOW), Err(Barred::Busy), "nor are more of one name looked at");
        throttle.end(from, "bob", Some(true), NOW);
        assert_eq!(throttle.begin(from, "bob", bounds, NOW), Ok(()));
        assert_eq!(throttle.begin(from, "carol", bounds, NOW), Err(Barred::Busy));
    }
}

#[test]
fn a_name_that_was_right_once_can_not_be_guessed_at_without_end() {
    let (mut throttle, now, from) = (Throttle::default(), NOW, ip("192.0.2.1"));
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
    let (mut throttle, now) = (Throttle::default(), NOW);
    for number in 0..u32::try_from(MOST).unwrap() * 2 {
        let from = Some(Ipv4Addr::from_bits(number).into());
        wrong(&mut throttle, from, now).unwrap();
    }
    assert!(throttle.sources.len() <= MOST);
}

#[test]
fn what_is_written_down_counts_as_before() {
    let (mut before, from, other) = (Throttle::default(), ip("192.0.2.1"), ip("192.0.2.2"));
    let mut kept = String::new();
    let mut attempt = |from, name, right, now| {
        if before.begin(from, name, (3, AT_ONCE), now).is_ok() {
            kept.push_str(&before.end(from, name, right, now));
        }
    };
    attempt(from, "bob", Some(true), NOW);
    attempt(from, "bob", Some(true), NOW + Duration::from_secs(1));
    (0..3).for_each(|_| attempt(from, "my password", Some(false), NOW));
    attempt(from, "bob", Some(false), NOW);
    attempt(other, "carol", Some(false), NOW);
    attempt(other, "carol", None, NOW);
    assert_eq!(kept.matches(" 0 192.0.2.1 bob\n").count(), 1, "{kept}");
    assert!(!kept.contains("password") && !kept.contains("carol"), "{kept}");
    let lines = before.lines(NOW);
    for text in [kept, lines] {
        let mut after = Throttle::default();
        text.lines().for_each(|line| after.restore(line, NOW).unwrap());
        assert_eq!(wrong(&mut after, from, NOW), Err(Barred::Wrong));
        assert_eq!(after.begin(from, "bob", (3, AT_ONCE), NOW), Ok(()), "one wrong one since");
        after.end(from, "bob", Some(false), NOW);
        let _ = after.begin(from, "bob", (3, AT_ONCE), NOW);
        after.end(from, "bob", Some(false), NOW);
        assert_eq!(after.begin(from, "bob", (3, AT_ONCE), NOW), Err(Barred::Wrong));
        (0..2).for_each(|_| wrong(&mut after, other, NOW).unwrap());
        assert_eq!(wrong(&mut after, other, NOW), Err(Barred::Wrong));
    }
    assert!(!before.lines(NOW + WINDOW).contains("from ") && before.lines(NOW + TRUST * 2).is_empty(), "what is over");
}

#[test]
fn lines_that_are_none_are_not_taken() {
    let mut throttle = Throttle::default();
    for line in
        ["", "from", "from 1 2", "from 1 2 x", "from x 2 192.0.2.1", "from 1 2 192.0.2.1 bob", "known 1 2 192.0.2.1", "own 1 2 ::1 b"]
    {
        assert_eq!(throttle.restore(line, NOW), None, "{line}");
    }
    throttle.restore("from 9999999999 3 192.0.2.1", NOW).unwrap();
    assert_eq!(wrong(&mut throttle, ip("192.0.2.1"), NOW), Err(Barred::Wrong));
    wrong(&mut throttle, ip("192.0.2.1"), NOW + WINDOW).unwrap();
}
