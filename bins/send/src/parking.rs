//! Messages that are left on disk because their destination has enough work: one that is slow must not fill the memory that
//! others need.

use crate::destination::State;
use crate::destinations::Destinations;
use stafett_queue_store::{Id, Listed};
use stafett_wire::delivery::Destination;
use std::collections::VecDeque;

impl Destinations {
    /// Leaves a message on disk whose only destination has `most` pieces of work already, until there
    /// is little; says whether it did. A destination that is slow must not fill the memory that
    /// others need.
    pub fn park(&mut self, destination: &Destination, message: Listed, most: usize) -> bool {
        let state = self.numbers.get(destination).and_then(|number| self.states.get_mut(number));
        let Some(state) = state.filter(|state| state.work.len() >= most) else { return false };
        if self.parked.insert(message.id) {
            state.parked.push_back(message.into());
        }
        true
    }

    /// Whether a message is left on disk for its destination.
    pub fn is_parked(&self, id: Id) -> bool {
        self.parked.contains(&id)
    }

    /// Messages to read again, at most `most`, because their destinations have little work left.
    pub fn unpark(&mut self, most: usize) -> Vec<Listed> {
        let mut found = Vec::new();
        while found.len() < most
            && let Some(number) = self.hungry.next()
        {
            if self.states.get(&number).is_some_and(State::is_hungry) {
                found.extend(self.unpark_of(number, most - found.len()));
            }
            if self.states.get(&number).is_some_and(State::is_hungry) {
                self.hungry.join(number);
            }
        }
        found
    }

    /// What is parked for a destination, at most `most`.
    pub fn unpark_of(&mut self, number: u64, most: usize) -> Vec<Listed> {
        let Some(state) = self.states.get_mut(&number) else { return Vec::new() };
        let count = most.min(state.parked.len());
        let found: Vec<Listed> = state.parked.drain(..count).map(Listed::from).collect();
        if state.parked.is_empty() {
            state.parked = VecDeque::new();
        }
        for listed in &found {
            self.parked.remove(&listed.id);
        }
        found
    }
}
