//! Who gets a connection when there are not enough for all.
//!
//! Hosts that are slow to fail hold their connections for minutes; without limits, the retries to a few hundred of them
//! would leave none for fresh mail, nor for those who take it.

use crate::connection::Job;
use crate::line::Line;
use crate::pace::{PROMPT, Pace};
use crate::scheduler::Scheduler;

/// Destinations that could have no connection.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    pub(crate) fresh: Line,
    /// Those with but messages that were tried before.
    pub(crate) retries: Line,
    /// This host itself.
    pub(crate) local: Option<u64>,
}

impl Blocked {
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.retries.is_empty() && self.local.is_none()
    }
}

impl Scheduler {
    /// Whether one more connection may be used for what was tried before: a fifth of them is for fresh mail. Three of ten
    /// are for hosts that are known to be slow; those that may turn out to be keep a half at most from those who take mail.
    pub(crate) fn has_room_for_retry(&self, pace: &Pace) -> bool {
        let most = self.settings.concurrency;
        let count = |is_meant: &dyn Fn(&Job) -> bool| {
            let remote = self.connections.values().filter(|connection| !connection.is_local);
            let jobs = remote.filter_map(|connection| connection.job.as_ref());
            jobs.filter(|job| job.kind.is_retry && is_meant(job)).count()
        };
        let has_room = count(&|_| true) < most - most / 5;
        if pace.is_slow() {
            has_room && count(&|job| job.kind.is_slow) < (most * 3).div_ceil(10)
        } else {
            has_room && (pace.is_proven() || count(&|job| job.since.elapsed() > PROMPT) < most - most / 2)
        }
    }

    /// Whether one more delivery to a user of this host may be of a message that was tried before: a fifth is for fresh mail.
    pub(crate) fn has_local_room_for_retry(&self) -> bool {
        let most = self.settings.concurrency_local;
        self.running_local < most - most / 5
    }

    /// Destinations that could have no connection get another turn: as many as could have one now.
    pub(crate) fn unblock(&mut self) {
        if self.blocked.is_empty() {
            return;
        }
        if self.running_local < self.settings.concurrency_local
            && let Some(local) = self.blocked.local.take()
        {
            self.destinations.give_turn(local);
        }
        let busy = self.connections.values().filter(|connection| connection.job.is_some() && !connection.is_local).count();
        let free = self.settings.concurrency.saturating_sub(busy);
        let fresh = self.blocked.fresh.first(free);
        let retries = if self.has_room_for_retry(&Pace::proven()) { self.blocked.retries.first(free) } else { Vec::new() };
        for number in fresh.into_iter().chain(retries) {
            self.destinations.give_turn(number);
        }
    }
}
