//! The destinations that mail waits for, and whose turn it is.
//!
//! Each has a queue of work, a pace, and its connections. Destinations take turns, one order each;
//! within one, messages take turns too, so that a list of ten thousand delays nobody by more than
//! one order.

use crate::pace::Pace;
use stafett_queue_store::{Id, Listed};
use stafett_wire::delivery::{Destination, MOST_RECIPIENTS};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long the failures of a destination are remembered for which nothing waits in memory: longer
/// than its longest pause.
const MEMORY: Duration = Duration::from_secs(1200);

/// With less work than this, a destination gets what is parked for it.
const LITTLE_WORK: usize = 250;

/// Recipients of one message for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The message.
    pub id: Id,
    /// The recipients' numbers in its envelope, not empty.
    pub recipients: Vec<usize>,
}

/// One destination.
#[derive(Debug)]
pub struct State {
    /// Where it is.
    pub name: Destination,
    /// How hard it is pushed.
    pub pace: Pace,
    /// Connections that are open.
    pub open: usize,
    /// Open connections that wait for work; the last became idle last.
    pub idle: Vec<u64>,
    /// Left alone until then, and the same in seconds since 1970.
    pub paused: Option<(Instant, u64)>,
    /// The next message may go then, by the rate that the admin has set.
    pub next_slot: Option<Instant>,
    /// Why, in the words of the last report.
    pub last_error: String,
    work: VecDeque<Work>,
    /// Messages that are left on disk until the work above has become little.
    parked: VecDeque<Listed>,
    in_turn: bool,
    /// Nothing has been going on since it was seen to be so; it is forgotten then.
    forget_at: Option<Instant>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Destinations {
    states: HashMap<u64, State>,
    numbers: HashMap<Destination, u64>,
    turns: VecDeque<u64>,
    next: u64,
    /// The ids of all that are parked, so that none is parked twice.
    parked: HashSet<Id>,
}

impl Destinations {
    /// Adds work for a destination, which gets a turn. Returns its number.
    pub fn add(&mut self, destination: Destination, work: Work) -> u64 {
        let number = self.number(destination);
        self.put_back(number, work);
        number
    }

