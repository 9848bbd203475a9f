//! A whole message that is judged before it is queued: a nameless file, and what the judges want changed.
//!
//! What it does: smtpd keeps a message here when a check wants to see it whole ([`crate::checks::wants_message`]). The
//! bytes are the message as it will be queued, CR LF lines without dot-stuffing. The file loses its name at birth, so that
//! nothing is left behind however a process ends; it is not synced, for it promises nothing.
//!
//! Security stance: whoever judges gets the file read-only.
//!
//! How it fails: an error here means that the message was not taken, and the client hears a temporary failure.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use stafett_envelope::Envelope;

/// How much is written or read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Makes the names of this process's files differ.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A message that is being judged.
#[derive(Debug)]
pub struct Draft {
    directory: PathBuf,
    spool: Spool,
    pending: Vec<u8>,
    /// Whom it is from and for; judges may change it.
    pub envelope: Envelope,
    /// Header lines, without line ends, that go in front of everything, the first on top.
    pub front: Vec<String>,
    /// A judge wants it accepted and thrown away.
    pub discarded: Option<Discarded>,
}

/// Why a message is accepted and thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// What decided, as in a [`crate::refusal::Refusal`].
    pub rule: String,
}

/// Bytes of a message, and what takes their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Which bytes; an empty range is a place between two.
    pub range: Range<u64>,
    /// What stands there instead.
    pub with: Vec<u8>,
}

/// A file without a name.
#[derive(Debug)]
struct Spool {
    ours: File,
    /// The same, read-only.
    theirs: File,
    size: u64,
}

impl Draft {
    /// An empty one, whose files are made in `directory`.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn new(directory: &Path, envelope: Envelope) -> io::Result<Draft> {
        let spool = Spool::new(directory)?;
        Ok(Draft { directory: directory.to_path_buf(), spool, pending: Vec::new(), envelope, front: Vec::new(), discarded: None })
    }

    /// Adds to the message.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    /// Ends the message; before it is judged.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn flush(&mut self) -> io::Result<()> {
        self.spool.write(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// Its bytes, for a judge: read-only, and its offset is shared, so read at explicit offsets.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.spool.theirs.as_fd()
    }

    /// Its header and what follows, up to so many bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begin(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let end = self.spool.size.min(most as u64);
        self.spool.read(0..end, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Its size, in bytes.
    pub fn size(&self) -> u64 {
        self.spool.size
    }

    /// Takes parts out of the message; the ranges stand in order and do not overlap.
    ///
    /// # Errors
    /// When the disk is full, or a range is none of this message; the message stays as it was.
    pub fn cut(&mut self, ranges: &[Range<u64>]) -> io::Result<()> {
        let patches: Vec<Patch> = ranges.iter().map(|range| Patch { range: range.clone(), with: Vec::new() }).collect();
        self.change(&patches, None)
    }

    /// Changes parts of the message; the patches stand in order and do not overlap. With `tail`, what stands from there on
    /// is replaced by a whole file.
    ///
    /// # Errors
    /// When the disk is full, or a patch does not fit this message; the message stays as it was.
    pub fn change(&mut self, patches: &[Patch], tail: Option<(u64, &File)>) -> io::Result<()> {
        let mut changed = Spool::new(&self.directory)?;
        let end = tail.map_or(self.spool.size, |(from, _)| from);
        let (mut from, mut ascii) = (0, true);
        for Patch { range, with } in patches {
            if range.start < from || range.end < range.start || range.end > end {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a part that the message does not have"));
            }
            self.spool.read(from..range.start, |bytes| changed.write(bytes))?;
            changed.write(with)?;
            ascii &= with.is_ascii();
            from = range.end;
        }
        if end < from || end > self.spool.size {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a part that the message does not have"));
        }
        self.spool.read(from..end, |bytes| changed.write(bytes))?;
        if let Some((_, file)) = tail {
            read(file, 0..file.metadata()?.len(), |bytes| {
                ascii &= bytes.is_ascii();
                changed.write(bytes)
            })?;
        }
        self.spool = changed;
        self.envelope.eight_bit |= !ascii;
        Ok(())
    }

    /// Puts what another process made of the message in its place.
    ///
    /// # Errors
    /// When it cannot be read or the disk is full; the message stays as it was.
    pub fn replace(&mut self, with: &File) -> io::Result<()> {
        let mut rest = Spool::new(&self.directory)?;
        read(with, 0..with.metadata()?.len(), |bytes| rest.write(bytes))?;
        self.spool = rest;
        Ok(())
    }

    /// Reads the message from its begin to its end.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn read(&self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.spool.read(0..self.spool.size, |bytes| {
            each(bytes);
            Ok(())
        })
    }
}

impl Spool {
    fn new(directory: &Path) -> io::Result<Spool> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{}.{number}", std::process::id()));
        let make = || OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let ours = match make() {
            // left behind by a process of our number that died between the next three lines
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_file(&path)?;
                make()?
            }
            made => made?,
        };
        let theirs = File::open(&path);
        std::fs::remove_file(&path)?;
        Ok(Spool { ours, theirs: theirs?, size: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ours.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn read(&self, range: Range<u64>, each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        read(&self.ours, range, each)
    }
}

fn read(file: &File, range: Range<u64>, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut from = range.start;
    while from < range.end {
        let most = usize::try_from(range.end - from).map_or(PIECE, |left| left.min(PIECE));
        let space = buffer.get_mut(..most).unwrap_or_default();
        let length = match file.read_at(space, from) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        each(space.get(..length).unwrap_or_default())?;
        from += length as u64;
    }
    Ok(())
}
