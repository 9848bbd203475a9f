//! When destinations are left alone, and when that ends: by the time, by the admin, or because one is back.

use crate::destination::State;
use crate::destinations::Destinations;
use crate::mark::Mark;
use stafett_wire::delivery::{Destination, LOCAL};
use std::cmp::Reverse;
use std::time::Instant;

/// Why a user is left alone whom nobody has looked up.
const NO_USERS: &str = "The users of this host cannot be looked up now. (#4.3.0)";

impl Destinations {
    /// Leaves a destination alone until then, which is `seconds` since 1970.
    pub fn pause(&mut self, number: u64, until: Instant, seconds: u64) {
        if let Some(state) = self.states.get_mut(&number) {
            state.paused = Some((until, seconds));
            self.ends.push(Reverse((until, number)));
        }
    }

    /// Leaves all those users of this host alone who cannot be looked up, until then; returns their numbers.
    pub fn pause_users(&mut self) -> Vec<u64> {
        let is_meant = |state: &State| state.is_user() && self.users.leave_alone(Mark::of(&state.name));
        let numbers: Vec<u64> = self.states.iter().filter(|(_, state)| is_meant(state)).map(|(number, _)| *number).collect();
        numbers.iter().for_each(|number| self.pause_user(*number));
        numbers
    }

    /// The same for one of them.
    pub fn pause_user(&mut self, number: u64) {
        let Some(state) = self.states.get_mut(&number) else { return };
        let Some((until, seconds)) = self.users.pause_of(Mark::of(&state.name)) else { return };
        if state.last_error.is_empty() {
            NO_USERS.clone_into(&mut state.last_error);
        }
        self.pause(number, until, seconds);
    }

    /// Whether anything is at hand for users of this host who cannot be looked up.
    pub fn has_work_for_lost_users(&self) -> bool {
        self.states.values().any(|state| state.is_user() && state.waits() && self.users.leave_alone(Mark::of(&state.name)))
    }

    /// The users of this host.
    pub fn user_numbers(&self) -> Vec<u64> {
        self.states.iter().filter(|(_, state)| state.is_user()).map(|(number, _)| *number).collect()
    }

    /// Lets the next message of a destination go then, or at any time.
    pub fn set_next_slot(&mut self, number: u64, at: Option<Instant>) {
        if let Some(state) = self.states.get_mut(&number) {
            state.next_slot = at;
            self.ends.extend(at.map(|at| Reverse((at, number))));
        }
    }

    /// A destination took a message: it is left alone no more.
    pub fn is_back(&mut self, number: u64) {
        if let Some(state) = self.states.get_mut(&number) {
            state.paused = None;
        }
        self.give_turn(number);
    }

    /// Ends the pause of a destination, which is wanted now; says whether there was one.
    pub fn end_pause(&mut self, name: &Destination) -> bool {
        let number = self.number(name);
        let ended = self.states.get_mut(&number).is_some_and(State::hurry);
        self.give_turn(number);
        ended
    }

    /// Lets a destination be tried now if it is known; says how many messages are at hand for it.
    pub fn hurry_known(&mut self, name: &Destination) -> usize {
        let Some(number) = self.numbers.get(name).copied() else { return 0 };
        let Some(state) = self.states.get_mut(&number) else { return 0 };
        state.hurry();
        let messages = state.work.len() + state.parked.len();
        self.give_turn(number);
        messages
    }

    /// Ends the pauses of the named destinations, or of all when none is named; says how many.
    pub fn end_pauses_of(&mut self, names: &[String]) -> usize {
        let is_named = |state: &State| {
            let shown = state.name.to_string();
            let all_users = |name: &str| state.is_user() && name == LOCAL;
            let is_named =
                |name: &String| [&shown, &state.name.name].into_iter().any(|known| name.eq_ignore_ascii_case(known)) || all_users(name);
            names.is_empty() || names.iter().any(is_named)
        };
        if names.is_empty() || names.iter().any(|name| name == LOCAL) {
            self.users.end_pause();
        }
        let paused = |state: &State| state.paused.is_some() && is_named(state);
        let numbers: Vec<u64> = self.states.iter().filter(|(_, state)| paused(state)).map(|(number, _)| *number).collect();
        for number in &numbers {
            self.states.get_mut(number).map(State::hurry);
            self.give_turn(*number);
        }
        numbers.len()
    }

    /// Ends the pauses that are over by `now`, or all; gives those destinations their turn.
    /// Destinations whose failures were long ago are forgotten.
    /// Returns those whose pause is over and for which nothing is at hand to try it with.
    pub fn end_pauses(&mut self, now: Instant, all: bool) -> Vec<u64> {
        let mut over = Vec::new();
        if all {
            self.users.end_pause();
            over.extend(self.states.iter().filter(|(_, state)| state.paused.is_some()).map(|(number, _)| *number));
        }
        while self.ends.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            over.extend(self.ends.pop().map(|Reverse((_, number))| number));
        }
        for number in &over {
            if let Some(state) = self.states.get_mut(number) {
                state.paused = state.paused.filter(|(until, _)| !all && *until > now);
                state.next_slot = state.next_slot.filter(|until| *until > now);
            }
            self.give_turn(*number);
        }
        over.retain(|number| {
            self.states.get(number).is_some_and(|state| state.paused.is_none() && state.pace.is_failing() && !state.waits())
        });
        self.forget_the_old(now);
        over
    }

    /// The end of the next pause, or the next moment to look for it.
    pub fn next_pause_end(&self) -> Option<Instant> {
        let first = self.ends.peek().map(|Reverse((at, _))| *at);
        first.into_iter().chain(self.users.pause_end()).min()
    }
}
