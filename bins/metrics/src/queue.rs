//! What is in the queue, by names alone: the name of a message's file holds its id, which is its
//! birth, and its size.
//!
//! Known limits: a message that moves while we count is counted twice rather than not at all.

use stafett_queue_store::{Id, Place, Store};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Up to so many waiting messages, their files are asked when they are due, which takes four times as long.
const MOST_ASKED: u64 = 200_000;

/// The ages that are told apart: a name, and the seconds up to which it counts.
pub const AGES: [(&str, u64); 7] =
    [("to_1m", 60), ("to_5m", 300), ("to_1h", 3600), ("to_6h", 21_600), ("to_1d", 86_400), ("to_4d", 345_600), ("older", u64::MAX)];

/// The messages of one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How many.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of each of [`AGES`].
    pub ages: [u64; AGES.len()],
    /// The birth of the oldest, seconds since 1970.
    pub oldest: Option<u64>,
}

/// The queue at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Accepted, not yet tried.
    pub new: State,
    /// Waiting for another attempt.
    pub waiting: State,
    /// Held by the admin.
    pub held: State,
    /// Files that were set aside.
    pub damaged: u64,
    /// Files whose names are no message's.
    pub odd: u64,
    /// Waiting messages whose time has come; not asked of very many.
    pub due: Option<u64>,
    /// Bytes that can still be written to the file system.
    pub free: u64,
    /// Seconds since 1970.
    pub seen: u64,
}

impl Queue {
    /// Looks. `before` tells how many messages there were the last time.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn look(store: &Store, before: Option<&Queue>) -> io::Result<Queue> {
        let now = now();
        let mut odd = 0;
        // In the order in which messages move.
        let new = by_names(store, Place::New, now, &mut odd)?;
        let ask = before.map_or_else(|| store.count(Place::Waiting).map(|counted| counted.messages), |queue| Ok(queue.waiting.messages))?
            <= MOST_ASKED;
        let (waiting, due) = if ask { by_times(store, now, &mut odd)? } else { (by_names(store, Place::Waiting, now, &mut odd)?, None) };
        let held = by_names(store, Place::Held, now, &mut odd)?;
        let damaged = store.damaged()?.len() as u64;
        Ok(Queue { new, waiting, held, damaged, odd, due, free: store.free()?.0, seen: now })
    }

    /// The states that have messages, with their names.
    pub fn states(&self) -> [(&'static str, &State); 3] {
        [("new", &self.new), ("waiting", &self.waiting), ("held", &self.held)]
    }
}

impl State {
    fn add(&mut self, id: Id, size: u64, now: u64) {
        let birth = id.birth_seconds();
        let age = now.saturating_sub(birth);
        self.messages += 1;
        self.bytes += size;
        self.oldest = Some(self.oldest.map_or(birth, |oldest| oldest.min(birth)));
        if let Some(((_, _), count)) = AGES.iter().zip(&mut self.ages).find(|((_, most), _)| age <= *most) {
            *count += 1;
        }
    }
}

fn by_names(store: &Store, place: Place, now: u64, odd: &mut u64) -> io::Result<State> {
    let mut state = State::default();
    store.names(place, &mut |id, size| state.add(id, size, now), &mut |_| *odd += 1)?;
    Ok(state)
}

fn by_times(store: &Store, now: u64, odd: &mut u64) -> io::Result<(State, Option<u64>)> {
    let (mut state, mut due) = (State::default(), 0);
    let mut found = |listed: stafett_queue_store::Listed| {
        state.add(listed.id, listed.size, now);
        due += u64::from(listed.due <= now);
    };
    store.list(Place::Waiting, &mut found, &mut |_| *odd += 1)?;
    Ok((state, Some(due)))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
