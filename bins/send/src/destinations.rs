//! The destinations that mail waits for, and whose turn it is.
//!
//! Each has a queue of work, a pace, and its connections. Destinations take turns, one order each;
//! within one, messages take turns too, so that a list of ten thousand delays nobody by more than
//! one order.

use crate::destination::State;
use crate::line::Line;
use crate::users::Users;
use crate::work::Work;
use stafett_queue_store::Id;
use stafett_wire::delivery::{Destination, MOST_RECIPIENTS};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long the failures of a destination are remembered for which nothing waits in memory: longer
/// than its longest pause.
pub(crate) const MEMORY: Duration = Duration::from_secs(1200);
/// How often is looked for those that can be forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// All of them.
#[derive(Debug, Default)]
pub struct Destinations {
    pub(crate) states: HashMap<u64, State>,
    pub(crate) numbers: HashMap<Destination, u64>,
    pub(crate) users: Users,
    turns: VecDeque<u64>,
    next: u64,
    /// The ids of all that are parked, so that none is parked twice.
    pub(crate) parked: HashSet<Id>,
    /// Those with little work left of which messages are parked.
    pub(crate) hungry: Line,
    /// When pauses end and next messages may go; some of that may have changed since.
    pub(crate) ends: BinaryHeap<Reverse<(Instant, u64)>>,
    pub(crate) next_sweep: Option<Instant>,
}

impl Destinations {
    /// Adds work for a destination, which gets a turn. Returns its number.
    pub fn add(&mut self, destination: Destination, work: Work) -> u64 {
        let number = self.number(&destination);
        self.put_back(number, work);
        number
    }

    /// Adds work for a known destination at the end of its queue.
    pub fn put_back(&mut self, number: u64, work: Work) {
        if let Some(state) = self.states.get_mut(&number) {
            state.work.push(work);
        }
        self.give_turn(number);
    }

    /// The destination of that number.
    pub fn state(&mut self, number: u64) -> Option<&mut State> {
        self.states.get_mut(&number)
    }

    /// Puts a destination into the round if it has work and is not in it.
    pub fn give_turn(&mut self, number: u64) {
        if let Some(state) = self.states.get_mut(&number)
            && !state.work.is_empty()
            && !std::mem::replace(&mut state.in_turn, true)
        {
            self.turns.push_back(number);
        }
    }

    /// Puts all that have work into the round.
    pub fn give_turns(&mut self) {
        let numbers: Vec<u64> = self.states.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.give_turn(number));
    }

    /// How many destinations are in the round.
    pub fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The destination whose turn it is; it leaves the round.
    pub fn next_turn(&mut self) -> Option<u64> {
        let number = self.turns.pop_front()?;
        if let Some(state) = self.states.get_mut(&number) {
            state.in_turn = false;
        }
        Some(number)
    }

    /// One order's worth of work; what is left of that message goes to the end of the queue.
    pub fn take_work(&mut self, number: u64) -> Option<Work> {
        let state = self.states.get_mut(&number)?;
        let mut work = state.work.take()?;
        if work.recipients.len() > MOST_RECIPIENTS {
            let rest = work.recipients.split_off(MOST_RECIPIENTS);
            state.work.push(Work { recipients: rest, ..work });
        }
        if state.is_hungry() {
            self.hungry.join(number);
        }
        Some(work)
    }

    /// One piece of the work of a destination that is left alone.
    pub fn take_back(&mut self, number: u64) -> Option<Work> {
        let state = self.states.get_mut(&number)?;
        let work = state.work.take();
        if state.is_hungry() {
            self.hungry.join(number);
        }
        work
    }

    /// One of its connections is gone, or another's now.
    pub fn leave(&mut self, number: u64, connection: u64) {
        if let Some(state) = self.states.get_mut(&number) {
            state.open = state.open.saturating_sub(1);
            state.idle.retain(|idle| *idle != connection);
        }
        self.give_turn(number);
        self.forget_if_unused(number);
    }

    /// Forgets a destination of which nothing is left to know.
    pub fn forget_if_unused(&mut self, number: u64) {
        let Some(state) = self.states.get(&number) else { return };
        if state.is_unused() && !state.pace.is_failing() {
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u64) {
        if let Some(state) = self.states.remove(&number) {
            self.numbers.remove(&state.name);
        }
    }

    /// Forgets those for which nothing has been going on for so long that their failures are history.
    /// Whoever sends mail to a thousand dead domains a minute must not fill the memory.
    pub(crate) fn forget_the_old(&mut self, now: Instant) {
        if self.next_sweep.is_some_and(|at| now < at) {
            return;
        }
        self.next_sweep = Some(now + SWEEP_EVERY);
        let mut old = Vec::new();
        for (number, state) in &mut self.states {
            state.forget_at = if state.is_unused() { state.forget_at.or(Some(now + MEMORY)) } else { None };
            old.extend(Some(*number).filter(|_| state.forget_at.is_some_and(|at| at <= now)));
        }
        old.into_iter().for_each(|number| self.forget(number));
        self.users.forget_the_old(now);
    }

    /// All destinations.
    pub fn iter(&self) -> impl Iterator<Item = &State> {
        self.states.values()
    }

    /// Takes the queued work of a message back; says of how many recipients.
    pub fn withdraw(&mut self, id: Id) -> usize {
        let mut recipients = 0;
        for (number, state) in &mut self.states {
            recipients += state.work.withdraw(id);
            if state.is_hungry() {
                self.hungry.join(*number);
            }
        }
        recipients
    }

    /// The recipients of a message that are queued, each with its destination.
    pub fn holding(&self, id: Id) -> impl Iterator<Item = (usize, &State)> {
        let of_message = move |work: &&Work| work.id == id;
        self.states.values().flat_map(move |state| {
            let work = state.work.iter().filter(of_message);
            work.flat_map(move |work| work.recipients.iter().map(move |index| (*index, state)))
        })
    }

    /// Mail for a destination is kept here until it is back.
    pub fn keep(&mut self, name: &Destination) {
        let state = self.numbers.get(name).and_then(|number| self.states.get_mut(number));
        state.into_iter().for_each(|state| state.is_kept = true);
    }

    pub(crate) fn number(&mut self, destination: &Destination) -> u64 {
        if let Some(number) = self.numbers.get(destination) {
            return *number;
        }
        self.next += 1;
        self.numbers.insert(destination.clone(), self.next);
        let state = State::new(destination.clone());
        let is_user = state.is_user();
        self.states.insert(self.next, state);
        if is_user {
            self.pause_user(self.next);
        }
        self.next
    }
}
