//! Clocks that are set while mail waits: no message waits for years, none fails because a clock was wrong for a moment.
//!
//! The clock of the calendar is held against the one that only goes on. Where it went ahead, also because the machine slept,
//! what is too old by it is tried once more before it fails. So is what was not tried for longer than its schedule
//! explains: the clock was set while nobody looked, or the message was held.
//! Known limits: a step of less than a day that nobody saw, because no scheduler ran, is not noticed; a message that was
//! accepted while the clock was ahead has its life counted from that time.

use crate::message::Message;
use crate::scheduler::{Scheduler, now};
use crate::settings::Settings;
use std::time::Instant;

/// A clock that goes on or back by more than this, in seconds, was set.
const STEP: u64 = 60;
/// A message that was not tried for this long beyond twice its interval, in seconds, was kept from it.
const KEPT: u64 = 24 * 3600;
/// After the clock went ahead nobody is told of delay for so many seconds: it may be set right again.
const SETTLE: u64 = 3600;

/// Whether a recipient has been tried long enough, so that "not now" is final at `now`. `ahead_at` is when the clock went ahead,
/// in its own time; 0 for never.
pub(crate) fn is_too_old(message: &Message, index: usize, settings: &Settings, ahead_at: u64, now: u64) -> bool {
    let birth = message.id.birth_seconds();
    let Some(standing) = message.standings.get(index) else { return false };
    let domain = crate::scheduler::domain(message.address(index)).unwrap_or_default();
    let is_over = now.saturating_sub(birth) > settings.lifetime_of(&message.envelope.sender, domain);
    is_over && (ahead_at == 0 || standing.time >= ahead_at) && is_on_schedule(birth, standing.time, now)
}

/// Whether a message born at `birth` and tried last at `tried` (0 for never) is tried again at `now` as it should be.
fn is_on_schedule(birth: u64, tried: u64, now: u64) -> bool {
    let last = tried.max(birth);
    let interval = 40 * last.saturating_sub(birth).isqrt() + 400;
    now.saturating_sub(last) <= 2 * interval + KEPT
}

impl Scheduler {
    /// After the clock went back, what was put off by the wrong time would wait for it to come again.
    pub(crate) fn heed_clock(&mut self) {
        let (then, time_then) = self.clocks;
        let (expected, now) = (time_then.saturating_add(then.elapsed().as_secs()), now());
        self.clocks = (Instant::now(), now);
        if now.saturating_add(STEP) < expected {
            self.book.error(format_args!("the clock went back by {} seconds", expected - now));
            self.ahead_at = 0;
            self.mend_times();
        } else if now > expected.saturating_add(STEP) {
            self.book.error(format_args!("the clock went ahead by {} seconds; what is too old by it is tried once more", now - expected));
            self.ahead_at = now;
        }
    }

    /// After how many seconds senders hear of delay, if the clock can be trusted.
    pub(crate) fn delay_notice(&self) -> Option<u64> {
        self.settings.delay_notice.filter(|_| self.ahead_at == 0 || now() > self.ahead_at.saturating_add(SETTLE))
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, is_on_schedule};
    use crate::pace::{Step, next_attempt};

    const BIRTH: u64 = 1_763_758_000;
    const YEAR: u64 = 365 * 24 * 3600;

    #[test]
    fn every_attempt_of_the_timetable_is_on_schedule() {
        let mut tried = BIRTH;
        while tried < BIRTH + YEAR {
            let next = next_attempt(BIRTH, tried, Step::Remote);
            assert!(is_on_schedule(BIRTH, tried, next + (next - tried) / 8 + 3600), "tried at {}", tried - BIRTH);
            tried = next;
        }
    }

    #[test]
    fn what_was_kept_from_it_is_not() {
        assert!(!is_on_schedule(BIRTH, BIRTH + 400, BIRTH + YEAR));
        assert!(!is_on_schedule(BIRTH, 0, BIRTH + 2 * 400 + KEPT + 1), "never tried");
        assert!(is_on_schedule(BIRTH, 0, BIRTH + 2 * 400 + KEPT));
        assert!(is_on_schedule(BIRTH, BIRTH + YEAR, BIRTH + 500), "tried while the clock was ahead");
    }
}
