//! The directories of a queue and how a message moves between them.

use crate::draft::Draft;
use crate::entry::{Damage, Entry};
use crate::id::Id;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;
use stafett_sys::filesystem::FileSystem;
use std::fmt;
use std::fs::{DirEntry, File, Metadata, ReadDir};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Files of one name that are set aside at most.
const MOST_COPIES: usize = 1000;

/// A queue, held open.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    directory: OwnedFd,
    new: OwnedFd,
}

/// In which order the files of a shard are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As the directory gives them.
    Found,
    /// By inodes: those that a disk has side by side are read together.
    Disk,
}

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

impl Store {
    /// Opens the queue in `root`.
    ///
    /// # Errors
    /// When a directory is missing or may not be used; the error names it.
    pub fn open(root: &Path) -> io::Result<Store> {
        let directory = open_directory(root)?;
        for name in ["tmp", "new", "cur", "hold", "bad"] {
            open_directory(&root.join(name))?;
        }
        let new = open_directory(&root.join("new"))?;
        Ok(Store { root: root.to_path_buf(), directory, new })
    }

    /// The same queue, opened once more, for another thread.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn again(&self) -> io::Result<Store> {
        Store::open(&self.root)
    }

    /// Makes this process the only one that writes new messages, until it ends.
    ///
    /// # Errors
    /// `WouldBlock` when another process is it.
    pub fn become_writer(&self) -> io::Result<OwnedFd> {
        lock(&self.root.join("tmp"))
    }

    /// Makes this process the only one that moves messages on, until it ends.
    ///
    /// # Errors
    /// `WouldBlock` when another process is it.
    pub fn become_scheduler(&self) -> io::Result<OwnedFd> {
        lock(&self.root.join("cur"))
    }

    /// The queue's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// queue/new, for syncing.
    pub fn new_directory(&self) -> BorrowedFd<'_> {
        self.new.as_fd()
    }

    /// The queue's directory, for asking about its file system.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Begins a message under a fresh id.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn draft(&self, id: Id) -> io::Result<Draft<'_>> {
        Draft::create(self, id)
    }

    /// Removes what unfinished writers left in queue/tmp; only queued may, when it starts. Returns
    /// how many there were.
    ///
    /// # Errors
    /// When the directory cannot be read or a file cannot be removed.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut swept = 0;
        for file in std::fs::read_dir(self.root.join("tmp"))? {
            std::fs::remove_file(file?.path())?;
            swept += 1;
        }
        Ok(swept)
    }

    /// All messages of one place, by names and times alone. Calls `found` for each; `odd` for a
    /// file whose name is no message's, or which lies where its message is not looked for.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn list(&self, place: Place, found: &mut impl FnMut(Listed), odd: &mut impl FnMut(&Path)) -> io::Result<()> {
        self.walk(place, Order::Disk, &mut |file, lies_in| {
            let parsed = file.file_name().to_str().and_then(parse_name);
            let Some((id, size)) = parsed.filter(|(id, _)| place != Place::Waiting || lies_in == Some(shard_number(*id))) else {
                odd(&file.path());
                return Ok(());
            };
            if place == Place::New {
                found(Listed { id, size, place, due: 0 });
                return Ok(());
            }
            match file.metadata() {
                Ok(seen) => found(Listed { id, size, place, due: due(place, &seen) }),
                // A message that was delivered or moved while we read is not here any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            Ok(())
        })
    }

    /// Each directory entry of one place, with the number of the shard that it lies in. What lies in queue/cur beside the
    /// shards is an entry too.
    pub(crate) fn walk(
        &self,
        place: Place,
        order: Order,
        each: &mut impl FnMut(&DirEntry, Option<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        let directory = match place {
            Place::New => "new",
            Place::Held => "hold",
            Place::Waiting => "cur",
        };
        for entry in std::fs::read_dir(self.root.join(directory))? {
            let entry = entry?;
            if place == Place::Waiting && entry.file_type()?.is_dir() {
                let lies_in = entry.file_name().to_str().and_then(parse_shard);
                let mut files = std::fs::read_dir(entry.path())?;
                match order {
                    Order::Found => files.try_for_each(|file| each(&file?, lies_in))?,
                    Order::Disk => in_disk_order(files)?.iter().try_for_each(|file| each(file, lies_in))?,
                }
            } else {
                each(&entry, None)?;
            }
        }
        Ok(())
    }

    /// The path of a message below the queue's directory.
    pub fn name(&self, id: Id, size: u64, place: Place) -> Name {
        Name { id, size, place }
    }

    /// Opens a message for reading only, for handing it to a deliverer.
    ///
    /// # Errors
    /// `NotFound` when it does not lie there any more.
    pub fn open_message(&self, id: Id, size: u64, place: Place) -> io::Result<File> {
        let name = self.name(id, size, place).to_string();
        let opened = rustix::fs::openat(&self.directory, name, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(File::from(opened))
    }

    /// Reads and verifies a message's envelope and journal.
    ///
    /// # Errors
    /// The outer error is the file system's; the inner says how the file is damaged.
    pub fn read(&self, id: Id, size: u64, place: Place) -> io::Result<Result<Entry, Damage>> {
        let file = self.open_message(id, size, place)?;
        Entry::read(&file, id, size)
    }

    /// Appends lines to a message's journal with one write. Returns the file, for syncing.
    ///
    /// # Errors
    /// When it does not lie there, or the disk is full; a torn line counts as not written.
    pub fn append(&self, id: Id, size: u64, place: Place, lines: &str) -> io::Result<File> {
        let name = self.name(id, size, place).to_string();
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut file = File::from(rustix::fs::openat(&self.directory, name, flags, Mode::empty())?);
        cut_torn_line(&file, size)?;
        file.write_all(lines.as_bytes())?;
        Ok(file)
    }

    /// Moves a message that must wait from where it lies to queue/cur, or sets its time anew.
    ///
    /// # Errors
    /// When it does not lie there or cannot be moved; `AlreadyExists` where a copy of it waits already.
    pub fn wait_until(&self, id: Id, size: u64, from: Place, due: u64) -> io::Result<()> {
        let old = self.name(id, size, from).to_string();
        let new = self.name(id, size, Place::Waiting).to_string();
        let seconds = i64::try_from(due).unwrap_or(i64::MAX);
        let stamp = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: stamp, last_modification: stamp };
        rustix::fs::utimensat(&self.directory, &old, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        if from != Place::Waiting {
            match self.rename(&old, &new) {
                Err(Errno::NOENT) => {
                    self.make_shard(id)?;
                    self.rename(&old, &new)?;
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Opens the directory in which a message waits, for syncing.
    ///
    /// # Errors
    /// When it is not there.
    pub fn open_shard(&self, id: Id) -> io::Result<OwnedFd> {
        open_directory(&self.root.join("cur").join(shard(id)))
    }

    /// Opens the directory of the held messages, for syncing.
    ///
    /// # Errors
    /// When it is not there.
    pub fn open_held(&self) -> io::Result<OwnedFd> {
        open_directory(&self.root.join("hold"))
    }

    /// Removes a message that is done: every recipient delivered or bounced.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, id: Id, size: u64, place: Place) -> io::Result<()> {
        let name = self.name(id, size, place).to_string();
        rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()).map_err(io::Error::from)
    }

    /// Moves a message to queue/hold.
    ///
    /// # Errors
    /// When it cannot be moved; `AlreadyExists` where a copy of it is held already.
    pub fn hold(&self, id: Id, size: u64, from: Place) -> io::Result<()> {
        let old = self.name(id, size, from).to_string();
        let new = self.name(id, size, Place::Held).to_string();
        self.rename(&old, &new).map_err(io::Error::from)
    }

    /// Sets a message aside in queue/bad that is damaged or a copy; where one of its name lies there, with a number behind the
    /// name. Returns its new path.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn set_aside(&self, id: Id, size: u64, place: Place) -> io::Result<PathBuf> {
        let old = self.name(id, size, place).to_string();
        let first = format!("bad/{id},S={size}");
        let names = std::iter::once(first.clone()).chain((2..).map(|number| format!("{first}.{number}")));
        for new in names.take(MOST_COPIES).filter(|name| !self.root.join(name).exists()) {
            match self.rename(&old, &new) {
                Err(Errno::EXIST) => {}
                other => return other.map(|()| self.root.join(new)).map_err(io::Error::from),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Renames without ever putting one file in the place of another: that would be a message lost.
    fn rename(&self, old: &str, new: &str) -> Result<(), Errno> {
        match rustix::fs::renameat_with(&self.directory, old, &self.directory, new, RenameFlags::NOREPLACE) {
            // A file system that does not know this (NFS): as well as it can be done there.
            Err(Errno::INVAL) if self.root.join(new).symlink_metadata().is_ok() => Err(Errno::EXIST),
            Err(Errno::INVAL) => rustix::fs::renameat(&self.directory, old, &self.directory, new),
            other => other,
        }
    }

    /// Bytes and files that a process without privileges can still add to the file system.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn free(&self) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::fstatvfs(&self.directory)?;
        // Some file systems (btrfs) count no inodes and say 0 of 0.
        let files = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
        Ok((stat.f_bavail.saturating_mul(stat.f_frsize), files))
    }

    /// Whether one sync of a renamed file also makes its name durable here (see
    /// stafett-queue(5)).
    pub fn file_sync_is_enough(&self) -> bool {
        FileSystem::of_opened(&self.directory).is_ok_and(FileSystem::syncs_names_with_files)
    }

    fn make_shard(&self, id: Id) -> io::Result<()> {
        match std::fs::create_dir(self.root.join("cur").join(shard(id))) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }
}

/// A message's path below the queue's directory.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    id: Id,
    size: u64,
    place: Place,
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

fn in_disk_order(files: ReadDir) -> io::Result<Vec<DirEntry>> {
    let mut files = files.collect::<io::Result<Vec<DirEntry>>>()?;
    files.sort_unstable_by_key(DirEntryExt::ino);
    Ok(files)
}

pub(crate) fn shard(id: Id) -> String {
    format!("{:02x}", shard_number(id))
}

fn shard_number(id: Id) -> u8 {
    id.0.to_le_bytes()[0]
}

fn parse_shard(name: &str) -> Option<u8> {
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

/// Takes away what follows the last line end: a line that a crash tore counts as not written, and
/// must not become one with the next.
fn cut_torn_line(file: &File, size: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    let mut last = [0];
    file.read_exact_at(&mut last, length.saturating_sub(1))?;
    if last == *b"\n" {
        return Ok(());
    }
    let mut tail = vec![0; usize::try_from(length.saturating_sub(size)).map_err(io::Error::other)?];
    file.read_exact_at(&mut tail, size)?;
    let kept = memchr::memrchr(b'\n', &tail).map_or(0, |at| at as u64 + 1);
    file.set_len(size + kept)
}

fn lock(path: &Path) -> io::Result<OwnedFd> {
    let directory = open_directory(path)?;
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(directory)
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    opened.map_err(|error| {
        let error = io::Error::from(error);
        io::Error::new(error.kind(), format!("unable to open the directory {}: {error}; stafett-setup mends it", path.display()))
    })
}
