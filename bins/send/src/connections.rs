//! The connection that an order goes out on: one that waits for work, or a new one if the limits allow; and their end.

use crate::connection::{Connection, IDLE};
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

    /// One more connection for a destination.
    pub(crate) fn one_more(&mut self, number: u64) -> Option<u64> {
        self.adopt(number).or_else(|| self.open(number))
    }

    /// A connection to this host that waits for work, of a user who has none for it now. The process behind it is still that
    /// user's, and stays so if the next delivery is for the same.
    fn adopt(&mut self, number: u64) -> Option<u64> {
        if self.open_local <= self.running_local || self.destinations.state(number)?.name.kind != Kind::Local {
            return None;
        }
        let is_free = |connection: &Connection| connection.is_local && !connection.is_busy() && !self.is_wanted(connection);
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

    /// Whose a connection to this host is that has become free: that of the first in line who has none, or fewer by two, or the same
    /// user's as before.
    fn heir(&mut self, former: u64) -> u64 {
        let Some(open) = self.destinations.states.get(&former).filter(|state| state.is_user()).map(|state| state.open) else {
            return former;
        };
        let Some((next, class)) = self.first_in_line(true, Some(open)) else { return former };
        self.local_lines.given(class);
        next
    }

    /// A new connection, if the limit allows and there is somebody to ask for it.
    fn open(&mut self, number: u64) -> Option<u64> {
        let is_local = self.destinations.state(number)?.name.kind == Kind::Local;
        let most = self.settings.concurrency_of(is_local);
        if most == 0 || !self.is_there(is_local) {
            return None;
        }
        if self.open_of(is_local) >= most {
            // Of those to this host, what one may have of another's was adopted.
            let is_idle = |connection: &Connection| !connection.is_busy() && connection.destination != number && !connection.is_local;
            let idle = || self.connections.iter().filter(|(_, connection)| !is_local && is_idle(connection));
            let idle = idle().find(|(_, connection)| !self.is_wanted(connection)).or_else(|| idle().next()).map(|(idle, _)| *idle)?;
            self.close(idle);
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

    pub(crate) fn is_there(&mut self, is_local: bool) -> bool {
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
