//! When to try again, and how hard to push: arithmetic without clocks or files.

use crate::schedule::SPREAD;
use std::time::Duration;

/// Connections to a destination of which nothing is known yet.
const FIRST_WINDOW: usize = 5;
/// The longest pause after failures of a destination.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A destination that has not answered after this time is slow.
pub const PROMPT: Duration = Duration::from_secs(5);
/// Up to this pause, messages for the destination wait in memory; beyond, on disk.
const SHORT_PAUSE: Duration = Duration::from_secs(8);

/// By how much the root of a message's age grows from one attempt to the next (qmail-send.c, chanskip).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// To a user of this host: after 100 s, 400 s, 900 s …
    Local = 10,
    /// To another host: after 400 s, 1600 s, 3600 s …
    Remote = 20,
}

/// The earliest next attempt of a message that was born at `birth` and has just been tried at `now`, both
/// in seconds: birth + (floor(sqrt(age)) + step)², qmail's times (qmail-send.c, nextretry). A birth that the clock has not
/// reached yet counts as now.
pub fn next_attempt(birth: u64, now: u64, step: Step) -> u64 {
    let birth = birth.min(now);
    let root = now.saturating_sub(birth).isqrt() + step as u64;
    birth.saturating_add(root.saturating_mul(root)).max(now + 1)
}

/// The latest attempt that a message born at `birth` can have at `now`, both in seconds; a later one
/// was set by a clock that was wrong.
pub fn latest_attempt(birth: u64, now: u64) -> u64 {
    let root = now.saturating_sub(birth.min(now)).isqrt();
    // The longest interval of that root: the bound must not sink while the clock goes on.
    let spread = (40 * root + 400) / SPREAD;
    (next_attempt(birth, now, Step::Remote) + spread).max(now + LONGEST_PAUSE.as_secs())
}

/// How hard one destination is pushed: a window of connections that grows with success and shrinks
/// with failure, and after failures a pause that ends with a single probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    window: usize,
    failures: u32,
    proven: bool,
    slow: bool,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { window: FIRST_WINDOW, failures: 0, proven: false, slow: false }
    }
}

impl Pace {
    /// Connections that may be open at once, at most `most`.
    pub fn window(&self, most: usize) -> usize {
        let wanted = if self.failures > 0 { 1 } else { self.window };
        wanted.min(most)
    }

    /// A message was taken by the destination, or refused in an orderly way.
    pub fn succeeded(&mut self, most: usize) {
        if self.failures > 0 {
            *self = Pace::default();
        }
        (self.proven, self.slow) = (true, false);
        self.window = (self.window + 1).min(most.max(1));
    }

    /// Whether it kept a connection busy for long when it failed last.
    pub fn is_slow(&self) -> bool {
        self.slow
    }

    /// Whether it has not failed since it was last reached.
    pub fn is_sound(&self) -> bool {
        self.failures == 0
    }

    /// Whether it has taken or refused a message in an orderly way since it last failed, as far as is known.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// The destination could not be reached while `others` of our connections to it were open; to see that took so long.
    /// Returns how long to leave it alone; zero when it only takes no more connections.
    pub fn failed(&mut self, others: usize, took: Duration) -> Duration {
        if others > 0 && self.failures == 0 {
            self.window = others;
            return Duration::ZERO;
        }
        self.failures = self.failures.saturating_add(1);
        (self.proven, self.slow) = (false, took > PROMPT);
        self.window = FIRST_WINDOW;
        let seconds = 1_u64.checked_shl(self.failures - 1).unwrap_or(u64::MAX);
        // Who keeps a connection busy for minutes gets one half of the time at most.
        let took = if self.slow { took } else { Duration::ZERO };
        Duration::from_secs(seconds).max(took).min(LONGEST_PAUSE)
    }

    /// Whether the last attempts failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

/// Whether messages may wait in memory for a pause to end.
pub fn is_short(pause: Duration) -> bool {
    pause <= SHORT_PAUSE
}

#[cfg(test)]
mod tests {
    use super::{Pace, Step, next_attempt};
    use std::time::Duration;

    #[test]
    fn retries_come_at_the_times_of_qmail() {
        // The series that qmail's documentation gives.
        for (step, wanted) in [(Step::Remote, [400, 1600, 3600, 6400, 10_000]), (Step::Local, [100, 400, 900, 1600, 2500])] {
            let times = std::iter::successors(Some(1_000_000), |now| Some(next_attempt(1_000_000, *now, step)));
            let ages: Vec<u64> = times.skip(1).take(5).map(|time| time - 1_000_000).collect();
            assert_eq!(ages, wanted);
        }
    }

    #[test]
    fn a_clock_that_went_back_still_gives_a_future_attempt() {
        assert_eq!(next_attempt(2_000_000, 1_000, Step::Remote), 1_400);
    }

    #[test]
    fn the_window_grows_with_success_up_to_the_limit() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            pace.succeeded(20);
        }
        assert_eq!(pace.window(20), 20);
        assert_eq!(pace.window(3), 3);
    }

    #[test]
    fn a_destination_that_is_down_is_probed_by_one_after_growing_pauses() {
        let mut pace = Pace::default();
        let pauses: Vec<u64> = (0..12).map(|_| pace.failed(0, Duration::ZERO).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(pace.window(20), 1);
        pace.succeeded(20);
        assert!(pace.window(20) > 1);
    }

    #[test]
    fn a_destination_that_is_slow_to_fail_rests_as_long() {
        let mut pace = Pace::default();
        assert_eq!(pace.failed(0, Duration::from_secs(300)), Duration::from_secs(300));
        assert_eq!(pace.failed(0, Duration::from_secs(3000)), Duration::from_secs(600));
        assert_eq!(pace.failed(0, Duration::from_secs(4)), Duration::from_secs(4));
    }

    #[test]
    fn one_connection_too_many_only_shrinks_the_window() {
        let mut pace = Pace::default();
        assert_eq!(pace.failed(3, Duration::ZERO), Duration::ZERO);
        assert_eq!(pace.window(20), 3);
    }
}
