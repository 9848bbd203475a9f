use super::attempt_after;
use crate::pace::{Step, latest_attempt, next_attempt};
use stafett_queue_store::Id;
use std::collections::HashSet;

const BIRTH: u64 = 1_763_758_000;

fn id(number: u64) -> Id {
    Id(BIRTH * 1_000_000 + number)
}

#[test]
fn what_failed_together_is_spread_over_an_eighth_and_never_early() {
    for attempts in 1..6 {
        let tried = BIRTH + 400 * u64::from(attempts * attempts);
        let base = next_attempt(BIRTH, tried, Step::Remote);
        let times: HashSet<u64> = (0..1000).map(|number| attempt_after(id(number), Step::Remote, attempts, tried)).collect();
        let most = base + (base - tried) / 8;
        assert!(times.iter().all(|time| (base..=most).contains(time)), "{base}: {times:?}");
        assert!(times.contains(&base) && times.contains(&most), "the whole range is used");
    }
}

#[test]
fn the_same_attempt_has_the_same_time_and_another_one_another() {
    let offset = |attempts| attempt_after(id(7), Step::Remote, attempts, BIRTH);
    assert_eq!(offset(1), offset(1));
    assert!((2..9).any(|attempts| offset(attempts) != offset(1)));
}

#[test]
fn no_time_that_was_set_by_a_right_clock_is_taken_for_wrong_later() {
    for tried in (BIRTH..BIRTH + 700_000).step_by(997) {
        let longest = (0..50).map(|number| attempt_after(id(number), Step::Remote, 3, tried)).max().unwrap();
        for later in [0, 1, 100, 5000] {
            assert!(longest <= latest_attempt(BIRTH, tried + later), "tried at {tried}, judged {later} s later");
        }
    }
}
