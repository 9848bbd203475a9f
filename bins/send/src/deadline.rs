//! What does not come back: deliveries without a report, and an end (TERM) that must not wait for them for ever.
//!
//! stafett-remote keeps control/timeoutdelivery itself. A child that is stopped or hangs does not, so a little later its
//! delivery counts as deferred, and as one that may have happened. After TERM there is less patience, after a second TERM none.

use crate::scheduler::Scheduler;
use std::time::{Duration, Instant};

/// How long after TERM running deliveries and bounces are waited for.
const LINGER: Duration = Duration::from_secs(60);
/// How much longer than its own limit a delivery is waited for, beside a sixtieth of that.
const SLACK: Duration = Duration::from_secs(5);
const NO_REPORT: &str = "gave no report in time. (#4.4.2)";

impl Scheduler {
    /// Ends as soon as the running deliveries have ended (TERM), or have had their time; asked again, at once.
    pub fn end(&mut self) {
        let patience = if self.ending { Duration::ZERO } else { LINGER };
        self.end_by = Some(Instant::now() + patience);
        self.ending = true;
        self.drop_unasked();
    }

    /// Whether all is quiet after TERM, or enough was waited.
    pub fn may_end(&self) -> bool {
        let is_bouncing = || self.messages.values().any(|message| message.bouncing);
        let has_waited = self.end_by.is_some_and(|by| by <= Instant::now());
        self.ending && self.running == 0 && !self.is_syncing() && (has_waited || !is_bouncing())
    }

    /// Takes deliveries back whose time is over.
    pub(crate) fn end_overdue(&mut self) {
        let now = Instant::now();
        if self.next_deadline().is_none_or(|next| next > now) {
            return;
        }
        let is_over = |since: Instant| self.deadline(since) <= now;
        let overdue: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.job.as_ref().is_some_and(|job| is_over(job.since)))
            .map(|(number, _)| *number)
            .collect();
        overdue.into_iter().for_each(|number| self.lost(number, NO_REPORT));
    }

    /// When the next delivery is taken back, or the end need not wait any more.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let first = self.connections.values().filter_map(|connection| connection.job.as_ref()).map(|job| job.since).min();
        first.map(|since| self.deadline(since)).or(self.end_by.filter(|by| *by > Instant::now()))
    }

    fn deadline(&self, since: Instant) -> Instant {
        let limit = self.settings.delivery;
        let own = since + limit + limit / 60 + SLACK;
        self.end_by.map_or(own, |by| own.min(by))
    }
}
