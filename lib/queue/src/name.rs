//! What the name and place of a message's file tell, without a look into it.

use crate::id::Id;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

/// The state of a message is where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Accepted, not yet tried.
    New,
    /// Tried, waiting.
    Waiting,
    /// Held by the admin.
    Held,
}

/// A message as its name and times tell, its content unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its queue id.
    pub id: Id,
    /// The bytes of the message.
    pub size: u64,
    /// Where it lies.
    pub place: Place,
    /// The next attempt, seconds since 1970 (its file's mtime); 0 in `new`.
    pub due: u64,
}

impl Listed {
    /// When an opened message of `place` is tried next, as [`Listed::due`].
    pub fn due_of(file: &File, place: Place) -> io::Result<u64> {
        file.metadata().map(|seen| due(place, &seen))
    }

    /// The name of its file in whatever directory it lies.
    pub fn file_name(&self) -> String {
        format!("{},S={}", self.id, self.size)
    }

    /// Reads the name of a message's file: its id and size.
    pub fn parse_name(name: &str) -> Option<(Id, u64)> {
        parse_name(name)
    }
}

/// A message's path below the queue's directory.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    id: Id,
    size: u64,
    place: Place,
}

impl Name {
    pub(crate) fn new(id: Id, size: u64, place: Place) -> Name {
        Name { id, size, place }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name { id, size, place } = self;
        match place {
            Place::New => write!(f, "new/{id},S={size}"),
            Place::Held => write!(f, "hold/{id},S={size}"),
            Place::Waiting => write!(f, "cur/{}/{id},S={size}", shard(*id)),
        }
    }
}

pub(crate) fn shard(id: Id) -> String {
    format!("{:02x}", shard_number(id))
}

pub(crate) fn shard_number(id: Id) -> u8 {
    id.0.to_le_bytes()[0]
}

pub(crate) fn parse_shard(name: &str) -> Option<u8> {
    u8::from_str_radix(name, 16).ok().filter(|number| format!("{number:02x}") == name)
}

/// When a file's message is tried next.
pub(crate) fn due(place: Place, seen: &Metadata) -> u64 {
    if place == Place::New { 0 } else { u64::try_from(seen.mtime()).unwrap_or(0) }
}

pub(crate) fn parse_name(name: &str) -> Option<(Id, u64)> {
    let (id, size) = name.split_once(",S=")?;
    // One name for each message: a size with leading zeros would be looked for without them.
    let digits = size.bytes().all(|byte| byte.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
    Some((Id::parse(id)?, size.parse().ok().filter(|_| digits)?))
}
