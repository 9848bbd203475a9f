//! The counts of wrong passwords, kept over a restart in state/auth/failures.
//!
//! What it does: each change of a count is a line at the end of the file, which says what the count is now; the last line of an
//! address, or of an address and a name, counts. When much has been appended the file is written anew with what still counts.
//!
//! Security stance: names that nobody has logged in with are not written, for people type passwords where names belong.
//!
//! How it fails: a file that makes no sense is put aside and logged, and counting begins anew; where it cannot be written, that
//! is logged once, and what is counted from then on is forgotten with the process. A line that a crash has cut off is as if it
//! had not been written; after a power failure the last ones may be missing.

use crate::throttle::{Barred, Throttle};
use stafett_log::Log;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many bytes are appended before the file is written anew; more when it was long already.
const ROOM: u64 = 256 * 1024;

/// What is counted, and where it is kept.
#[derive(Debug)]
pub struct Counts {
    log: Log,
    throttle: Throttle,
    path: PathBuf,
    /// Open for appending; nothing once that has failed.
    file: Option<File>,
    /// How much more may be appended.
    room: u64,
    /// The time of day at the start; from there on the clock never jumps.
    began: (Duration, Instant),
}

impl Counts {
    /// Those of the last process, from the directory of our state.
    pub fn open(log: Log, directory: &Path) -> Counts {
        let day = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (path, throttle) = (directory.join("failures"), Throttle::default());
        let mut counts = Counts { log, throttle, path, file: None, room: 0, began: (day, Instant::now()) };
        if let Err(reason) = counts.read() {
            let path = counts.path.display();
            log.error(format_args!(
                "unable to read {path}: {reason}; it is put aside as failures.bad, and wrong passwords are counted anew"
            ));
            // what cannot be renamed is written over
            let _ = std::fs::rename(&counts.path, counts.path.with_extension("bad"));
            counts.throttle = Throttle::default();
        }
        counts.write();
        counts
    }

    /// As [`Throttle::begin`].
    ///
    /// # Errors
    /// Why it is not looked at.
    pub fn begin(&mut self, ip: Option<IpAddr>, name: &str, bounds: (u64, u32)) -> Result<(), Barred> {
        let now = self.now();
        self.throttle.begin(ip, name, bounds, now)
    }

    /// As [`Throttle::end`].
    pub fn end(&mut self, ip: Option<IpAddr>, name: &str, was_right: Option<bool>) {
        let now = self.now();
        let lines = self.throttle.end(ip, name, was_right, now);
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(lines.as_bytes()) {
            self.file = None;
            return self.complain(&error);
        }
        self.room = self.room.saturating_sub(lines.len() as u64);
        if self.room == 0 {
            self.write();
        }
    }

    fn now(&self) -> Duration {
        self.began.0 + self.began.1.elapsed()
    }

    fn read(&mut self) -> Result<(), String> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text".to_owned())?;
        let now = self.now();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let Some(line) = line.strip_suffix('\n') else { break };
            self.throttle.restore(line, now).ok_or_else(|| format!("line {} is not understood", index + 1))?;
        }
        Ok(())
    }

    /// Writes all that counts into a file of its own, which then takes the place of the old one.
    fn write(&mut self) {
        let beside = self.path.with_extension("new");
        let written = || -> io::Result<(File, u64)> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            let text = self.throttle.lines(self.now());
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            Ok((file, text.len() as u64))
        };
        match written() {
            Ok((file, length)) => (self.file, self.room) = (Some(file), ROOM + length),
            Err(error) => {
                self.file = None;
                self.complain(&error);
            }
        }
    }

    fn complain(&self, error: &io::Error) {
        let path = self.path.display();
        self.log.error(format_args!("unable to write {path}: {error}; wrong passwords from now on are forgotten when this service ends"));
    }
}

#[cfg(test)]
#[path = "counts_test.rs"]
mod counts_test;
