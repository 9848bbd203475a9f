//! Who gets a connection when there are not enough for all.
//!
//! Hosts that are slow to fail hold their connections for minutes; without limits, the retries to a few hundred of them
//! would leave none for fresh mail, nor for those who take it.

use crate::connection::{Connection, Job};
use crate::line::Line;
use crate::mark::Mark;
use crate::pace::{PROMPT, Pace};
use crate::scheduler::Scheduler;

/// Destinations that could have no connection.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    pub(crate) remote: Lines,
    /// Users of this host.
    pub(crate) local: Lines,
}

/// Those of one kind.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    fresh: Line,
    /// Those with but messages that were tried before.
    retries: Line,
}

impl Blocked {
    pub(crate) fn is_empty(&self) -> bool {
        self.remote.is_empty() && self.local.is_empty()
    }

    /// A destination waits until there is a connection for it.
    pub(crate) fn join(&mut self, number: u64, is_local: bool, is_retry: bool) {
        let lines = if is_local { &mut self.local } else { &mut self.remote };
        if is_retry { lines.retries.join(number) } else { lines.fresh.join(number) }
    }
}

impl Lines {
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.retries.is_empty()
    }

    /// The first with fresh mail, which stays in its place.
    pub(crate) fn next_fresh(&self) -> Option<u64> {
        self.fresh.peek()
    }

    /// As many as could have a connection now.
    fn first(&mut self, free: usize, has_room_for_retry: bool) -> Vec<u64> {
        let mut first = self.fresh.first(free);
        first.extend(self.retries.first(if has_room_for_retry { free } else { 0 }));
        first
    }
}

impl Scheduler {
    /// Whether one more connection may be used for what was tried before: a fifth of them is for fresh mail. Three of ten
    /// are for hosts that are known to be slow; those that may turn out to be keep a half at most from those who take mail.
    pub(crate) fn has_room_for_retry(&self, pace: &Pace) -> bool {
        let most = self.settings.concurrency;
        let count = |is_meant: &dyn Fn(&Job) -> bool| {
            let remote = self.connections.values().filter(|connection| !connection.is_local);
            let jobs = remote.flat_map(|connection| &connection.jobs);
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

    /// Whether a user of this host waits until it has turned out whether another can be looked up.
    pub(crate) fn waits_for_a_try(&self, user: Mark) -> bool {
        let users = &self.destinations.users;
        let is_try = |connection: &Connection| {
            let is_young = connection.is_local && connection.jobs.first().is_some_and(|job| users.is_try(job.since));
            let state = self.destinations.states.get(&connection.destination).filter(|_| is_young);
            state.is_some_and(|state| users.are_tried_one_by_one(Mark::of(&state.name)))
        };
        users.are_tried_one_by_one(user) && self.connections.values().any(is_try)
    }

    /// Destinations that could have no connection get another turn: as many as could have one now.
    pub(crate) fn unblock(&mut self) {
        if self.blocked.is_empty() {
            return;
        }
        let free = self.settings.concurrency_local.saturating_sub(self.running_local);
        let local = self.blocked.local.first(free, self.has_local_room_for_retry());
        let busy = self.connections.values().filter(|connection| connection.is_busy() && !connection.is_local).count();
        let free = self.settings.concurrency.saturating_sub(busy);
        let remote = self.blocked.remote.first(free, self.has_room_for_retry(&Pace::proven()));
        local.into_iter().chain(remote).for_each(|number| self.destinations.give_turn(number));
    }
}
