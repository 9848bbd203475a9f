use super::{MOST_KNOWN, Paused, Users};
use crate::destinations::MEMORY;
use crate::mark::Mark;
use crate::pace::PROMPT;
use stafett_wire::delivery::Destination;
use std::time::{Duration, Instant};

const AT_ONCE: Duration = Duration::ZERO;

fn user(name: &str) -> Mark {
    Mark::of(&Destination::user(name))
}

#[test]
fn those_who_cannot_be_looked_up_share_one_pause() {
    let (mut users, now) = (Users::default(), Instant::now());
    assert_eq!(users.lost(user("joe"), AT_ONCE, now, 1000), Paused::All);
    assert_eq!(users.lost(user("ann"), AT_ONCE, now, 1000), Paused::One);
    let first = Some((now + Duration::from_secs(1), 1001));
    assert_eq!((users.pause_of(user("joe")), users.pause_of(user("ann")), users.pause_of(user("eve"))), (first, first, None));
    assert!(!users.pause_is_over(now));
    let later = now + Duration::from_secs(1);
    assert!(users.pause_is_over(later) && !users.pause_is_over(later));
    assert_eq!(users.lost(user("ann"), AT_ONCE, later, 1001), Paused::All);
    assert_eq!(users.pause_of(user("joe")), Some((later + Duration::from_secs(2), 1003)));
}

#[test]
fn one_of_them_who_is_found_ends_it_for_all_and_nobody_else_does() {
    let (mut users, now) = (Users::default(), Instant::now());
    users.lost(user("joe"), AT_ONCE, now, 1000);
    assert!(users.are_tried_one_by_one(user("ann")) && users.are_tried_one_by_one(user("joe")));
    assert!(!users.found(user("ann"), now) && !users.are_tried_one_by_one(user("ann")), "another source knows her");
    assert!(!users.found(user("joe"), now - Duration::from_secs(1)), "he was found before");
    assert!(users.leave_alone(user("joe")) && users.found(user("joe"), now));
    assert!(!users.leave_alone(user("joe")) && !users.are_tried_one_by_one(user("eve")));
}

#[test]
fn where_a_try_takes_long_nobody_else_is_tried() {
    let (mut users, now) = (Users::default(), Instant::now());
    users.lost(user("joe"), AT_ONCE, now, 1000);
    users.found(user("ann"), now);
    assert!(!users.leave_alone(user("eve")));
    users.end_pause();
    users.lost(user("joe"), 2 * PROMPT, now, 1000);
    assert!(users.leave_alone(user("eve")) && !users.leave_alone(user("ann")));
    assert!(users.found(user("eve"), now), "she was one of them");
}

#[test]
fn what_is_known_of_users_is_bounded_and_forgotten() {
    let (mut users, now) = (Users::default(), Instant::now());
    for number in 0..MOST_KNOWN + 1000 {
        users.lost(user(&number.to_string()), AT_ONCE, now, 1000);
    }
    assert!(users.0.as_ref().is_some_and(|trouble| trouble.lost.len() == MOST_KNOWN) && users.leave_alone(user("eve")));
    users.forget_the_old(now);
    assert!(users.leave_alone(user("eve")));
    users.forget_the_old(now + MEMORY);
    assert!(!users.leave_alone(user("eve")));
}
