//! The service's clock: milliseconds since 1970 as far as the first look at the wall told, then as time really goes by.
//!
//! What it does: it never jumps and never goes back, also not from one life of the service to the next: it begins no
//! earlier than where the last life has left off. A wall clock that was set wrong and mended moves nothing but the begin.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begin: u64,
    boot: Duration,
}

impl Clock {
    /// Begins at the time of the wall, and not before `known`, which an earlier life has seen.
    pub fn new(known: u64) -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Clock { begin: begin(wall, known), boot: stafett_sys::clock::since_boot() }
    }

    /// Now.
    pub fn now(&self) -> u64 {
        let gone = stafett_sys::clock::since_boot().saturating_sub(self.boot);
        self.begin.saturating_add(gone.as_millis() as u64)
    }
}

/// No clock that says more is right (the year 2086); seconds must never reach their end, where time would stand still.
pub const END: u64 = (u32::MAX as u64 - 20 * 366 * 86_400) * 1000;

fn begin(wall: u64, known: u64) -> u64 {
    wall.min(END).max(known)
}

/// Seconds of the clock.
pub fn seconds(now: u64) -> u32 {
    u32::try_from(now / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "clock_test.rs"]
mod clock_test;
