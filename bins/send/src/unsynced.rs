//! Marks and removals that a power cut could still undo: they are made durable in batches, at least once a second while there
//! are any, which bounds what can be sent twice.

use crate::chores;
use crate::scheduler::Scheduler;
use stafett_queue_store::Id;
use std::collections::HashMap;
use std::fs::File;
use std::time::{Duration, Instant};

/// How often marks and removals are made durable.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Journals that are kept open for syncing; more are synced with their whole file system.
const MOST_UNSYNCED: usize = 256;
/// Directories of queue/cur that are synced one by one. Each costs a flush of the disk; more are synced with their whole file system.
const MOST_SHARDS: usize = 32;

/// Marks and removals that a power cut could still undo.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    files: Vec<File>,
    too_many: bool,
    pub(crate) new: bool,
    pub(crate) held: bool,
    pub(crate) shards: HashMap<u8, Id>,
    since: Option<Instant>,
    pub(crate) syncing: bool,
}

impl Unsynced {
    pub(crate) fn is_dirty(&self) -> bool {
        self.new || self.held || self.too_many || !self.files.is_empty() || !self.shards.is_empty()
    }

    pub(crate) fn mark(&mut self, file: File) {
        if self.files.len() < MOST_UNSYNCED && !self.too_many {
            self.files.push(file);
        } else {
            self.files.clear();
            self.too_many = true;
        }
    }
}

impl Scheduler {
    /// Lets marks and removals be made durable when it is time.
    pub fn sync(&mut self, at_once: bool) {
        let due = at_once || self.unsynced.since.is_none_or(|since| since.elapsed() >= SYNC_EVERY);
        if !self.unsynced.is_dirty() || self.unsynced.syncing || !due {
            return;
        }
        let mut directories = Vec::new();
        let shards = std::mem::take(&mut self.unsynced.shards);
        self.unsynced.too_many |= shards.len() > MOST_SHARDS;
        directories.extend(shards.into_values().filter_map(|id| self.store.open_shard(id).ok()));
        if std::mem::take(&mut self.unsynced.new) {
            directories.extend(self.store.new_directory().try_clone_to_owned());
        }
        if std::mem::take(&mut self.unsynced.held) {
            directories.extend(self.store.open_held());
        }
        let too_many = std::mem::take(&mut self.unsynced.too_many);
        let everything = if too_many { self.store.directory().try_clone_to_owned().ok() } else { None };
        self.unsynced.since = Some(Instant::now());
        self.unsynced.syncing = true;
        self.chores.sync(chores::Sync { files: std::mem::take(&mut self.unsynced.files), directories, everything });
    }

    /// Whether marks are being made durable.
    pub fn is_syncing(&self) -> bool {
        self.unsynced.syncing
    }
}
