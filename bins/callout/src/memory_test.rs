//! Lifetimes and bounds of what is remembered.

use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn yes_and_no_have_lifetimes_of_their_own() {
    let mut memory = Memory::default();
    memory.is_valid("a@x", 1000, Some(7));
    memory.is_unknown("b@x", 1000, Some(7), "550 5.1.1 no");
    let known = |memory: &Memory, key: &str, now| memory.known(key, now, 7, DAY, HOUR).map(|known| known == Known::Valid);
    assert_eq!(known(&memory, "a@x", 1000 + 86_399), Some(true));
    assert_eq!(known(&memory, "a@x", 1000 + 86_400), None);
    assert_eq!(known(&memory, "b@x", 1000 + 3599), Some(false));
    assert_eq!(known(&memory, "b@x", 1000 + 3600), None);
    assert_eq!(known(&memory, "c@x", 1000), None);
}

#[test]
fn another_host_is_asked_anew_and_yet_the_recipient_stays_remembered() {
    let mut memory = Memory::default();
    memory.is_valid("a@x", 1000, Some(7));
    assert_eq!(memory.known("a@x", 1001, 8, DAY, HOUR), None);
    assert!(memory.was_valid("a@x", 1000 + 86_401, 31 * DAY));
    assert!(!memory.was_valid("a@x", 1000 + 86_400 * 32, 31 * DAY));
    assert!(memory.is_unknown("a@x", 2000, Some(8), "550 5.1.1 gone"));
    assert!(!memory.was_valid("a@x", 2001, 31 * DAY));
    memory.is_valid("a@x", 3000, None);
    assert_eq!(memory.known("a@x", 3001, 9, DAY, HOUR), Some(Known::Valid));
}

#[test]
fn a_no_of_before_a_restart_is_remembered_and_yet_asked_for_again() {
    let mut memory = Memory::default();
    memory.is_unknown("b@x", 1000, None, "550 5.1.1 no");
    memory.is_unknown("@x", 1000, Some(7), "");
    memory.is_valid("a@x", 2000, Some(7));
    assert_eq!(memory.known("b@x", 1001, 7, DAY, HOUR), None);
    assert!(memory.was_unknown("b@x", 1000 + 86_399, DAY) && !memory.was_unknown("b@x", 1000 + 86_400, DAY));
    let all: Vec<_> = memory.all().collect();
    assert_eq!((all, memory.count()), (vec![(Said::Valid(2000), "a@x"), (Said::Unknown(1000), "b@x")], 3));
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_eternal() {
    let mut memory = Memory::default();
    memory.is_valid("a@x", 1_000_000, Some(7));
    assert!(memory.was_valid("a@x", 990_000, DAY));
    assert!(!memory.was_valid("a@x", 1_000, DAY));
}

#[test]
fn the_room_is_bounded_and_the_younger_half_stays() {
    let mut table = Generations::new(1000);
    for number in 0..10_000u64 {
        table.insert(&format!("{number}@x"), number);
        assert!(table.len() <= 1000);
    }
    assert!((9500..10_000).all(|number: u64| table.find(&format!("{number}@x")) == Some(&number)));
    table.insert("9999@x", 1);
    assert_eq!(table.find("9999@x"), Some(&1));
    assert!(table.remove("9999@x") && table.find("9999@x").is_none());
}
