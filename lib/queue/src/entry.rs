//! Reading a message's file: verify the commit line, then trust the rest.

use crate::id::Id;
use crate::journal::{self, Line, Standing};
use stafett_envelope::Envelope;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Envelope and journal together at most, in bytes; more is damage.
const LARGEST_TAIL: u64 = 256 * 1024 * 1024;
/// Bytes read at a time for the checksum.
const PIECE: usize = 64 * 1024;

/// What a queue file holds behind the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who it is from and for.
    pub envelope: Envelope,
    /// Where each recipient stands, in the envelope's order.
    pub standings: Vec<Standing>,
    /// Journal lines that could not be used; damaged by hand, or torn in the middle.
    pub unusable_lines: usize,
}

/// How a queue file is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There is no commit line: the file was never complete, and its message was never accepted
    /// (a power cut can leave a name whose data did not reach the disk), or it was cut off.
    Incomplete,
    /// The commit line does not fit what stands before it.
    Checksum,
    /// It is whole, but not a file of this version or not of this name.
    Foreign(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Incomplete => f.write_str("it has no commit line, so it was never accepted, or its end was cut off"),
            Damage::Checksum => f.write_str("its checksum does not fit, so something changed it after it was accepted"),
            Damage::Foreign(reason) => write!(f, "it is not what its name says: {reason}"),
        }
    }
}

impl Entry {
    /// Reads and verifies `file`, which is named by `id` and `size`.
    ///
    /// # Errors
    /// The outer error is the file system's; the inner says how the file is damaged.
    pub fn read(file: &File, id: Id, size: u64) -> io::Result<Result<Entry, Damage>> {
        let tail = match read_tail(file, size)? {
            Ok(tail) => tail,
            Err(damage) => return Ok(Err(damage)),
        };
        let Some(commit) = find_commit(&tail) else { return Ok(Err(Damage::Incomplete)) };
        let (before, after) = tail.split_at(commit.start);
        let journal = after.get(commit.end - commit.start..).unwrap_or_default();
        let mut sum = checksum(file, size)?;
        sum.update(before);
        if commit.length != size + before.len() as u64 || commit.sum != sum.finalize() {
            return Ok(Err(Damage::Checksum));
        }
        Ok(parse(before, journal, id))
    }
}

/// Reads the envelope and journal without the checksum of the message: for programs that only
/// show what is queued.
impl Entry {
    /// As [`Entry::read`], quicker, without reading the message itself.
    ///
    /// # Errors
    /// As [`Entry::read`].
    pub fn glance(file: &File, id: Id, size: u64) -> io::Result<Result<Entry, Damage>> {
        glance(file, id, size, |entry, _| entry)
    }

    /// As [`Entry::glance`], with every usable line of the journal.
    ///
    /// # Errors
    /// As [`Entry::read`].
    pub fn glance_with_lines(file: &File, id: Id, size: u64) -> io::Result<Result<(Entry, Vec<Line>), Damage>> {
        glance(file, id, size, |entry, journal| (entry, journal::lines(journal).collect()))
    }
}

fn glance<T>(file: &File, id: Id, size: u64, with_journal: impl FnOnce(Entry, &[u8]) -> T) -> io::Result<Result<T, Damage>> {
    let tail = match read_tail(file, size)? {
        Ok(tail) => tail,
        Err(damage) => return Ok(Err(damage)),
    };
    let Some(commit) = find_commit(&tail) else { return Ok(Err(Damage::Incomplete)) };
    let (before, after) = tail.split_at(commit.start);
    let journal = after.get(commit.end - commit.start..).unwrap_or_default();
    Ok(parse(before, journal, id).map(|entry| with_journal(entry, journal)))
}

struct Commit {
    start: usize,
    end: usize,
    length: u64,
    sum: u32,
}

fn read_tail(file: &File, size: u64) -> io::Result<Result<Vec<u8>, Damage>> {
    let length = file.metadata()?.len();
    let Some(tail) = length.checked_sub(size) else { return Ok(Err(Damage::Incomplete)) };
    if tail > LARGEST_TAIL {
        return Ok(Err(Damage::Foreign(format!("{tail} bytes stand behind the message"))));
    }
    let mut bytes = vec![0; usize::try_from(tail).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, size)?;
    Ok(Ok(bytes))
}

fn find_commit(tail: &[u8]) -> Option<Commit> {
    let mut start = 0;
    for line in tail.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        if line.starts_with(b"commit ") && line.ends_with(b"\n") {
            let text = std::str::from_utf8(line).ok()?.trim_end();
            let (length, sum) = text.strip_prefix("commit ")?.split_once(' ')?;
            return Some(Commit { start, end, length: length.parse().ok()?, sum: u32::from_str_radix(sum, 16).ok()? });
        }
        start = end;
    }
    None
}

fn checksum(file: &File, size: u64) -> io::Result<crc32fast::Hasher> {
    let mut sum = crc32fast::Hasher::new();
    let mut piece = vec![0; PIECE.min(usize::try_from(size).unwrap_or(PIECE))];
    let mut at = 0;
    while at < size {
        let want = piece.len().min(usize::try_from(size - at).unwrap_or(usize::MAX));
        let space = piece.get_mut(..want).unwrap_or_default();
        file.read_exact_at(space, at)?;
        sum.update(space);
        at += want as u64;
    }
    Ok(sum)
}

fn parse(before: &[u8], journal: &[u8], id: Id) -> Result<Entry, Damage> {
    let foreign = |reason: &str| Damage::Foreign(reason.to_owned());
    let rest = before.strip_prefix(b"stafett-queue 1\n").ok_or_else(|| foreign("no line \"stafett-queue 1\" follows the message"))?;
    let own = format!("id {id}\n");
    let envelope = rest.strip_prefix(own.as_bytes()).ok_or_else(|| foreign("it holds another id"))?;
    let envelope = Envelope::parse(envelope).map_err(|error| foreign(&error.to_string()))?;
    let (standings, unusable_lines) = journal::fold(journal, envelope.recipients.len());
    Ok(Entry { envelope, standings, unusable_lines })
}
