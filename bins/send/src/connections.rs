//! The connection that an order goes out on: one that waits for work, or a new one if the limits allow; and their end.

use crate::connection::{Connection, IDLE};
use crate::destination::State;
use crate::mark::Mark;
use crate::scheduler::Scheduler;
use stafett_wire::delivery::Kind;
use std::os::fd::AsFd;
use std::time::Instant;

impl Scheduler {
    /// Open connections of that kind.
    pub(crate) fn open_of(&self, is_local: bool) -> usize {
        if is_local { self.open_local } else { self.connections.len() - self.open_local.min(self.connections.len()) }
    }

    /// When the next idle connection is to be closed.
    pub(crate) fn next_idle_end(&self) -> Option<Instant> {
        self.connections.values().filter(|connection| !connection.is_busy()).map(|connection| connection.idle_since + IDLE).min()
    }

    pub(crate) fn idle_or_new(&mut self, number: u64) -> Option<u64> {
        self.destinations.state(number)?.idle.pop().or_else(|| self.adopt(number)).or_else(|| self.open(number))
    }

    /// A connection to this host that waits for work, of a user who has none for it now. The process behind it is still that
    /// user's, and stays so if the next delivery is for the same.
    fn adopt(&mut self, number: u64) -> Option<u64> {
        if self.open_local <= self.running_local || self.destinations.state(number)?.name.kind != Kind::Local {
            return None;
        }
        let wants =
            |owner: u64| self.destinations.states.get(&owner).is_some_and(|state| self.would_use_one(state) && self.has_room_for(state));
        let is_free = |connection: &Connection| connection.is_local && !connection.is_busy() && !wants(connection.destination);
        let adopted = self.connections.iter().find(|(_, connection)| is_free(connection)).map(|(adopted, _)| *adopted)?;
        self.give_to(adopted, number);
        Some(adopted)
    }

    /// Makes a connection to this host one of another user.
    fn give_to(&mut self, connection: u64, number: u64) {
        let Some(found) = self.connections.get_mut(&connection) else { return };
        let former = std::mem::replace(&mut found.destination, number);
        self.destinations.leave(former, connection);
        if let Some(state) = self.destinations.state(number) {
            state.open += 1;
        }
    }

    /// Whose a connection to this host is that has become free: that of the first in need, or the same user's as before unless
    /// another has none, or fewer by two, and may have one more.
    fn heir(&self, number: u64) -> u64 {
        let Some(state) = self.destinations.states.get(&number).filter(|state| state.is_user()) else { return number };
        if let Some((next, _)) = self.next_in_need(true) {
            return next;
        }
        let Some(first) = self.blocked.local.next_with_more() else { return number };
        let has_fewer = |other: &State| other.open == 0 || other.open + 1 < state.open;
        let may_have_more = |other: &State| other.open < other.window(self.settings.limits_of(&other.name).connections);
        let is_due = |other: &State| has_fewer(other) && may_have_more(other) && !other.is_retry() && self.would_use_one(other);
        if self.destinations.states.get(&first).is_some_and(is_due) { first } else { number }
    }

    /// Whether a connection to another host has had its share of the work, and another destination is in need of one.
    pub(crate) fn gives_way(&self, connection: &Connection) -> bool {
        // Who is in turn already has the place of another.
        let is_for_one = || self.next_in_need(false).is_some_and(|(_, next)| !next.in_turn);
        !connection.is_local && connection.has_had_its_share() && is_for_one()
    }

    /// Whether a destination would use a connection at once. A user whose turn to be tried has not come keeps none from the others.
    pub(crate) fn would_use_one(&self, state: &State) -> bool {
        state.wants_a_connection() && !(state.is_user() && self.waits_for_a_try(Mark::of(&state.name)))
    }

    /// A new connection, if the limit allows and there is somebody to ask for it.
    fn open(&mut self, number: u64) -> Option<u64> {
        let is_local = self.destinations.state(number)?.name.kind == Kind::Local;
        let most = self.settings.concurrency_of(is_local);
        if self.open_of(is_local) >= most {
            // Of those to this host, what one may have of another's was adopted.
            let is_idle =
                |connection: &Connection| !connection.is_busy() && connection.destination != number && !connection.is_local && !is_local;
            let idle = self.connections.iter().find(|(_, connection)| is_idle(connection)).map(|(idle, _)| *idle)?;
            self.close(idle);
        }
        if most == 0 || !self.is_there(is_local) {
            return None;
        }
        let (connection, theirs) = match Connection::new(number, is_local, self.generation) {
            Ok(pair) => pair,
            Err(error) => {
                let program = self.line(is_local).program;
                self.book.error(format_args!("unable to make a connection to {program}: {error}"));
                return None;
            }
        };
        let strings = self.destinations.state(number)?.name.strings();
        self.next_connection += 1;
        let tag = self.next_connection;
        let line = if is_local { &mut self.local } else { &mut self.remote };
        if let Err(error) = line.client.as_ref()?.hand_over(tag, &strings, theirs.as_fd()) {
            line.not_handed(&error, &mut self.book);
            return None;
        }
        self.open_local += usize::from(is_local);
        self.connections.insert(self.next_connection, connection);
        self.destinations.state(number)?.open += 1;
        Some(self.next_connection)
    }

    fn is_there(&mut self, is_local: bool) -> bool {
        let line = if is_local { &mut self.local } else { &mut self.remote };
        line.is_there(&mut self.book)
    }

    pub(crate) fn make_idle(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.idle_since = Instant::now();
        let former = connection.destination;
        let destination = self.heir(former);
        if destination != former {
            self.give_to(number, destination);
        }
        if let Some(state) = self.destinations.state(destination) {
            state.idle.push(number);
        }
        self.destinations.give_turn(destination);
    }

    /// Closes a connection; one in need has its turn before the destination that it was to.
    pub(crate) fn close_for_others(&mut self, number: u64) {
        let Some(connection) = self.connections.get(&number) else { return };
        let next = self.next_in_need(connection.is_local).map(|(next, _)| next);
        next.into_iter().for_each(|next| self.destinations.give_turn(next));
        self.close(number);
    }

    pub(crate) fn close(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else { return };
        let destination = connection.destination;
        self.open_local -= usize::from(connection.is_local).min(self.open_local);
        self.destinations.leave(destination, number);
    }

    pub(crate) fn close_idle(&mut self) {
        let over = |connection: &Connection| !connection.is_busy() && connection.idle_since.elapsed() >= IDLE;
        let old: Vec<u64> = self.connections.iter().filter(|(_, connection)| over(connection)).map(|(number, _)| *number).collect();
        old.into_iter().for_each(|number| self.close(number));
    }

    pub(crate) fn close_all_idle(&mut self) {
        let idle: Vec<u64> = self.connections.iter().filter(|(_, connection)| !connection.is_busy()).map(|(number, _)| *number).collect();
        idle.into_iter().for_each(|number| self.close(number));
    }
}
