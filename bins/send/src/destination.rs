//! One destination: its queue of work, its pace, its connections, and why it is left alone.

use crate::lines::Place;
use crate::pace::Pace;
use crate::waiting::Record;
use crate::work::Queued;
use stafett_wire::delivery::{Destination, Kind, MOST_ORDERS};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// With less work than this, a destination gets what is parked for it.
pub(crate) const LITTLE_WORK: usize = 250;

/// How long mail of a user of this host waits at most for a delivery to the same Maildir: longer than most take.
const TOGETHER: Duration = Duration::from_millis(100);

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
    /// The next message may go then, by the rate that the admin has set, or together with others ([`State::next_group`]).
    pub next_slot: Option<Instant>,
    /// Why, in the words of the last report.
    pub last_error: String,
    /// The admin wants it tried now.
    pub is_hurried: bool,
    /// Mail for it is kept here until it is back (control/holdlifetime).
    pub is_kept: bool,
    /// It takes several messages at once, as far as was heard last.
    pub takes_several: bool,
    /// When it got its last order, since it came or the admin asked for it.
    pub last_order: Option<Instant>,
    /// So many then, at most: fewer after an order that was not carried out whole.
    pub together: usize,
    pub(crate) work: Queued,
    /// Messages that are left on disk until the work above has become little.
    pub(crate) parked: VecDeque<Record>,
    pub(crate) in_turn: bool,
    /// Where it waits for a connection.
    pub(crate) place: Option<Place>,
    /// Nothing has been going on since it was seen to be so; it is forgotten then.
    pub(crate) forget_at: Option<Instant>,
}

impl State {
    /// A destination of which nothing is known.
    pub fn new(name: Destination) -> State {
        State {
            name,
            pace: Pace::default(),
            open: 0,
            idle: Vec::new(),
            paused: None,
            next_slot: None,
            last_error: String::new(),
            is_hurried: false,
            is_kept: false,
            takes_several: false,
            last_order: None,
            together: MOST_ORDERS,
            work: Queued::default(),
            parked: VecDeque::new(),
            in_turn: false,
            place: None,
            forget_at: None,
        }
    }

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
    pub(crate) fn hurry(&mut self) -> bool {
        self.is_hurried = true;
        self.last_order = None;
        self.paused.take().is_some()
    }

    pub(crate) fn is_hungry(&self) -> bool {
        !self.parked.is_empty() && self.work.len() < LITTLE_WORK
    }

    pub(crate) fn is_unused(&self) -> bool {
        self.open == 0 && self.work.is_empty() && self.parked.is_empty() && self.paused.is_none() && !self.in_turn
    }

    /// Whether anything waits, in memory or parked.
    pub fn waits(&self) -> bool {
        !self.work.is_empty() || !self.parked.is_empty()
    }

    /// Whether it has mail that waits for nothing but a connection.
    pub fn wants_a_connection(&self) -> bool {
        self.has_work() && self.paused.is_none() && self.next_slot.is_none()
    }

    /// Until when its messages wait for those that come while others are delivered, to be delivered together; they go as soon as
    /// those are.
    pub(crate) fn next_group(&self, now: Instant) -> Option<Instant> {
        let is_busy = self.open > self.idle.len();
        let until = self.last_order.filter(|_| self.takes_several && is_busy && self.work.len() < self.together)? + TOGETHER;
        Some(until).filter(|until| *until > now)
    }

    /// An order of several messages, or one, was carried out to its end, or so many of its messages were begun.
    pub(crate) fn carried_out(&mut self, begun: usize, is_whole: bool) {
        self.together = if is_whole { (2 * self.together).min(MOST_ORDERS) } else { begun.max(1) };
    }

    /// Whether any work waits.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty()
    }
}
