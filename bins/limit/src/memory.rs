//! All that this machine remembers, and its files.
//!
//! What it does: reads the files of state/limit at the start, writes counts and greylist some seconds after they have changed,
//! on a thread of its own, and once more at the end. A large file is written less often than a small one: about 100 KB
//! a second is the most that is spent on it. Locks are written at once.
//!
//! How it fails: a damaged file is set aside, reported, and what it held begins anew; one that cannot be written is reported
//! once and tried again.

use crate::clock::{self, Clock};
use crate::counters::Counters;
use crate::grey::Grey;
use crate::keep;
use crate::locks::Locks;
use crate::siphash::Secret;
use crate::slots::Slots;
use crate::snapshot::{self, Found};
use stafett_log::Log;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a change may wait for its way to the disk, at least.
const SOON: Duration = Duration::from_secs(2);
/// Bytes a second that are spent on files.
const PACE: u64 = 100_000;

/// What is remembered.
#[derive(Debug)]
pub struct Memory {
    /// Counts.
    pub counters: Counters,
    /// Greylist.
    pub grey: Grey,
    /// Locked accounts.
    pub locks: Locks,
    /// Open connections.
    pub slots: Slots,
    counters_file: Keeper,
    grey_file: Keeper,
}

/// One file that is written now and then.
#[derive(Debug)]
struct Keeper {
    log: Log,
    path: PathBuf,
    pause: Duration,
    due: Option<Instant>,
    writing: Option<JoinHandle<io::Result<()>>>,
    is_failing: bool,
}

impl Memory {
    /// Reads the files in `directory`, and the clock that goes on where they left off.
    ///
    /// # Errors
    /// A sentence, when a file cannot be read, or the system gives no random numbers.
    pub fn read(log: Log, directory: &Path, most_slots: usize) -> Result<(Memory, Clock), String> {
        let text = |name: &str| {
            let path = directory.join(name);
            match snapshot::read(&path).map_err(|error| format!("unable to read {}: {error}", path.display()))? {
                Found::Text(text) => Ok::<_, String>(Some(text)),
                Found::Nothing => Ok(None),
                Found::Damaged(aside) => {
                    report(log, &aside, name);
                    Ok(None)
                }
            }
        };
        let (counters, one) =
            text("counters")?.map(|text| keep::counters_of(&text)).filter(|(_, clock)| *clock < clock::END).unwrap_or_default();
        let (grey, other) = match text("greylist")?.and_then(|text| keep::grey_of(&text)).filter(|(_, clock)| *clock < clock::END) {
            Some(known) => known,
            None => (Grey::new(secret()?), 0),
        };
        let path = directory.join("locks");
        let (locks, damaged) = Locks::read(path).map_err(|error| format!("unable to read the locks: {error}"))?;
        damaged.iter().for_each(|aside| report(log, aside, "locks"));
        let slots = Slots::new(most_slots).map_err(|error| format!("unable to wait for connections: {error}"))?;
        let keeper = |name: &str| Keeper::new(log, directory.join(name));
        let memory = Memory { counters, grey, locks, slots, counters_file: keeper("counters"), grey_file: keeper("greylist") };
        Ok((memory, Clock::new(one.max(other))))
    }

    /// Counts have changed.
    pub fn counted(&mut self) {
        self.counters_file.touch();
    }

    /// The greylist has changed.
    pub fn greylisted(&mut self) {
        self.grey_file.touch();
    }

    /// Writes what is due; when the next is.
    pub fn write_due(&mut self, clock: u64) -> Option<Duration> {
        if self.counters_file.is_due() {
            self.counters.sweep(clock);
            self.counters_file.begin(keep::counters_text(&self.counters, clock));
        }
        if self.grey_file.is_due() {
            self.grey_file.begin(keep::grey_text(&self.grey, clock));
        }
        [self.counters_file.left(), self.grey_file.left()].into_iter().flatten().min()
    }

    /// Writes all, and waits for it.
    pub fn write_all(&mut self, clock: u64) {
        self.counters_file.begin(keep::counters_text(&self.counters, clock));
        self.grey_file.begin(keep::grey_text(&self.grey, clock));
        self.counters_file.finish();
        self.grey_file.finish();
    }
}

impl Keeper {
    fn new(log: Log, path: PathBuf) -> Keeper {
        Keeper { log, path, pause: SOON, due: None, writing: None, is_failing: false }
    }

    fn touch(&mut self) {
        if self.due.is_none() {
            self.due = Some(Instant::now() + self.pause);
        }
    }

    fn is_due(&mut self) -> bool {
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish();
        }
        self.writing.is_none() && self.due.is_some_and(|due| due <= Instant::now())
    }

    fn left(&self) -> Option<Duration> {
        let left = self.due?.saturating_duration_since(Instant::now());
        // one that is being written while the next is due is looked at again soon
        Some(if self.writing.is_some() { left.max(Duration::from_millis(100)) } else { left })
    }

    fn begin(&mut self, text: Vec<u8>) {
        self.finish();
        self.due = None;
        self.pause = SOON + Duration::from_millis(text.len() as u64 * 1000 / PACE);
        let path = self.path.clone();
        match std::thread::Builder::new().name("writer".to_owned()).spawn(move || snapshot::write(&path, text)) {
            Ok(writing) => self.writing = Some(writing),
            Err(error) => self.failed(&error),
        }
    }

    fn finish(&mut self) {
        match self.writing.take().map(JoinHandle::join) {
            Some(Ok(Ok(()))) => self.is_failing = false,
            Some(Ok(Err(error))) => self.failed(&error),
            Some(Err(_)) => self.failed(&io::Error::other("the writer has ended")),
            None => {}
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if !self.is_failing {
            self.log.error(format_args!("unable to write {}: {error}; it is tried again", self.path.display()));
        }
        self.is_failing = true;
        self.touch();
    }
}

fn report(log: Log, aside: &Path, name: &str) {
    log.error(format_args!("the file {name} was damaged and lies in {} now; what it held begins anew", aside.display()));
}

fn secret() -> Result<Secret, String> {
    let mut bytes = [0u8; 16];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    if got != Ok(bytes.len()) {
        return Err("unable to get random numbers from the system".to_owned());
    }
    let number = u128::from_ne_bytes(bytes);
    Ok(Secret((number >> 64) as u64, number as u64))
}
