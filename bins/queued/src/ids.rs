//! Ids that are never used twice, over restarts, crashes and clocks that go back.
//!
//! queue/lastid is a number that no id in use exceeds: while messages come it is kept [`AHEAD`] of
//! the clock, at a clean end it is the last id. A start counts on from it where the clock
//! stands before it.
//! Known limits: it is not synced, since a second sync would cost more than it brings: after a power
//! cut *and* with a clock that went back by more than the cut lost, ids may come again.

use stafett_queue_store::{Id, Ids, Store};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far ahead of the clock the memory is kept, while ids are given.
const AHEAD: Duration = Duration::from_secs(20);
/// The memory is renewed when less than this is left of it; it is looked at every second.
const LEAST: Duration = Duration::from_secs(10);
/// Ids have 16 digits; a memory that is nearer to their end than this was not written by us.
const END: u64 = 9_000_000_000_000_000;

/// The source of ids and its memory.
#[derive(Debug)]
pub struct State {
    ids: Ids,
    path: PathBuf,
    saved: Mutex<Id>,
}

impl State {
    /// Reads the memory.
    ///
    /// # Errors
    /// When it is there and cannot be read, or holds a number that leaves no room for ids. A memory
    /// without a number is a fault of the disk and is replaced.
    pub fn load(store: &Store) -> Result<State, String> {
        let path = store.root().join("lastid");
        let last = match std::fs::read_to_string(&path) {
            Ok(text) => Id::parse(text.trim_end()).unwrap_or(Id(0)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Id(0),
            Err(error) => return Err(format!("unable to read {}: {error}", path.display())),
        };
        if last.0 > END {
            return Err(format!("{}: the id {last} lies too far in the future; set the clock right and remove the file", path.display()));
        }
        Ok(State { ids: Ids::after(last), path, saved: Mutex::new(last) })
    }

    /// The next id.
    pub fn next(&self) -> Id {
        self.ids.next(SystemTime::now())
    }

    /// Writes a number ahead of the ids when the last one given comes near to what was written.
    pub fn reserve(&self) {
        let last = self.ids.last();
        let Ok(mut saved) = self.saved.lock() else { return };
        if last.0.saturating_add(micros(LEAST)) > saved.0 && last != *saved {
            self.write(Id(last.0.max(now()).saturating_add(micros(AHEAD))), &mut saved);
        }
    }

    /// At a clean end: writes the last id itself.
    pub fn settle(&self) {
        let last = self.ids.last();
        let Ok(mut saved) = self.saved.lock() else { return };
        if last != *saved {
            self.write(last, &mut saved);
        }
    }

    fn write(&self, id: Id, saved: &mut Id) {
        let temporary = self.path.with_extension("tmp");
        let written = std::fs::write(&temporary, format!("{id}\n")).and_then(|()| std::fs::rename(&temporary, &self.path));
        match written {
            Ok(()) => *saved = id,
            Err(error) => crate::LOG.warning(format_args!("unable to write {}: {error}", self.path.display())),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros)
}
