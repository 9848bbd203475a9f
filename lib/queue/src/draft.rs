//! A message on its way onto the disk.
//!
//! create in tmp/, write, rename to new/, one fsync of the file: on ext4, xfs and btrfs that one
//! call makes data and new name durable (design: fsync before the rename loses the name). The
//! directory is synced too where the caller says so. A draft that is dropped leaves nothing.

use crate::id::Id;
use crate::lines::StrictLines;
use crate::name::Place;
use crate::store::Store;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use stafett_envelope::Envelope;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// Bytes that are gathered before they are written: a small message goes out with one write.
const GATHER: usize = 128 * 1024;

/// The mode of a message's file. Who may come so far is the mode of the queue's own directory:
/// its owner and the admins' group, who may read.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

/// A message that is being written.
#[derive(Debug)]
pub struct Draft<'a> {
    store: &'a Store,
    id: Id,
    file: File,
    gathered: Vec<u8>,
    checksum: crc32fast::Hasher,
    lines: StrictLines,
    size: u64,
    done: bool,
}

/// A message that is on disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its queue id.
    pub id: Id,
    /// The bytes of the message.
    pub size: u64,
    /// Where it lies: `New`, or `Held` if its envelope says so.
    pub place: Place,
    /// The text form of its envelope as it was written.
    pub envelope: Vec<u8>,
    /// How long the disk took to make it durable.
    pub sync_time: Duration,
}

impl<'a> Draft<'a> {
    pub(crate) fn create(store: &'a Store, id: Id) -> io::Result<Draft<'a>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let opened = rustix::fs::openat(store.directory(), format!("tmp/{id}"), flags, MODE)?;
        Ok(Draft {
            store,
            id,
            file: File::from(opened),
            gathered: Vec::new(),
            checksum: crc32fast::Hasher::new(),
            lines: StrictLines::default(),
            size: 0,
            done: false,
        })
    }

    /// Adds bytes of the message.
    ///
    /// # Errors
    /// When they cannot be written; the caller gives the draft up.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lines.look(bytes);
        self.size += bytes.len() as u64;
        self.checksum.update(bytes);
        self.gather(bytes)
    }

    /// Whether the message so far is whole lines that end with CRLF.
    pub fn lines_are_whole(&self) -> bool {
        self.lines.are_whole()
    }

    /// Bytes of the message so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its queue id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The message so far, for others to read.
    ///
    /// # Errors
    /// When it cannot be written or opened; the caller gives the draft up.
    pub fn reader(&mut self) -> io::Result<File> {
        self.flush()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(File::from(rustix::fs::openat(self.store.directory(), format!("tmp/{}", self.id), flags, Mode::empty())?))
    }

    /// Makes the message durable under its name in queue/new, or in queue/hold if its envelope says so.
    ///
    /// # Errors
    /// When any step fails; nothing is left behind then, and the message is not queued.
    pub fn commit(mut self, envelope: &Envelope, sync_directory: bool) -> io::Result<Committed> {
        let mut text = Vec::with_capacity(512);
        envelope.write(&mut text);
        let ending = ending(self.id, self.size, self.checksum.clone(), &text);
        self.gather(&ending)?;
        self.flush()?;
        let place = if envelope.hold.is_some() { Place::Held } else { Place::New };
        let sync_time = self.publish(place, sync_directory)?;
        Ok(Committed { id: self.id, size: self.size, place, envelope: text, sync_time })
    }

    /// Makes a message durable that has a past in another queue, with the journal of that behind it. It lies in queue/hold
    /// then, until [`Store::wait_until`] moves it on.
    ///
    /// # Errors
    /// As [`Draft::commit`].
    pub fn commit_with_past(mut self, envelope: &Envelope, journal: &str) -> io::Result<Committed> {
        let mut text = Vec::with_capacity(512);
        envelope.write(&mut text);
        let ending = ending(self.id, self.size, self.checksum.clone(), &text);
        self.gather(&ending)?;
        self.gather(journal.as_bytes())?;
        self.flush()?;
        let sync_time = self.publish(Place::Held, true)?;
        Ok(Committed { id: self.id, size: self.size, place: Place::Held, envelope: text, sync_time })
    }

    fn publish(&mut self, place: Place, sync_directory: bool) -> io::Result<Duration> {
        let (directory, tmp) = (self.store.directory(), format!("tmp/{}", self.id));
        let new = self.store.name(self.id, self.size, place).to_string();
        rename_without_replacing(directory, &tmp, &new)?;
        self.done = true;
        let begun = Instant::now();
        if let Err(error) = self.sync(place, sync_directory) {
            // After a failed fsync nobody knows what is on the disk (fsync(2)): take it back.
            let _ = rustix::fs::unlinkat(directory, &new, AtFlags::empty());
            return Err(error);
        }
        Ok(begun.elapsed())
    }

    fn sync(&self, place: Place, directory: bool) -> io::Result<()> {
        rustix::fs::fsync(&self.file)?;
        match place {
            _ if !directory => {}
            Place::Held => rustix::fs::fsync(self.store.open_held()?)?,
            _ => rustix::fs::fsync(self.store.new_directory())?,
        }
        Ok(())
    }

    fn gather(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

/// The whole content of a message's file before its journal, for programs that make queues for tests.
pub fn content(id: Id, message: &[u8], envelope: &Envelope) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    envelope.write(&mut text);
    let mut sum = crc32fast::Hasher::new();
    sum.update(message);
    [message, &ending(id, message.len() as u64, sum, &text)].concat()
}

/// What stands behind the `size` bytes of a message, whose checksum is `sum` so far.
fn ending(id: Id, size: u64, mut sum: crc32fast::Hasher, envelope: &[u8]) -> Vec<u8> {
    let mut ending = format!("stafett-queue 1\nid {id}\n").into_bytes();
    ending.extend_from_slice(envelope);
    sum.update(&ending);
    let commit = format!("commit {} {:08x}\n", size + ending.len() as u64, sum.finalize());
    ending.extend_from_slice(commit.as_bytes());
    ending
}

/// A name that is taken is an error, not a message lost; a file system that cannot promise that is
/// trusted to ids that are never used twice.
fn rename_without_replacing(directory: BorrowedFd<'_>, from: &str, to: &str) -> io::Result<()> {
    match rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => rustix::fs::renameat(directory, from, directory, to)?,
        other => other?,
    }
    Ok(())
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.done {
            let _ = rustix::fs::unlinkat(self.store.directory(), format!("tmp/{}", self.id), AtFlags::empty());
        }
    }
}
