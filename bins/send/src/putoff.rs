//! What waits for a destination that is down goes back to the disk, a little in each turn of the loop: there may be
//! hundreds of thousands of messages.

use crate::clock::is_too_old;
use crate::message::event;
use crate::outcome::TOO_OLD;
use crate::pace::{LONGEST_PAUSE, is_short};
use crate::scheduler::{Scheduler, TURN, now};
use crate::work::Work;
use stafett_wire::Verdict;
use std::time::Instant;

/// What is parked goes back into the line in pieces of so many messages.
const UNPARK: usize = 100;

impl Scheduler {
    /// If the destination is down for longer than messages may wait in memory, they wait on disk.
    pub(crate) fn put_off_if_down(&mut self, number: u64) {
        if self.is_down(number) {
            self.putting_off.join(number);
        }
    }

    fn is_down(&mut self, number: u64) -> bool {
        let paused = self.destinations.state(number).and_then(|state| state.paused);
        paused.is_some_and(|(until, _)| !is_short(until.saturating_duration_since(Instant::now())))
    }

    /// Lets what waits for destinations that are down wait on disk instead, as long as a turn of the loop may take.
    pub fn put_off_some(&mut self) {
        let begun = Instant::now();
        while let Some(number) = self.putting_off.next() {
            if !self.is_down(number) {
                continue;
            }
            for parked in self.destinations.unpark_of(number, UNPARK) {
                self.put_in_line(parked);
            }
            if let Some(work) = self.destinations.take_back(number) {
                self.put_off(number, work);
            }
            if self.destinations.state(number).is_some_and(|state| state.waits()) {
                self.putting_off.join(number);
            }
            if begun.elapsed() >= TURN {
                return;
            }
        }
    }

    fn put_off(&mut self, number: u64, work: Work) {
        let (Some(state), Some(message)) = (self.destinations.state(number), self.messages.get_mut(&work.id)) else { return };
        let until = state.paused.map_or(0, |(_, until)| until);
        let text = format!("Not tried, because {} could not be reached: {}", state.name, state.last_error);
        // The pause may be older than the step of the clock that made a message too old.
        let may_fail = now() >= self.ahead_at.saturating_add(LONGEST_PAUSE.as_secs());
        for index in &work.recipients {
            let expired = may_fail && is_too_old(message, *index, &self.settings, self.ahead_at, now());
            let text = if expired { format!("{text}\n{TOO_OLD}") } else { text.clone() };
            message.note(*index, event(Verdict::Temporary, expired), &text, now());
            if !expired {
                message.not_before = message.not_before.max(until);
            }
        }
        message.is_cut_off = true;
        message.open = message.open.saturating_sub(work.recipients.len());
        self.finish_if_idle(work.id);
    }
}
