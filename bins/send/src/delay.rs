//! Telling senders that a recipient still waits (control/delaynotice, RFC 3461 NOTIFY=DELAY).
//!
//! Once for each recipient: the journal says so before the notice is asked for, because a notice that is lost is better
//! than one that comes twice. What queued refused is taken back, and the next attempt that fails tells.

use crate::bounce;
use crate::message::Message;
use crate::scheduler::Scheduler;
use stafett_envelope::Recipient;
use stafett_queue_store::Id;
use stafett_queue_store::journal::Event;

/// Said in the journal until the notice has an id.
const ASKED: &str = "asked";
/// Dates of reports lie before the year 10000.
const END_OF_DATES: u64 = 253_402_300_800;

/// The recipients of whose delay the sender is to be told at `now`, when that is done `after` so many seconds.
pub(crate) fn late(message: &Message, after: Option<u64>, now: u64) -> Vec<usize> {
    let sender = message.envelope.sender.as_str();
    let is_late = after.is_some_and(|after| now.saturating_sub(message.id.birth_seconds()) >= after);
    if !is_late || sender.is_empty() || sender == bounce::DOUBLE {
        return Vec::new();
    }
    let is_to_be_told = |index: &usize| {
        let waits = message.standings.get(*index).is_some_and(|standing| standing.event == Some(Event::Deferred) && !standing.warned);
        waits && message.envelope.recipients.get(*index).is_some_and(Recipient::notify_delay)
    };
    message.waiting().filter(is_to_be_told).collect()
}

impl Scheduler {
    /// Notes that the sender is being told of these.
    pub(crate) fn begin_warning(&mut self, id: Id, late: &[usize], now: u64) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        late.iter().for_each(|index| message.note_warned(*index, ASKED, now));
        message.warning = late.to_vec();
    }

    /// Notes what became of that: the id of the notice, or nothing when it could not be queued.
    pub(crate) fn end_warning(&mut self, id: Id, notice: &str, now: u64) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        for index in std::mem::take(&mut message.warning) {
            message.note_warned(index, notice, now);
        }
    }

    /// Until when a recipient is tried, if a report can say that.
    pub(crate) fn retried_until(&self, message: &Message, index: usize, now: u64) -> Option<u64> {
        Some(self.life_end(message, index)).filter(|end| *end > now && *end < END_OF_DATES)
    }
}
