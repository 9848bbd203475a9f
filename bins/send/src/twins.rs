//! One id in two places: a restored copy beside the message itself. Which one counts is the queue's rule
//! ([`stafett_queue_store::Store::only_place`]); here is when it is asked.

use crate::scheduler::{Scheduler, now};
use crate::waiting::WOKEN;
use stafett_queue_store::{Dropped, Id, Listed, Place};

impl Scheduler {
    /// The one of all copies of this message that is to be read now; `None` when that is to wait.
    pub(crate) fn only_one(&mut self, listed: Listed) -> Option<Listed> {
        let (best, dropped) = self.store.only_place(listed);
        self.tell_dropped(dropped);
        self.go_on_with(listed, best)
    }

    /// The one of all copies of a message that the admin speaks of, wherever it lies.
    pub(crate) fn only_one_anywhere(&mut self, listed: Listed) -> Option<Listed> {
        let Listed { id, size, .. } = listed;
        if let Some(message) = self.messages.get(&id) {
            let active = Listed { place: message.place, ..listed };
            let dropped = self.store.drop_others(active);
            self.tell_dropped(dropped);
            return Some(listed);
        }
        let (best, dropped) = self.store.only_place(listed);
        self.tell_dropped(dropped);
        if best == listed.place { Some(listed) } else { self.store.find(id, size).ok().flatten() }
    }

    /// A copy in queue/new of a message that is being worked on: that one goes on.
    pub(crate) fn drop_copy_of_active(&mut self, id: Id, size: u64) {
        let Some(place) = self.messages.get(&id).map(|message| message.place).filter(|place| *place != Place::New) else { return };
        let dropped = self.store.drop_others(Listed { id, size, place, due: 0 });
        self.tell_dropped(dropped);
    }

    fn go_on_with(&mut self, listed: Listed, best: Place) -> Option<Listed> {
        if best == listed.place {
            return Some(listed);
        }
        let found = self.store.find(listed.id, listed.size).ok().flatten()?;
        let is_due = found.due <= now() || listed.due <= WOKEN.into() && listed.place == Place::Waiting;
        match best {
            Place::Held => None,
            Place::Waiting if !is_due => {
                self.put_in_line(found);
                None
            }
            _ => Some(found),
        }
    }

    fn tell_dropped(&mut self, dropped: Vec<Dropped>) {
        for one in dropped {
            if one.outcome.is_ok() {
                self.touch(one.place, one.id);
            }
            self.book.error(&one);
        }
    }
}
