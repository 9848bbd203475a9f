//! Intake slows before the disk is full: answers are delayed while more comes than is delivered.
//!
//! Once a second the main thread counts the names in queue/new and looks at the free space; a message costs one load of
//! a number. What nobody fetches from queue/new counts whether the scheduler is slow or away, so nothing needs to be asked of it.
//! A delay is at most [`LONGEST`], so nobody waits for ever, and a message is delayed before it is made durable and answered.
//! How it fails: what cannot be counted delays nobody; control/queuefree is the floor in any case.
//! Known limits: between two looks more may come than is meant to; callers that are delayed hold their threads.

use crate::LOG;
use crate::settings::Settings;
use stafett_queue_store::{Place, Store};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long one answer is delayed at most.
const LONGEST: Duration = Duration::from_secs(2);
/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);
/// Counting takes a fiftieth of one processor at most.
const SHARE: u32 = 50;

/// How much intake is slowed.
#[derive(Debug)]
pub struct Pressure {
    /// Milliseconds.
    delay: AtomicU64,
    looks: Mutex<Looks>,
}

#[derive(Debug)]
struct Looks {
    next: Instant,
    slowing: bool,
}

/// What was seen at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// Messages in queue/new.
    fresh: u64,
    /// Bytes free on its file system.
    free: u64,
}

/// From where on intake is slowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    /// Messages in queue/new; 0 for no bound.
    backlog: u64,
    /// Bytes that are never used; as many again are used slowly.
    floor: u64,
}

impl Pressure {
    /// None yet.
    pub fn new() -> Pressure {
        Pressure { delay: AtomicU64::new(0), looks: Mutex::new(Looks { next: Instant::now(), slowing: false }) }
    }

    /// How long an answer is to be delayed now.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay.load(Ordering::Relaxed))
    }

    /// Looks at the queue, if it is time.
    pub fn look(&self, store: &Store, settings: &Settings) {
        let begun = Instant::now();
        let Ok(mut looks) = self.looks.lock() else { return };
        if begun < looks.next {
            return;
        }
        let bounds = Bounds { backlog: settings.backlog, floor: settings.free };
        let seen = Seen::now(store, bounds);
        looks.next = begun + EVERY.max(begun.elapsed() * SHARE);
        let delay = bounds.delay(seen);
        self.delay.store(u64::try_from(delay.as_millis()).unwrap_or(0), Ordering::Relaxed);
        looks.tell(bounds, seen);
    }
}

impl Looks {
    /// Says when slowing begins and ends.
    fn tell(&mut self, bounds: Bounds, seen: Seen) {
        if !self.slowing && bounds.slow(seen) {
            self.slowing = true;
            LOG.warning(format_args!("intake is slowed: {}", Reason(bounds, seen)));
        } else if self.slowing && bounds.ease(seen) {
            self.slowing = false;
            let Seen { fresh, free } = seen;
            LOG.note(format_args!("intake is slowed no more: {fresh} messages are in queue/new, {free} bytes are free"));
        }
    }
}

impl Seen {
    fn now(store: &Store, bounds: Bounds) -> Seen {
        let fresh = if bounds.backlog == 0 { 0 } else { store.count(Place::New).map_or(0, |counted| counted.messages) };
        Seen { fresh, free: store.free().map_or(u64::MAX, |(bytes, _)| bytes) }
    }
}

impl Bounds {
    /// Grows from nothing at the bound to the longest at twice the bound; and from twice the floor down to the floor.
    fn delay(self, seen: Seen) -> Duration {
        let by_backlog = part(seen.fresh.saturating_sub(self.backlog), self.backlog);
        let by_space = part(self.floor.saturating_mul(2).saturating_sub(seen.free), self.floor);
        by_backlog.max(by_space)
    }

    fn slow(self, seen: Seen) -> bool {
        !self.delay(seen).is_zero()
    }

    /// Whether there is so much room again that it does not begin anew at once.
    fn ease(self, seen: Seen) -> bool {
        let easier = Bounds { backlog: self.backlog - self.backlog / 4, floor: self.floor.saturating_add(self.floor / 8) };
        !easier.slow(seen)
    }
}

/// The part of the longest delay that `above` is of `whole`; nothing where there is no bound.
fn part(above: u64, whole: u64) -> Duration {
    if above == 0 || whole == 0 {
        return Duration::ZERO;
    }
    let longest = LONGEST.as_millis();
    let millis = (longest * u128::from(above)).div_ceil(u128::from(whole)).min(longest);
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

struct Reason(Bounds, Seen);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reason(Bounds { backlog, floor }, Seen { fresh, free }) = self;
        if *backlog > 0 && fresh > backlog {
            return write!(f, "{fresh} messages are in queue/new, more than control/queuebacklog says ({backlog})");
        }
        write!(f, "{free} bytes are free on the queue's file system, less than twice what control/queuefree keeps ({floor})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, LONGEST, Seen};
    use std::time::Duration;

    const PLENTY: u64 = 1 << 40;

    fn backlog(fresh: u64) -> Duration {
        Bounds { backlog: 1000, floor: 100 }.delay(Seen { fresh, free: PLENTY })
    }

    #[test]
    fn the_delay_grows_with_the_backlog_up_to_the_longest() {
        assert_eq!([0, 999, 1000].map(backlog), [Duration::ZERO; 3]);
        assert_eq!(backlog(1001), Duration::from_millis(2));
        assert_eq!(backlog(1500), LONGEST / 2);
        assert_eq!([2000, 5000, u64::MAX].map(backlog), [LONGEST; 3]);
    }

    #[test]
    fn the_delay_grows_as_space_comes_near_to_the_floor() {
        let space = |free| Bounds { backlog: 0, floor: 100 }.delay(Seen { fresh: u64::MAX, free });
        assert_eq!([PLENTY, 200, 150, 100, 0].map(space), [Duration::ZERO, Duration::ZERO, LONGEST / 2, LONGEST, LONGEST]);
        assert_eq!(Bounds { backlog: 0, floor: 0 }.delay(Seen { fresh: 5, free: 0 }), Duration::ZERO, "no bounds");
    }

    #[test]
    fn it_ends_only_when_there_is_room_again() {
        let bounds = Bounds { backlog: 1000, floor: 100 };
        assert!(!bounds.slow(Seen { fresh: 900, free: PLENTY }) && !bounds.ease(Seen { fresh: 900, free: PLENTY }));
        assert!(bounds.ease(Seen { fresh: 750, free: 300 }) && !bounds.ease(Seen { fresh: 750, free: 210 }));
    }
}
