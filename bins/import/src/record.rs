//! queue/importing: the messages that are just being taken over, so that one which was broken off is finished and not begun anew.
//!
//! The first line says how far that has come, [`Stage`]. Then a line for each: our id, qmail's number, when its file was written
//! (nanoseconds since 1970), when it is tried next (seconds).
//! How it fails: `std::io::Error`; a line that does not parse is one. Known limits: none.

use stafett_instance::tree::IMPORTING;
use stafett_queue_store::{Id, Store};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Messages are written into queue/hold; qmail still has them all.
    Copying,
    /// All are in queue/hold; qmail's files are moved into queue/taken.
    Moving,
    /// As [`Stage::Moving`]; once the messages are released, what lies in queue/taken is removed.
    Removing,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Stage::Copying => "copying",
            Stage::Moving => "moving",
            Stage::Removing => "removing",
        }
    }

    fn parse(word: &str) -> Option<Stage> {
        [Stage::Copying, Stage::Moving, Stage::Removing].into_iter().find(|stage| stage.word() == word)
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taking {
    /// Ours.
    pub id: Id,
    /// qmail's.
    pub number: u64,
    /// When its message was written: with the number, what tells it from every other.
    pub written: u128,
    /// When it is tried next, seconds since 1970.
    pub due: u64,
}

/// Nanoseconds since 1970.
pub fn nanoseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

/// What was broken off; `None` where nothing was.
///
/// # Errors
/// When the file cannot be read or does not parse.
pub fn read(store: &Store) -> io::Result<Option<(Stage, Vec<Taking>)>> {
    let text = match std::fs::read_to_string(path(store)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let odd = |line: &str| io::Error::other(format!("the line \"{}\" of {} is none of ours", line.escape_debug(), path(store).display()));
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let stage = Stage::parse(first).ok_or_else(|| odd(first))?;
    let all = lines.map(|line| parse(line).ok_or_else(|| odd(line))).collect::<io::Result<Vec<_>>>()?;
    Ok(Some((stage, all)))
}

fn parse(line: &str) -> Option<Taking> {
    let mut words = line.split(' ');
    let taking = Taking {
        id: Id::parse(words.next()?)?,
        number: words.next()?.parse().ok()?,
        written: words.next()?.parse().ok()?,
        due: words.next()?.parse().ok()?,
    };
    Some(taking).filter(|_| words.next().is_none())
}

/// Writes it, whole and durable.
///
/// # Errors
/// When the disk refuses.
pub fn write(store: &Store, stage: Stage, all: &[Taking]) -> io::Result<()> {
    let (path, fresh) = (path(store), store.root().join("tmp").join(IMPORTING));
    let mut file = File::create(&fresh)?;
    let line = |one: &Taking| format!("{} {} {} {}\n", one.id, one.number, one.written, one.due);
    let text = format!("{}\n{}", stage.word(), all.iter().map(line).collect::<String>());
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, &path)?;
    File::open(store.root())?.sync_all()
}

/// Removes it: everything is where it belongs.
///
/// # Errors
/// When the disk refuses.
pub fn remove(store: &Store) -> io::Result<()> {
    std::fs::remove_file(path(store))?;
    File::open(store.root())?.sync_all()
}

fn path(store: &Store) -> PathBuf {
    store.root().join(IMPORTING)
}
