//! Who gets a connection when there are not enough for all.
//!
//! Hosts that are slow to fail hold their connections for minutes; without limits, the retries to a few hundred of them
//! would leave none for fresh mail, nor for those who take it.

use crate::connection::{Connection, Job};
use crate::destination::State;
use crate::mark::Mark;
use crate::pace::{PROMPT, Pace};
use crate::scheduler::Scheduler;
use std::collections::BTreeSet;

/// Destinations that could have no connection.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    pub(crate) remote: Lines,
    /// Users of this host.
    pub(crate) local: Lines,
    /// The last place that was given away.
    last: u64,
}

/// Destinations in the order of their places.
type Line = BTreeSet<(u64, u64)>;

/// Of those who wait: orders to the ones who come first, for each to the others.
const FOUR_TO_ONE: u32 = 4;

/// Those of one kind.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Those with fresh mail that had no order since they came.
    new: Line,
    /// Those with more fresh mail.
    more: Line,
    /// Those with but messages that were tried before.
    retries: Line,
    /// Orders to new ones since the last with fresh mail to another.
    since_more: u32,
    /// Orders with fresh mail since the last with what was tried before.
    since_retry: u32,
}

impl Blocked {
    pub(crate) fn is_empty(&self) -> bool {
        self.remote.is_empty() && self.local.is_empty()
    }

    /// A destination waits until there is a connection for it, in the place that it had, if it was in the line before.
    pub(crate) fn join(&mut self, number: u64, state: &mut State) {
        let place = *state.place.get_or_insert_with(|| {
            self.last += 1;
            self.last
        });
        let lines = self.of(state.is_user());
        let line = match state.is_retry() {
            true => &mut lines.retries,
            false if state.is_new() => &mut lines.new,
            false => &mut lines.more,
        };
        line.insert((place, number));
    }

    /// An order goes out to a destination.
    pub(crate) fn ordered(&mut self, state: &mut State, is_retry: bool) {
        state.place = None;
        let lines = self.of(state.is_user());
        if is_retry {
            lines.since_retry = 0;
            return;
        }
        lines.since_retry = lines.since_retry.saturating_add(1);
        lines.since_more = if state.is_new() { lines.since_more.saturating_add(1) } else { 0 };
    }

    fn of(&mut self, is_local: bool) -> &mut Lines {
        if is_local { &mut self.local } else { &mut self.remote }
    }
}

impl Lines {
    pub(crate) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.more.is_empty() && self.retries.is_empty()
    }

    /// The first with more fresh mail, which stays in its place.
    pub(crate) fn next_with_more(&self) -> Option<u64> {
        self.more.first().map(|(_, number)| *number)
    }

    fn is_for_retries(&self) -> bool {
        self.since_retry >= FOUR_TO_ONE && !self.retries.is_empty()
    }

    fn is_for_more(&self) -> bool {
        self.since_more >= FOUR_TO_ONE && !self.more.is_empty()
    }

    /// As many as could have a connection now, in the order in which they should.
    fn first(&mut self, free: usize, has_room_for_retry: bool) -> Vec<u64> {
        let free_for_retries = if has_room_for_retry { free } else { 0 };
        let retry = if self.is_for_retries() { free_for_retries.min(1) } else { 0 };
        let more = if self.is_for_more() { free.min(1) } else { 0 };
        let mut first = taken(&mut self.retries, retry);
        first.extend(taken(&mut self.more, more));
        first.extend(taken(&mut self.new, free));
        first.extend(taken(&mut self.more, free));
        first.extend(taken(&mut self.retries, free_for_retries));
        first
    }
}

/// Takes the first ones, at most so many.
fn taken(line: &mut Line, most: usize) -> Vec<u64> {
    (0..most).map_while(|_| line.pop_first()).map(|(_, number)| number).collect()
}

impl Scheduler {
    /// Whether one more connection may be used for what was tried before: a fifth of them is for fresh mail. Three of ten
    /// are for hosts that are known to be slow; those that may turn out to be keep a half at most from those who take mail.
    fn has_room_for_retry(&self, pace: &Pace) -> bool {
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
    fn has_local_room_for_retry(&self) -> bool {
        let most = self.settings.concurrency_local;
        let jobs = self.connections.values().filter(|connection| connection.is_local).filter_map(|connection| connection.jobs.first());
        jobs.filter(|job| job.kind.is_retry).count() < most - most / 5
    }

    /// Who is to have a connection of this kind that has done its work, before the one who had it: one with what was tried before, or a
    /// new one, unless it is the turn of those with more.
    pub(crate) fn next_in_need(&self, is_local: bool) -> Option<(u64, &State)> {
        let lines = if is_local { &self.blocked.local } else { &self.blocked.remote };
        let first = |line: &Line, is_retry: bool| {
            let (_, number) = line.first()?;
            let state = self.destinations.states.get(number).filter(|state| state.open == 0 && state.is_retry() == is_retry)?;
            Some((*number, state)).filter(|_| self.would_use_one(state) && self.has_room_for(state))
        };
        let retry = if lines.is_for_retries() { first(&lines.retries, true) } else { None };
        retry.or_else(|| if lines.is_for_more() { None } else { first(&lines.new, false) })
    }

    /// Whether those with fresh mail leave room for one more connection to it.
    pub(crate) fn has_room_for(&self, state: &State) -> bool {
        !state.is_retry() || if state.is_user() { self.has_local_room_for_retry() } else { self.has_room_for_retry(&state.pace) }
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
