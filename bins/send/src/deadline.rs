//! What does not come back: deliveries without a report, and an end (TERM) that must not wait for them for ever.
//!
//! stafett-remote keeps control/timeoutdelivery itself, stafett-local control/timeoutlocal. A child that is stopped or hangs does
//! not, so a little later its connection is closed, which ends whatever stafett-local has under way there, and its delivery
//! counts as deferred, and as one that may have happened. After TERM there is less patience, after a second TERM none.

use crate::connection::Connection;
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
        let overdue: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| self.deadline(connection).is_some_and(|deadline| deadline <= now))
            .map(|(number, _)| *number)
            .collect();
        overdue.into_iter().for_each(|number| self.lost(number, NO_REPORT));
    }

    /// When the next delivery is taken back, or the end need not wait any more.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let first = self.connections.values().filter_map(|connection| self.deadline(connection)).min();
        first.or(self.end_by.filter(|by| *by > Instant::now()))
    }

    fn deadline(&self, connection: &Connection) -> Option<Instant> {
        let since = connection.jobs.first()?.since;
        let limit = self.settings.patience(connection.is_local);
        let own = since + limit + limit / 60 + SLACK;
        Some(self.end_by.map_or(own, |by| own.min(by)))
    }
}
