//! The messages that are being worked on, bounded by their number and by the bytes that they take.

use crate::message::Message;
use stafett_queue_store::Id;
use std::collections::HashMap;
use std::ops::Deref;

/// Messages are read from disk while fewer than this are in memory.
const ENOUGH_MESSAGES: usize = 8_000;
/// And while they take less than this, in bytes.
const ENOUGH_BYTES: usize = 24 * 1024 * 1024;
/// Messages in memory at most, when queued tells of one more; the others stay in queue/new until there is room.
const MOST_MESSAGES: usize = 16_000;
/// Bytes that they take at most; the last one may go beyond, so that one of any size has its turn.
const MOST_BYTES: usize = 36 * 1024 * 1024;

/// The messages that are being worked on.
#[derive(Debug, Default)]
pub struct Messages {
    all: HashMap<Id, Message>,
    bytes: usize,
}

impl Messages {
    /// Adds a message.
    pub fn insert(&mut self, id: Id, message: Message) {
        self.bytes += message.weight;
        if let Some(former) = self.all.insert(id, message) {
            self.bytes = self.bytes.saturating_sub(former.weight);
        }
    }

    /// Takes a message out.
    pub fn remove(&mut self, id: &Id) -> Option<Message> {
        let message = self.all.remove(id)?;
        self.bytes = self.bytes.saturating_sub(message.weight);
        Some(message)
    }

    /// A message, to be changed.
    pub fn get_mut(&mut self, id: &Id) -> Option<&mut Message> {
        self.all.get_mut(id)
    }

    /// Whether more may be read from disk.
    pub fn are_few(&self) -> bool {
        self.all.len() < ENOUGH_MESSAGES && self.bytes < ENOUGH_BYTES
    }

    /// Whether one more may come of which queued tells.
    pub fn have_room(&self) -> bool {
        self.all.len() < MOST_MESSAGES && self.bytes < MOST_BYTES
    }
}

impl Deref for Messages {
    type Target = HashMap<Id, Message>;

    fn deref(&self) -> &HashMap<Id, Message> {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::{ENOUGH_BYTES, Messages};
    use crate::message::Message;
    use stafett_envelope::{Envelope, Recipient};
    use stafett_queue_store::journal::Standing;
    use stafett_queue_store::{Id, Place};

    fn big(id: Id) -> Message {
        let recipients: Vec<Recipient> = (0..10_000).map(|number| Recipient::new(format!("{number}@example.net"))).collect();
        let standings = vec![Standing::default(); recipients.len()];
        Message::new(id, 1, Place::New, Envelope { recipients, ..Envelope::default() }, standings)
    }

    #[test]
    fn a_few_messages_with_very_many_recipients_fill_the_memory() {
        let mut messages = Messages::default();
        let ids: Vec<Id> = (1..)
            .map(Id)
            .take_while(|id| {
                messages.are_few() && {
                    messages.insert(*id, big(*id));
                    true
                }
            })
            .collect();
        assert!((5..30).contains(&ids.len()), "{}", ids.len());
        assert!(messages.bytes < ENOUGH_BYTES + messages.bytes / ids.len() && messages.have_room());
        ids.iter().for_each(|id| drop(messages.remove(id)));
        assert_eq!((messages.bytes, messages.len()), (0, 0));
    }
}
