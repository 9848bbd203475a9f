//! Who gets a connection when there are not enough for all.
//!
//! Hosts that are slow to fail hold their connections for minutes; without limits, the retries to a few hundred of them
//! would leave none for fresh mail, nor for those who take it.

use crate::connection::Connection;
use crate::destination::State;
use crate::lines::Lines;
use crate::mark::Mark;
use crate::pace::{PROMPT, Pace};
use crate::scheduler::Scheduler;
use std::time::Instant;

/// Of those in a line that cannot have a connection now, so many are looked at, beside those that have some.
const LOOKED_AT: usize = 64;

/// Whether a destination could have an order now.
#[derive(PartialEq, Eq)]
enum Chance {
    Now,
    /// It waits for room, or for what becomes of others.
    Later,
    /// Not before something gives it a turn: a pause that ends, a connection of its own that becomes free, mail.
    None,
}

/// For whom there is room among those that were tried before.
#[derive(Clone, Copy)]
struct Room {
    proven: bool,
    slow: bool,
    unknown: bool,
}

impl Room {
    fn is_for(self, pace: &Pace) -> bool {
        match (pace.is_slow(), pace.is_proven()) {
            (true, _) => self.slow,
            (false, true) => self.proven,
            (false, false) => self.unknown,
        }
    }
}

impl Scheduler {
    /// A fifth of the connections is for fresh mail. Of those to other hosts, three of ten are for hosts that are known to be slow;
    /// those that may turn out to be keep a half at most from those who take mail.
    fn room(&self, is_local: bool) -> Room {
        let most = self.settings.concurrency_of(is_local);
        let (mut all, mut slow, mut late) = (0, 0, 0);
        let jobs = self.connections.values().filter(|connection| connection.is_local == is_local).filter_map(|one| one.jobs.first());
        for job in jobs.filter(|job| job.kind.is_retry) {
            all += 1;
            slow += usize::from(job.kind.is_slow);
            late += usize::from(job.since.elapsed() > PROMPT);
        }
        let proven = all < most - most / 5;
        if is_local {
            return Room { proven, slow: proven, unknown: proven };
        }
        Room { proven, slow: proven && slow < (most * 3).div_ceil(10), unknown: proven && late < most - most / 2 }
    }

    /// Connections that a destination may have at once.
    pub(crate) fn window(&self, state: &State) -> usize {
        let most = self.settings.limits_of(&state.name).connections;
        // Of old mail, one message finds out whether the destination is there. This host needs no proof while it has not failed.
        let is_untried = state.is_retry() && !state.pace.is_proven() && !(state.is_user() && state.pace.is_sound());
        if is_untried { most.min(1) } else { state.window(most) }
    }

    /// Whether those with fresh mail leave room for a destination, and nothing else keeps it from having an order.
    pub(crate) fn may_have_order(&self, state: &State) -> bool {
        let has_room = !state.is_retry() || self.room(state.is_user()).is_for(&state.pace);
        has_room && self.may_be_tried(state)
    }

    fn may_be_tried(&self, state: &State) -> bool {
        let waits = state.is_user() && self.waits_for_a_try(Mark::of(&state.name));
        !waits && !self.settings.holds(state.is_user())
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

    pub(crate) fn lines(&mut self, is_local: bool) -> &mut Lines {
        if is_local { &mut self.local_lines } else { &mut self.remote_lines }
    }

    /// A destination waits for a connection.
    pub(crate) fn join_line(&mut self, number: u64) {
        let Some(state) = self.destinations.states.get_mut(&number) else { return };
        let lines = if state.is_user() { &mut self.local_lines } else { &mut self.remote_lines };
        lines.join(number, state.class(), &mut state.place);
    }

    /// A destination waits no more.
    pub(crate) fn leave_line(&mut self, number: u64) {
        let Some(state) = self.destinations.states.get_mut(&number) else { return };
        let lines = if state.is_user() { &mut self.local_lines } else { &mut self.remote_lines };
        lines.leave(&mut state.place);
    }

    /// The first that could have an order, of the line whose turn it is; where a destination is to give up one of so many connections,
    /// it must have none, or fewer by two. Those that could not, leave, or go to the end.
    pub(crate) fn first_in_line(&mut self, is_local: bool, of_so_many: Option<usize>) -> Option<u64> {
        if self.lines(is_local).is_empty() || self.settings.holds(is_local) {
            return None;
        }
        let room = self.room(is_local);
        for class in self.lines(is_local).turns() {
            let (mut behind, last) = (0, self.lines(is_local).last());
            for _ in 0..LOOKED_AT + self.settings.concurrency_of(is_local) {
                let next = self.lines(is_local).next(class, behind);
                let Some((place, number)) = next.filter(|(place, _)| *place <= last) else { break };
                let Some(state) = self.destinations.states.get(&number) else {
                    self.lines(is_local).leave(&mut Some((class, place)));
                    continue;
                };
                match self.chance(state, room) {
                    Chance::Now if state.class() == class => {
                        if of_so_many.is_none_or(|many| state.open == 0 || state.open + 1 < many) {
                            return Some(number);
                        }
                        behind = place;
                    }
                    Chance::None => self.leave_line(number),
                    // To the end of its line, or of the one that it belongs to by now.
                    Chance::Now | Chance::Later => {
                        self.leave_line(number);
                        self.join_line(number);
                    }
                }
            }
        }
        None
    }

    fn chance(&self, state: &State, room: Room) -> Chance {
        let is_ready = state.wants_a_connection() && state.next_group(Instant::now()).is_none();
        if !is_ready || state.idle.is_empty() && state.open >= self.window(state) {
            return Chance::None;
        }
        let may = (!state.is_retry() || room.is_for(&state.pace)) && self.may_be_tried(state);
        if may { Chance::Now } else { Chance::Later }
    }

    /// Gives connections that are free to those who wait for one. Says whether anybody got one.
    pub(crate) fn allot(&mut self, is_local: bool) -> bool {
        let busy = self.connections.values().filter(|connection| connection.is_busy() && connection.is_local == is_local).count();
        let mut given = false;
        for _ in busy..self.settings.concurrency_of(is_local) {
            let Some(number) = self.first_in_line(is_local, None) else { break };
            if !self.serve(number, true) {
                break;
            }
            self.destinations.give_turn(number);
            given = true;
        }
        given
    }
}
