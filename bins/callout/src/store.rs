//! The recipients that are there, on disk, so that they stay valid over a restart while their host is down.
//!
//! One text file of lines `SECONDS ADDRESS`, appended to in batches and written anew when half of it is outdated; 0 for
//! the seconds takes an address back. It is a memory and nothing hangs on its last seconds, so it is synced only when it
//! is written anew.
//! Security stance: nobody but this service can reach the file. It is bounded, and what does not parse counts for nothing.
//! How it fails: a torn last line is dropped; a file that cannot be written is said once and the memory goes on without.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use stafett_log::Log;

use crate::memory::Seconds;

/// The file's size at most when it is read, in bytes.
const LARGEST: u64 = 128 * 1024 * 1024;
/// The longest key that is kept.
const LONGEST: usize = 600;
/// Lines beyond twice what is alive before the file is written anew.
const SLACK: usize = 1000;
/// Bytes that wait for the next batch at most.
const MOST_PENDING: usize = 4 * 1024 * 1024;

/// The file.
#[derive(Debug)]
pub struct Store {
    log: Log,
    path: PathBuf,
    file: Option<File>,
    lines: usize,
    pending: String,
    /// What has failed has been said.
    is_faulty: bool,
}

impl Store {
    /// Opens the file, and tells all of its lines in order; 0 seconds mean that the address is not there any more.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(log: Log, path: &Path, mut tell: impl FnMut(Seconds, &str)) -> io::Result<Store> {
        let mut text = Vec::new();
        match File::open(path) {
            Ok(file) => drop(file.take(LARGEST).read_to_end(&mut text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut lines = 0;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n') {
            if let Some((seconds, key)) = parse(line) {
                tell(seconds, key);
            }
            lines += 1;
        }
        let mut store = Store { log, path: path.to_owned(), file: None, lines, pending: String::new(), is_faulty: false };
        if whole == text.len() && (text.len() as u64) < LARGEST {
            store.file = OpenOptions::new().append(true).create(true).open(path).ok();
        }
        Ok(store)
    }

    /// Notes a line for the next batch.
    pub fn note(&mut self, seconds: Seconds, key: &str) {
        if key.len() <= LONGEST && !key.contains(char::is_control) && self.pending.len() < MOST_PENDING {
            self.pending.push_str(&format!("{seconds} {key}\n"));
        }
    }

    /// Whether lines wait to be written.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what waits; all that is alive when the file has too much that is not.
    pub fn write<'a>(&mut self, alive: usize, all: impl Iterator<Item = (Seconds, &'a str)>) {
        let done = match &mut self.file {
            Some(file) if self.lines <= 2 * alive + SLACK => {
                self.lines += self.pending.bytes().filter(|byte| *byte == b'\n').count();
                file.write_all(self.pending.as_bytes())
            }
            _ => self.write_anew(alive, all),
        };
        self.pending.clear();
        match done {
            Ok(()) => self.is_faulty = false,
            Err(error) => {
                // What may stand there now in part is cut off by the next whole copy.
                self.file = None;
                if !std::mem::replace(&mut self.is_faulty, true) {
                    self.log
                        .error(format_args!("unable to write {}: {error}; what is known is lost at the next stop", self.path.display()));
                }
            }
        }
    }

    fn write_anew<'a>(&mut self, alive: usize, all: impl Iterator<Item = (Seconds, &'a str)>) -> io::Result<()> {
        let temporary = self.path.with_extension("tmp");
        let mut file = io::BufWriter::new(File::create(&temporary)?);
        for (seconds, key) in all {
            writeln!(file, "{seconds} {key}")?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        self.lines = alive;
        Ok(())
    }
}

fn parse(line: &[u8]) -> Option<(Seconds, &str)> {
    let (seconds, key) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    (key.contains('@') && key.len() <= LONGEST).then_some((seconds.parse().ok()?, key))
}

#[cfg(test)]
#[path = "store_test.rs"]
mod store_test;
