//! queue/admin: what was done to messages while the scheduler did not run.
//!
//! A line for each, appended by the admin's program that holds the scheduler's lock. The scheduler
//! writes them into its log when it starts and removes the file. How it fails: an error of the
//! file system; the program does nothing then. Known limits: a file longer than [`LONGEST`] is
//! cut off in the log.

use crate::store::Store;
use std::fs::File;
use std::io::{self, Read, Write};

/// Bytes of notes that are read at most.
const LONGEST: u64 = 16 * 1024 * 1024;
const NAME: &str = "admin";

impl Store {
    /// Appends lines, each with its end, and makes them durable.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn note(&self, lines: &str) -> io::Result<()> {
        let mut file = File::options().append(true).create(true).open(self.root().join(NAME))?;
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    }

    /// Takes all notes, which are gone from the disk then.
    ///
    /// # Errors
    /// When they cannot be read or removed.
    pub fn take_notes(&self) -> io::Result<String> {
        let path = self.root().join(NAME);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            file => file?,
        };
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text)?;
        std::fs::remove_file(&path)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
