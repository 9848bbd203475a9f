//! Clocks: one that never jumps, and the one on the wall.

use rustix::time::{ClockId, clock_gettime};
use std::mem::MaybeUninit;
use std::time::Duration;

/// Time since the machine was started, sleep included. Nobody can set it (clock_gettime(2), CLOCK_BOOTTIME).
pub fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The minute of the day by the clock of this host, in its time zone: 0 at midnight, 1439 the last.
pub fn minute_of_day() -> u16 {
    let now = clock_gettime(ClockId::Realtime).tv_sec as libc::time_t;
    let mut local = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid for the call, which fills the second; nothing of them is kept.
    let filled = unsafe { libc::localtime_r(&now, local.as_mut_ptr()) };
    if filled.is_null() {
        return u16::try_from(now.rem_euclid(86_400) / 60).unwrap_or(0);
    }
    // SAFETY: the call has filled it, as it says by its result.
    let local = unsafe { local.assume_init() };
    u16::try_from(local.tm_hour * 60 + local.tm_min).unwrap_or(0)
}

/// Reads the time zone's file now, for a process that will not be able to later; its rules for summer time are in it.
pub fn prepare_time_zone() {
    minute_of_day();
}
