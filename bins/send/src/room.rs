//! Who gets a connection when there are not enough for all.
//!
//! Hosts that are slow to fail hold their connections for minutes; without limits, the retries to a few hundred of them
//! would leave none for fresh mail, nor for those who take it.

use crate::connection::Connection;
use crate::destination::State;
use crate::lines::{Class, Lines};
use crate::mark::Mark;
use crate::pace::PROMPT;
use crate::scheduler::Scheduler;
use std::time::Instant;

/// So many in a line are looked at, beside those that have connections.
const LOOKED_AT: usize = 64;

impl Scheduler {
    /// What a destination waits with.
    pub(crate) fn class(&self, state: &State) -> Class {
        if state.is_user() && self.destinations.users.are_tried_one_by_one(Mark::of(&state.name)) {
            return Class::Try;
        }
        match state.last_order {
            _ if state.is_retry() && state.pace.is_slow() => Class::Slow,
            _ if state.is_retry() && state.pace.is_proven() => Class::Retry,
            _ if state.is_retry() => Class::Unproven,
            None => Class::New,
            Some(_) => Class::More,
        }
    }

    /// Whether there is room for one more of that class. A fifth of the connections is for fresh mail. Of those to other hosts, three
    /// of ten are for hosts that are known to be slow; those that may turn out to be keep a half at most from those who take mail.
    pub(crate) fn has_room(&self, is_local: bool, class: Class) -> bool {
        match class {
            _ if self.settings.holds(is_local) => return false,
            Class::New | Class::More => return true,
            Class::Try => return !self.is_one_tried(),
            Class::Retry | Class::Unproven | Class::Slow => {}
        }
        let most = self.settings.concurrency_of(is_local);
        let (mut all, mut slow, mut late) = (0, 0, 0);
        let jobs = self.connections.values().filter(|connection| connection.is_local == is_local).filter_map(|one| one.jobs.first());
        for job in jobs.filter(|job| job.kind.is_retry) {
            all += 1;
            slow += usize::from(job.kind.is_slow);
            late += usize::from(job.since.elapsed() > PROMPT);
        }
        let has_room = all < most - most / 5;
        match class {
            Class::Slow if !is_local => has_room && slow < (most * 3).div_ceil(10),
            Class::Unproven if !is_local => has_room && late < most - most / 2,
            _ => has_room,
        }
    }

    /// Whether it turns out just now if a user of whom nothing is known can be looked up.
    fn is_one_tried(&self) -> bool {
        let users = &self.destinations.users;
        let is_try = |connection: &Connection| {
            let is_young = connection.is_local && connection.jobs.first().is_some_and(|job| users.is_try(job.since));
            let state = self.destinations.states.get(&connection.destination).filter(|_| is_young);
            state.is_some_and(|state| users.are_tried_one_by_one(Mark::of(&state.name)))
        };
        self.connections.values().any(is_try)
    }

    /// Whether a destination could have an order now, on one more connection if it has none that is idle.
    fn could_have_one(&self, state: &State) -> bool {
        state.wants_a_connection() && (!state.idle.is_empty() || state.open < self.window(state))
    }

    /// Whether the destination of an idle connection is about to use it.
    pub(crate) fn is_wanted(&self, connection: &Connection) -> bool {
        let state = self.destinations.states.get(&connection.destination).filter(|state| state.wants_a_connection());
        state.is_some_and(|state| self.has_room(connection.is_local, self.class(state)))
    }

    /// Connections that a destination may have at once.
    pub(crate) fn window(&self, state: &State) -> usize {
        let most = self.settings.limits_of(&state.name).connections;
        // Of old mail, one message finds out whether the destination is there. This host needs no proof while it has not failed.
        let is_untried = state.is_retry() && !state.pace.is_proven() && !(state.is_user() && state.pace.is_sound());
        if is_untried { most.min(1) } else { state.window(most) }
    }

    fn lines(&mut self, is_local: bool) -> &mut Lines {
        if is_local { &mut self.local_lines } else { &mut self.remote_lines }
    }

    /// A destination waits for a connection.
    pub(crate) fn join_line(&mut self, number: u64) {
        let Some(class) = self.destinations.states.get(&number).map(|state| self.class(state)) else { return };
        self.with_line(number, |lines, state| lines.join(number, class, &mut state.place));
    }

