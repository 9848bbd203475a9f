//! The promise of a window, held to a list of all that was counted.

use super::{STEPS, Window, length, step};
use proptest::prelude::*;

proptest! {
    /// Covers the whole period, and no more than a step beyond.
    #[test]
    fn no_period_is_missed(events in proptest::collection::vec((0u64..2000, 1u32..5), 1..80), period in 12u64..5000) {
        let (mut window, mut now, mut all) = (Window::default(), 1_000_000, Vec::new());
        for (pause, count) in events {
            now += pause;
            window.add(step(now, period), count);
            all.push((now, u64::from(count)));
            let within = |reach: u64| all.iter().filter(|(when, _)| *when + reach > now).map(|(_, count)| count).sum::<u64>();
            let total = window.total(step(now, period));
            let steps = length(period) * STEPS;
            prop_assert!(within(steps) <= total && total <= within(steps + length(period)), "{total}");
            prop_assert_eq!(Window::restore(window.steps()).total(step(now, period)), total);
        }
    }
}

#[test]
fn fifty_an_hour_come_back_after_an_hour() {
    let hour = 3_600_000;
    let mut window = Window::default();
    window.add(step(10 * hour, hour), 50);
    for (minute, total) in [(59, 50), (60, 50), (64, 50), (65, 0)] {
        assert_eq!(window.total(step(10 * hour + minute * 60_000, hour)), total, "{minute}");
    }
}

#[test]
fn what_is_taken_back_was_never_there() {
    let mut window = Window::default();
    window.add(100, 3);
    window.add(101, 2);
    window.take_back(102, 4);
    assert_eq!((window.total(102), window.steps().collect::<Vec<_>>()), (1, vec![(100, 1)]));
    window.take_back(102, 4);
    assert_eq!(window.total(102), 0);
}

#[test]
fn a_clock_that_goes_back_neither_forgets_nor_doubles() {
    let mut window = Window::default();
    window.add(1000, 3);
    window.add(10, 2);
    assert_eq!((window.total(10), window.total(1000), window.total(1013)), (5, 5, 0));
}
