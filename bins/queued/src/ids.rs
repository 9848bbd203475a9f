//! Ids that are never used twice, over restarts and clocks that go back.
//!
//! queue/lastid remembers the last id every [`EVERY`] and at the end. A start at which the clock
//! stands before that id counts on from it, past all that may have been given since.

use stafett_queue_store::{Id, Ids, Store};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the last id is written down, while ids are given.
const EVERY: Duration = Duration::from_secs(10);

/// The source of ids and its memory.
#[derive(Debug)]
pub struct State {
    ids: Ids,
    path: PathBuf,
    saved: Mutex<(Id, Instant)>,
}

impl State {
    /// Reads the memory.
    ///
    /// # Errors
    /// When it is there and cannot be read. A memory without a number is a fault of the disk and
    /// is replaced.
    pub fn load(store: &Store) -> Result<State, String> {
        let path = store.root().join("lastid");
        let last = match std::fs::read_to_string(&path) {
            Ok(text) => Id::parse(text.trim_end()).unwrap_or(Id(0)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Id(0),
            Err(error) => return Err(format!("unable to read {}: {error}", path.display())),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let margin = u64::try_from(EVERY.as_micros()).unwrap_or(0);
        let floor = if u128::from(last.0) > now { Id(last.0 + margin) } else { Id(0) };
        Ok(State { ids: Ids::after(floor), path, saved: Mutex::new((last, Instant::now())) })
    }

    /// The next id.
    pub fn next(&self) -> Id {
        self.ids.next(SystemTime::now())
    }

    /// Writes the last id down when it is time, or at once at the end.
    pub fn save(&self, at_once: bool) {
        let last = self.ids.last();
        let Ok(mut saved) = self.saved.lock() else { return };
        if last <= saved.0 || (!at_once && saved.1.elapsed() < EVERY) {
            return;
        }
        let temporary = self.path.with_extension("tmp");
        let written = std::fs::write(&temporary, format!("{last}\n")).and_then(|()| std::fs::rename(&temporary, &self.path));
        match written {
            Ok(()) => *saved = (last, Instant::now()),
            Err(error) => crate::LOG.warning(format_args!("unable to write {}: {error}", self.path.display())),
        }
    }
}
