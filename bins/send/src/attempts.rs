//! queue/attempts: which deliveries were under way when the scheduler ended without a word.
//!
//! The first line is the boot id; then `B` and an id when a delivery begins, `E` and an id when its
//! outcome is in the journal of a message that stays. A message that is still queued and has a `B`
//! without a later `E` may have been delivered: its next attempt is announced as a possible
//! duplicate. The file is not synced, because a crash of a program leaves it intact; after a crash
//! of the machine (another boot id, or a first line that is none) every message that was due is
//! suspected. A new file takes the place of the old one by rename, so that no crash finds it empty.
//! How it fails: a file that cannot be begun anew (the disk is full) is gone on with.

use stafett_queue_store::Id;
use stafett_sys::process::boot_id;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The file is started anew when it is larger than this, in bytes, and nothing is under way.
const LARGE: u64 = 1024 * 1024;

/// The file, open for appending.
#[derive(Debug)]
pub struct Attempts {
    path: PathBuf,
    file: File,
    boot: String,
    pending: String,
    length: u64,
    /// The length at which it is started anew.
    large: u64,
}

/// What the last run left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// Messages whose delivery was under way.
    pub ids: HashSet<Id>,
    /// The machine was started anew since: every message that was due is suspected too.
    pub all_due: bool,
}

impl Attempts {
    /// Reads what the last run left in `queue`, and goes on with it.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(queue: &Path) -> io::Result<(Attempts, Suspects)> {
        let path = queue.join("attempts");
        let is_first = !path.exists();
        let mut file = File::options().read(true).append(true).create(true).open(&path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let boot = boot_id().unwrap_or_default();
        let mut suspects = parse(&String::from_utf8_lossy(&text), &boot);
        suspects.all_due &= !is_first;
        let mut attempts = Attempts { path, file, boot, pending: String::new(), length: text.len() as u64, large: LARGE };
        if is_first {
            // Without its first line the next start suspects more than it must, which is no harm.
            let _ = attempts.restart(std::iter::empty());
        } else if text.last().is_some_and(|last| *last != b'\n') {
            attempts.pending.push('\n');
        }
        Ok((attempts, suspects))
    }

    /// A delivery of that message begins. Written by the next [`Attempts::flush`], which must come
    /// before the order goes out.
    pub fn begin(&mut self, id: Id) {
        self.note('B', id);
    }

    /// The outcome is in the journal.
    pub fn end(&mut self, id: Id) {
        self.note('E', id);
    }

    /// Writes what was noted.
    ///
    /// # Errors
    /// When the disk is full; the lines are kept for the next time.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(self.pending.as_bytes()) {
            // Some of it may have been written: what is torn must not spoil the next line.
            self.pending.insert(0, '\n');
            return Err(error);
        }
        self.length += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Whether the file has grown so much that it should be started anew.
    pub fn is_large(&self) -> bool {
        self.length > self.large
    }

    /// Starts the file anew with those whose outcome is open.
    ///
    /// # Errors
    /// When it cannot be written; the old file stays in use then.
    pub fn restart(&mut self, open: impl Iterator<Item = Id>) -> io::Result<()> {
        let mut text = format!("{}\n", self.boot);
        open.for_each(|id| text.push_str(&line('B', id)));
        let temporary = self.path.with_extension("tmp");
        let mut file = File::options().append(true).create(true).open(&temporary)?;
        file.set_len(0)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&temporary, &self.path)?;
        self.file = file;
        self.pending.clear();
        self.length = text.len() as u64;
        // Not at once again where that many are open.
        self.large = LARGE.max(2 * self.length);
        Ok(())
    }

    fn note(&mut self, letter: char, id: Id) {
        self.pending.push_str(&line(letter, id));
    }
}

fn line(letter: char, id: Id) -> String {
    format!("{letter}{id}\n")
}

fn parse(text: &str, boot: &str) -> Suspects {
    let mut lines = text.lines();
    let all_due = lines.next() != Some(boot);
    let mut ids = HashSet::new();
    for line in lines {
        match (line.get(..1), line.get(1..).and_then(Id::parse)) {
            (Some("B"), Some(id)) => drop(ids.insert(id)),
            (Some("E"), Some(id)) => drop(ids.remove(&id)),
            _ => {}
        }
    }
    Suspects { ids, all_due }
}

#[cfg(test)]
#[path = "attempts_test.rs"]
mod attempts_test;