    /// A destination waits again, whose connection was none.
    pub(crate) fn join_line_first(&mut self, number: u64) {
        let Some(class) = self.destinations.states.get(&number).map(|state| self.class(state)) else { return };
        self.with_line(number, |lines, state| lines.join_first(number, class, &mut state.place));
    }

    /// A destination waits no more.
    pub(crate) fn leave_line(&mut self, number: u64) {
        self.with_line(number, |lines, state| lines.leave(number, &mut state.place));
    }

    fn with_line(&mut self, number: u64, act: impl FnOnce(&mut Lines, &mut State)) {
        let Some(state) = self.destinations.states.get_mut(&number) else { return };
        act(if state.is_user() { &mut self.local_lines } else { &mut self.remote_lines }, state);
    }

    /// The first that could have an order, of the line whose turn it is, and its class; where a destination is to give up one of so many
    /// connections, it must have none, or fewer by two.
    pub(crate) fn first_in_line(&mut self, is_local: bool, of_so_many: Option<usize>) -> Option<(u64, Class)> {
        for class in self.lines(is_local).turns() {
            if self.lines(is_local).next(class, i64::MIN).is_none() || !self.has_room(is_local, class) {
                continue;
            }
            let mut behind = i64::MIN;
            for _ in 0..LOOKED_AT + self.settings.concurrency_of(is_local) {
                let Some((place, number)) = self.lines(is_local).next(class, behind) else { break };
                let Some(state) = self.destinations.states.get(&number) else {
                    self.lines(is_local).leave(number, &mut Some((class, place)));
                    continue;
                };
                let (own, open, group) = (self.class(state), state.open, state.next_group(Instant::now()));
                if group.is_some() || !self.could_have_one(state) {
                    // A pause that ends, a connection of its own that becomes free, or mail gives it a turn.
                    self.leave_line(number);
                    group.into_iter().for_each(|until| self.destinations.set_next_slot(number, Some(until)));
                    continue;
                }
                if own != class && !self.has_room(is_local, own) {
                    self.join_line(number);
                } else if of_so_many.is_none_or(|many| open == 0 || open + 1 < many) {
                    return Some((number, own));
                } else {
                    behind = place;
                }
            }
        }
        None
    }

    /// Gives a connection to the first in line. Says whether it had an order then.
    pub(crate) fn serve_line(&mut self, is_local: bool, of_so_many: Option<usize>) -> bool {
        let Some((number, class)) = self.first_in_line(is_local, of_so_many) else { return false };
        let is_served = self.serve(number, true);
        if is_served {
            self.lines(is_local).given(class);
            self.destinations.give_turn(number);
        }
        is_served
    }

    /// Gives connections that are free to those who wait for one. Says whether anybody got one.
    pub(crate) fn allot(&mut self, is_local: bool) -> bool {
        let busy = self.connections.values().filter(|connection| connection.is_busy() && connection.is_local == is_local).count();
        let most = self.settings.concurrency_of(is_local);
        (busy..most).take_while(|_| self.serve_line(is_local, None)).count() > 0
    }

    /// Before destinations have their turns at other hosts: connections that nobody has or wants go to those in line, and so do those
    /// that have had their share.
    pub(crate) fn make_way(&mut self) {
        if self.remote_lines.is_empty() || !self.is_there(false) {
            return;
        }
        let remote = || self.connections.iter().filter(|(_, connection)| !connection.is_local);
        let taken = remote().filter(|(_, connection)| connection.is_busy() || self.is_wanted(connection)).count();
        let is_used = |connection: &Connection| !connection.is_busy() && connection.has_had_its_share() && self.is_wanted(connection);
        let used: Vec<u64> = remote().filter(|(_, connection)| is_used(connection)).map(|(number, _)| *number).collect();
        for _ in taken..self.settings.concurrency {
            if !self.serve_line(false, None) {
                return;
            }
        }
        for number in used {
            let Some(owner) = self.connections.get(&number).filter(|connection| !connection.is_busy()).map(|one| one.destination) else {
                continue;
            };
            let many = self.destinations.states.get(&owner).map_or(0, |state| state.open);
            if self.first_in_line(false, Some(many)).is_some() {
                // It may stand in line for more.
                self.leave_line(owner);
                self.close(number);
                self.serve_line(false, Some(many));
            }
        }
    }
}
