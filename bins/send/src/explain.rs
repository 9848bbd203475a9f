//! What the admin's programs show: why each recipient waits, what is known of destinations, and numbers.

use crate::delivery_line::channel;
use crate::destination::State;
use crate::lines::Class;
use crate::scheduler::Scheduler;
use stafett_queue_store::{Listed, Place};

impl Scheduler {
    /// Lines for each recipient that waits: id, number, and a word with its reason.
    pub(crate) fn why(&self, listed: Listed) -> Vec<String> {
        let id = listed.id;
        let Some(message) = self.messages.get(&id) else {
            return vec![match listed.place {
                _ if self.held.contains_key(&id) => format!("{id} * hold: control/holddomains names its domain"),
                Place::Held => format!("{id} * held by the admin"),
                _ if self.destinations.is_parked(id) => format!("{id} * window: its destination has enough work for now"),
                Place::New => format!("{id} * fresh, to be read when memory has room"),
                Place::Waiting => format!("{id} * backoff: waits for its own next attempt"),
            }];
        };
        if let Some(wish) = message.wish {
            return vec![format!("{id} * {wish} when its running delivery ends")];
        }
        let queued: Vec<(usize, &State)> = self.destinations.holding(id).collect();
        message.waiting().map(|index| format!("{id} {index} {}", self.reason(&queued, index))).collect()
    }

    fn reason(&self, queued: &[(usize, &State)], index: usize) -> String {
        let Some((_, state)) = queued.iter().find(|(number, _)| *number == index) else {
            return "running: it is being delivered".to_owned();
        };
        let is_local = state.is_user();
        let channel = channel(is_local);
        match &state.paused {
            Some((_, until)) => format!("down until {until}: {} could not be reached: {}", state.name, state.last_error),
            None if self.settings.holds(is_local) => format!("hold: control/hold{channel} is 1"),
            None if state.next_slot.is_some() && is_local => {
                format!("limit: what is being delivered to user {} goes first", state.name.name)
            }
            None if state.next_slot.is_some() => format!("rate: control/concurrencydest bounds the messages a minute to {}", state.name),
            None if self.settings.concurrency_of(is_local) == 0 => format!("hold: control/concurrency{channel} is 0"),
            None if !self.line(is_local).is_connected() => format!("{channel}: stafett-{channel} is not there"),
            None if self.open_of(is_local) >= self.settings.concurrency_of(is_local) => {
                format!("limit: control/concurrency{channel} is reached")
            }
            None if self.class(state) == Class::Try && !self.has_room(true, Class::Try) => {
                "limit: some users of this host cannot be looked up, and others are tried one at a time".to_owned()
            }
            None => self.no_window(state, is_local),
        }
    }

    /// The destination has all the connections that it may have now.
    fn no_window(&self, state: &State, is_local: bool) -> String {
        let (open, window) = (state.open, state.window(self.settings.limits_of(&state.name).connections));
        if is_local {
            return format!("limit: {open} of {window} deliveries to user {} run (control/concurrencyuser)", state.name.name);
        }
        format!("window: {open} of {window} connections to {} are busy", state.name)
    }

    pub(crate) fn describe(&self, state: &State) -> String {
        let until = state.paused.map_or(0, |(_, until)| until);
        let window = state.window(self.settings.limits_of(&state.name).connections);
        let error = state.last_error.replace(|c: char| c.is_control(), "/");
        let (waiting, running) = (state.waiting(), state.open - state.idle.len().min(state.open));
        format!("{} waiting {waiting} running {running} open {} window {window} until {until} error {error}", state.name, state.open)
    }

    pub(crate) fn counts(&self) -> Vec<String> {
        let lines = [
            ("messages", self.messages.len()),
            ("running", self.running),
            ("connections", self.connections.len()),
            ("concurrency", self.settings.concurrency),
            ("destinations", self.destinations.iter().count()),
            ("destinations_down", self.destinations.iter().filter(|state| state.paused.is_some()).count()),
        ];
        let totals = self.book.totals();
        let totals = [
            ("deliveries", totals.successes),
            ("deferrals", totals.deferrals),
            ("failures", totals.failures),
            ("messages_ended", totals.ended),
        ];
        let now: Vec<String> = lines.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let since_start: Vec<String> = totals.iter().map(|(name, value)| format!("{name}_total {value}")).collect();
        [now, since_start].concat()
    }
}
