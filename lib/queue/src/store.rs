//! The directories of a queue and how a message moves between them.

use crate::draft::Draft;
use crate::entry::{Damage, Entry};
use crate::id::Id;
use crate::name::{Name, Place, shard};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;
use stafett_sys::filesystem::FileSystem;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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

    /// The path of a message below the queue's directory.
    pub fn name(&self, id: Id, size: u64, place: Place) -> Name {
        Name::new(id, size, place)
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