    /// Adds work for a known destination at the end of its queue.
    pub fn put_back(&mut self, number: u64, work: Work) {
        if let Some(state) = self.states.get_mut(&number) {
            state.work.push_back(work);
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
        let mut work = state.work.pop_front()?;
        if work.recipients.len() > MOST_RECIPIENTS {
            let rest = work.recipients.split_off(MOST_RECIPIENTS);
            state.work.push_back(Work { id: work.id, recipients: rest });
        }
        Some(work)
    }

    /// Leaves a message on disk whose only destination has `most` pieces of work already, until there
    /// is little; says whether it did. A destination that is slow must not fill the memory that
    /// others need.
    pub fn park(&mut self, destination: &Destination, message: Listed, most: usize) -> bool {
        let state = self.numbers.get(destination).and_then(|number| self.states.get_mut(number));
        let Some(state) = state.filter(|state| state.work.len() >= most) else { return false };
        if self.parked.insert(message.id) {
            state.parked.push_back(message);
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
        if self.parked.is_empty() {
            return found;
        }
        for state in self.states.values_mut().filter(|state| state.work.len() < LITTLE_WORK) {
            let room = (most - found.len()).min(state.parked.len());
            found.extend(state.parked.drain(..room));
        }
        for listed in &found {
            self.parked.remove(&listed.id);
        }
        found
    }

    /// All that is parked for a destination that is down.
    pub fn unpark_all(&mut self, number: u64) -> Vec<Listed> {
        let parked: Vec<Listed> = self.states.get_mut(&number).map(|state| state.parked.drain(..).collect()).unwrap_or_default();
        for listed in &parked {
            self.parked.remove(&listed.id);
        }
        parked
    }

    /// All work of a destination, which has none then.
    pub fn drain(&mut self, number: u64) -> Vec<Work> {
        self.states.get_mut(&number).map(|state| state.work.drain(..).collect()).unwrap_or_default()
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
    fn forget_the_old(&mut self, now: Instant) {
        let mut old = Vec::new();
        for (number, state) in &mut self.states {
            state.forget_at = if state.is_unused() { state.forget_at.or(Some(now + MEMORY)) } else { None };
            old.extend(Some(*number).filter(|_| state.forget_at.is_some_and(|at| at <= now)));
        }
        old.into_iter().for_each(|number| self.forget(number));
    }

    /// Ends the pauses that are over by `now`, or all; gives those destinations their turn.
    /// Destinations whose failures were long ago are forgotten.
    pub fn end_pauses(&mut self, now: Instant, all: bool) {
        let is_over = |until: Instant| all || until <= now;
        let over =
            |state: &State| state.paused.is_some_and(|(until, _)| is_over(until)) || state.next_slot.is_some_and(|until| until <= now);
        let numbers: Vec<u64> = self.states.iter().filter(|(_, state)| over(state)).map(|(number, _)| *number).collect();
        for number in numbers {
            if let Some(state) = self.states.get_mut(&number) {
                state.paused = state.paused.filter(|(until, _)| !is_over(*until));
                state.next_slot = state.next_slot.filter(|until| *until > now);
            }
            self.give_turn(number);
        }
        self.forget_the_old(now);
    }

    /// All destinations.
    pub fn iter(&self) -> impl Iterator<Item = &State> {
        self.states.values()
    }

    /// Takes the queued work of a message back; says of how many recipients.
    pub fn withdraw(&mut self, id: Id) -> usize {
        let mut recipients = 0;
        for state in self.states.values_mut() {
            state.work.retain(|work| {
                recipients += if work.id == id { work.recipients.len() } else { 0 };
                work.id != id
            });
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

    /// Ends the pause of a destination; says whether there was one.
    pub fn end_pause(&mut self, name: &Destination) -> bool {
        let Some(number) = self.numbers.get(name).copied() else { return false };
        let ended = self.states.get_mut(&number).is_some_and(|state| state.paused.take().is_some());
        self.give_turn(number);
        ended
    }

    /// Ends the pauses of the named destinations, or of all when none is named; says how many.
    pub fn end_pauses_of(&mut self, names: &[String]) -> usize {
        let is_named = |state: &State| {
            let shown = state.name.to_string();
            names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(&shown) || name.eq_ignore_ascii_case(&state.name.name))
        };
        let paused = |state: &State| state.paused.is_some() && is_named(state);
        let numbers: Vec<u64> = self.states.iter().filter(|(_, state)| paused(state)).map(|(number, _)| *number).collect();
        for number in &numbers {
            if let Some(state) = self.states.get_mut(number) {
                state.paused = None;
            }
            self.give_turn(*number);
        }
        numbers.len()
    }

    /// The end of the next pause.
    pub fn next_pause_end(&self) -> Option<Instant> {
        let ends = self.states.values().flat_map(|state| [state.paused.map(|(until, _)| until), state.next_slot]);
        ends.flatten().min()
    }

    /// A destination other than `number` that has an idle connection.
    pub fn idle_elsewhere(&mut self, number: u64) -> Option<u64> {
        self.states
            .iter_mut()
            .find(|(other, state)| **other != number && !state.idle.is_empty())
            .and_then(|(_, state)| state.idle.first().copied())
    }

    fn number(&mut self, destination: Destination) -> u64 {
        if let Some(number) = self.numbers.get(&destination) {
            return *number;
        }
        self.next += 1;
        self.numbers.insert(destination.clone(), self.next);
        let state = State {
            name: destination,
            pace: Pace::default(),
            open: 0,
            idle: Vec::new(),
            paused: None,
            next_slot: None,
            last_error: String::new(),
            work: VecDeque::new(),
            parked: VecDeque::new(),
            in_turn: false,
            forget_at: None,
        };
        self.states.insert(self.next, state);
        self.next
    }
}

impl State {
    /// Recipients that wait for it in memory, and messages that are parked for it.
    pub fn waiting(&self) -> usize {
        self.work.iter().map(|work| work.recipients.len()).sum::<usize>() + self.parked.len()
    }

    fn is_unused(&self) -> bool {
        self.open == 0 && self.work.is_empty() && self.parked.is_empty() && self.paused.is_none() && !self.in_turn
    }

    /// Whether any work waits.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Destinations, MEMORY, Work};
    use stafett_queue_store::{Id, Listed, Place};
    use stafett_wire::delivery::{Destination, Kind};
    use std::time::Instant;

    fn host(name: &str) -> Destination {
        Destination { kind: Kind::Host, name: name.to_owned(), port: 25 }
    }

    #[test]
    fn a_big_list_waits_its_turn_after_each_order() {
        let mut all = Destinations::default();
        all.add(host("a"), Work { id: Id(1), recipients: (0..250).collect() });
        all.add(host("a"), Work { id: Id(2), recipients: vec![0] });
        let number = all.next_turn().unwrap();
        let sizes: Vec<_> = std::iter::from_fn(|| all.take_work(number)).map(|work| (work.id.0, work.recipients.len())).collect();
        assert_eq!(sizes, [(1, 100), (2, 1), (1, 100), (1, 50)]);
    }

    #[test]
    fn failures_are_remembered_for_a_while_and_then_forgotten() {
        let mut all = Destinations::default();
        let number = all.add(host("a"), Work { id: Id(1), recipients: vec![0] });
        all.drain(number);
        assert_eq!(all.next_turn(), Some(number));
        let now = Instant::now();
        let state = all.state(number).unwrap();
        let pause = state.pace.failed(0);
        state.paused = Some((now + pause, 0));
        all.forget_if_unused(number);
        all.end_pauses(now + pause, false);
        assert_eq!(all.states.len(), 1);
        all.end_pauses(now + pause + MEMORY, false);
        assert!(all.states.is_empty() && all.numbers.is_empty());
    }

    #[test]
    fn a_busy_destination_leaves_messages_on_disk_until_little_is_left() {
        let mut all = Destinations::default();
        let listed = |id| Listed { id: Id(id), size: 1, place: Place::Waiting, due: 1 };
        for id in 0..300 {
            assert!(!all.park(&host("a"), listed(id), 300));
            all.add(host("a"), Work { id: Id(id), recipients: vec![0] });
        }
        assert!(all.park(&host("a"), listed(300), 300) && all.park(&host("a"), listed(300), 300));
        assert!(!all.park(&host("b"), listed(301), 300), "another destination has room");
        assert!(all.unpark(10).is_empty() && all.is_parked(Id(300)));
        let number = all.next_turn().unwrap();
        while all.states[&number].work.len() >= super::LITTLE_WORK {
            all.take_work(number);
        }
        let found: Vec<u64> = all.unpark(10).iter().map(|listed| listed.id.0).collect();
        assert_eq!(found, [300], "once, although it was parked twice");
        assert!(!all.is_parked(Id(300)));
    }

    #[test]
    fn destinations_take_turns_and_are_forgotten_when_nothing_is_left() {
        let mut all = Destinations::default();
        for (name, id) in [("a", 1), ("a", 2), ("b", 3)] {
            all.add(host(name), Work { id: Id(id), recipients: vec![0] });
        }
        let mut order = Vec::new();
        while let Some(number) = all.next_turn() {
            order.push(all.take_work(number).unwrap().id.0);
            all.give_turn(number);
            all.forget_if_unused(number);
        }
        assert_eq!(order, [1, 3, 2]);
        assert!(all.states.is_empty() && all.numbers.is_empty());
    }
}
