//! The destinations that mail waits for, and whose turn it is.
//!
//! Each has a queue of work, a pace, and its connections. Destinations take turns, one order each;
//! within one, messages take turns too, so that a list of ten thousand delays nobody by more than
//! one order.

use crate::line::Line;
use crate::mark::Mark;
use crate::pace::Pace;
use crate::users::Users;
use crate::waiting::Record;
use crate::work::{Queued, Work};
use stafett_queue_store::{Id, Listed};
use stafett_wire::delivery::{Destination, Kind, LOCAL, MOST_RECIPIENTS};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long the failures of a destination are remembered for which nothing waits in memory: longer
/// than its longest pause.
pub(crate) const MEMORY: Duration = Duration::from_secs(1200);
/// How often is looked for those that can be forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Why a user is left alone whom nobody has looked up.
const NO_USERS: &str = "The users of this host cannot be looked up now. (#4.3.0)";

/// With less work than this, a destination gets what is parked for it.
pub(crate) const LITTLE_WORK: usize = 250;

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
    /// The admin wants it tried now.
    pub is_hurried: bool,
    /// Mail for it is kept here until it is back (control/holdlifetime).
    pub is_kept: bool,
    pub(crate) work: Queued,
    /// Messages that are left on disk until the work above has become little.
    parked: VecDeque<Record>,
    in_turn: bool,
    /// Nothing has been going on since it was seen to be so; it is forgotten then.
    forget_at: Option<Instant>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Destinations {
    pub(crate) states: HashMap<u64, State>,
    pub(crate) numbers: HashMap<Destination, u64>,
    pub(crate) users: Users,
    turns: VecDeque<u64>,
    next: u64,
    /// The ids of all that are parked, so that none is parked twice.
    parked: HashSet<Id>,
    /// Those with little work left of which messages are parked.
    hungry: Line,
    /// When pauses end and next messages may go; some of that may have changed since.
    ends: BinaryHeap<Reverse<(Instant, u64)>>,
    next_sweep: Option<Instant>,
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
    fn forget_the_old(&mut self, now: Instant) {
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
            let all_users = |name: &str| state.name.kind == Kind::Local && name == LOCAL;
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

    /// The end of the next pause, or the next moment to look for it.
    pub fn next_pause_end(&self) -> Option<Instant> {
        let first = self.ends.peek().map(|Reverse((at, _))| *at);
        first.into_iter().chain(self.users.pause_end()).min()
    }

    fn number(&mut self, destination: &Destination) -> u64 {
        if let Some(number) = self.numbers.get(destination) {
            return *number;
        }
        self.next += 1;
        self.numbers.insert(destination.clone(), self.next);
        let state = State {
            name: destination.clone(),
            pace: Pace::default(),
            open: 0,
            idle: Vec::new(),
            paused: None,
            next_slot: None,
            last_error: String::new(),
            is_hurried: false,
            is_kept: false,
            work: Queued::default(),
            parked: VecDeque::new(),
            in_turn: false,
            forget_at: None,
        };
        let is_user = state.is_user();
        self.states.insert(self.next, state);
        if is_user {
            self.pause_user(self.next);
        }
        self.next
    }
}

impl State {
    /// Recipients that wait for it in memory, and messages that are parked for it.
    pub fn waiting(&self) -> usize {
        self.work.iter().map(|work| work.recipients.len()).sum::<usize>() + self.parked.len()
    }

    /// Connections that may be open at once, at most `most`. This host needs not be tried out.
    pub fn window(&self, most: usize) -> usize {
        if self.is_user() && self.pace.is_sound() { most } else { self.pace.window(most) }
    }

    /// Whether it is a user of this host.
    pub fn is_user(&self) -> bool {
        self.name.kind == Kind::Local
    }

    /// Whether it has but messages that were tried before, and nobody asked for it.
    pub fn is_retry(&self) -> bool {
        !self.work.has_fresh() && !self.is_hurried
    }

    /// Ends its pause, and lets it not wait behind others that are tried again. Says whether there was a pause.
    fn hurry(&mut self) -> bool {
        self.is_hurried = true;
        self.paused.take().is_some()
    }

    fn is_hungry(&self) -> bool {
        !self.parked.is_empty() && self.work.len() < LITTLE_WORK
    }

    fn is_unused(&self) -> bool {
        self.open == 0 && self.work.is_empty() && self.parked.is_empty() && self.paused.is_none() && !self.in_turn
    }

    /// Whether anything waits, in memory or parked.
    pub fn waits(&self) -> bool {
        !self.work.is_empty() || !self.parked.is_empty()
    }

    /// Whether any work waits.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty()
    }
}
