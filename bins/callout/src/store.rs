//! The recipients that are there and those that are not, on disk, so that they stay so over a restart while their host is down.
//!
//! One text file of lines `SECONDS ADDRESS`, appended to in batches and written anew when half of it is outdated; `-` in front
//! of the seconds says that the address is not there, 0 for the seconds takes back what was said of it. It is a memory and nothing hangs on its last seconds, so it is synced only when it
//! is written anew.
//! Security stance: nobody but this service can reach the file. It is bounded, and what does not parse counts for nothing.
//! How it fails: a torn last line is dropped; a file that cannot be written is said once and the memory goes on without.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use stafett_log::Log;

use crate::memory::Said;

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
    /// Opens the file, and tells all of its lines in order.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(log: Log, path: &Path, mut tell: impl FnMut(Said, &str)) -> io::Result<Store> {
        let mut text = Vec::new();
        match File::open(path) {
            Ok(file) => drop(file.take(LARGEST).read_to_end(&mut text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut lines = 0;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n') {
            if let Some((said, key)) = parse(line) {
                tell(said, key);
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
    pub fn note(&mut self, said: Said, key: &str) {
        if key.len() <= LONGEST && !key.contains(char::is_control) && self.pending.len() < MOST_PENDING {
            self.pending.push_str(&format!("{said} {key}\n"));
        }
    }

    /// Whether lines wait to be written.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what waits; all that is alive when the file has too much that is not.
    pub fn write<'a>(&mut self, alive: usize, all: impl Iterator<Item = (Said, &'a str)>) {
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

    fn write_anew<'a>(&mut self, alive: usize, all: impl Iterator<Item = (Said, &'a str)>) -> io::Result<()> {
        let temporary = self.path.with_extension("tmp");
        let mut file = io::BufWriter::new(File::create(&temporary)?);
        for (said, key) in all {
            writeln!(file, "{said} {key}")?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        self.lines = alive;
        Ok(())
    }
}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Valid(seconds) => write!(out, "{seconds}"),
            Said::Unknown(seconds) => write!(out, "-{seconds}"),
            Said::Nothing => out.write_str("0"),
        }
    }
}

fn parse(line: &[u8]) -> Option<(Said, &str)> {
    let (said, key) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let said = match said.strip_prefix('-') {
        Some(seconds) => Said::Unknown(seconds.parse().ok()?),
        None => Some(said.parse().ok()?).filter(|seconds| *seconds > 0).map_or(Said::Nothing, Said::Valid),
    };
    (key.contains('@') && key.len() <= LONGEST).then_some((said, key))
}

#[cfg(test)]
#[path = "store_test.rs"]
mod store_test;
