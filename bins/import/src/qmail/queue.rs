//! The directories of qmail's queue: which files belong to which message, and how they are put out of qmail's sight.
//!
//! What: a message is a number and up to seven files of that name, in mess/, info/, local/, remote/, todo/, intd/ and
//! bounce/, each flat or split over numbered directories: whatever split qmail was built with, and with the big-todo patch or
//! without, the files are found where they lie.
//! Security stance: no symbolic link is opened. How it fails: `std::io::Error`, or a sentence. Known limits: qmail must not run;
//! the lock of qmail-send is held, but qmail-queue takes none and may still put messages into todo/.

use rustix::fs::{FlockOperation, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// What a file of a message holds. In the order in which they are given up: qmail sees a message no more once its file in todo/,
/// or where there is none that in info/, is gone; and while it is in todo/, what lies in info/, local/ and remote/ is a torso
/// that must not be all that is left. The message itself goes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The sender; its time is the birth of the message.
    Info,
    /// Recipients of this host.
    Local,
    /// Recipients elsewhere.
    Remote,
    /// Texts for the bounce.
    Bounce,
    /// The envelope as it was injected; who has this has all recipients.
    Todo,
    /// The envelope while it is written; the same file as todo afterwards.
    Intd,
    /// The message.
    Mess,
}

/// All of them.
pub const PARTS: [Part; 7] = [Part::Info, Part::Local, Part::Remote, Part::Bounce, Part::Todo, Part::Intd, Part::Mess];

/// Where what was taken is kept, below the queue.
const TAKEN: &str = "taken";

impl Part {
    /// The name of its directory.
    pub fn name(self) -> &'static str {
        match self {
            Part::Todo => "todo",
            Part::Info => "info",
            Part::Local => "local",
            Part::Remote => "remote",
            Part::Bounce => "bounce",
            Part::Intd => "intd",
            Part::Mess => "mess",
        }
    }
}

/// The files of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<Part, PathBuf>);

impl Files {
    /// The path of one of them.
    pub fn path(&self, part: Part) -> Option<&Path> {
        self.0.get(&part).map(PathBuf::as_path)
    }

    /// Whether qmail would still deliver it.
    pub fn is_seen(&self) -> bool {
        self.path(Part::Mess).is_some() && (self.path(Part::Todo).is_some() || self.path(Part::Info).is_some())
    }

    /// Their names below the queue, for showing.
    pub fn names(&self) -> String {
        self.0.keys().map(|part| part.name()).collect::<Vec<_>>().join(", ")
    }
}

/// A queue of qmail.
#[derive(Debug)]
pub struct Queue {
    root: PathBuf,
}

/// What lies in it.
#[derive(Debug, Default)]
pub struct Content {
    /// Messages by number.
    pub messages: BTreeMap<u64, Files>,
    /// Files that are none of a message.
    pub odd: Vec<PathBuf>,
}

impl Queue {
    /// The queue of the qmail in `home`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(home: &Path) -> Result<Queue, String> {
        let root = home.join("queue");
        match root.join(Part::Mess.name()).is_dir() {
            true => Ok(Queue { root }),
            false => Err(format!("{} is no queue of qmail: it has no directory mess", root.display())),
        }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps qmail-send from starting as long as the descriptor lives (qmail-send's own lock).
    ///
    /// # Errors
    /// When qmail-send runs, or the lock cannot be had.
    pub fn lock(&self) -> Result<OwnedFd, String> {
        let path = self.root.join("lock/sendmutex");
        let failed = |error: rustix::io::Errno| format!("unable to lock {}: {error}", path.display());
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let lock = rustix::fs::open(&path, flags, Mode::empty()).map_err(failed)?;
        // qmail was built with flock(2) or, where its Makefile found none, with lockf(3).
        let only = FlockOperation::NonBlockingLockExclusive;
        match rustix::fs::flock(&lock, only).and_then(|()| rustix::fs::fcntl_lock(&lock, only)) {
            Ok(()) => Ok(lock),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::ACCESS) => {
                Err("qmail-send is running; stop qmail first (svc -d, or TERM to qmail-send)".to_owned())
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Finds all messages.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn content(&self) -> io::Result<Content> {
        let mut content = Content::default();
        for part in PARTS {
            let directory = self.root.join(part.name());
            for entry in entries(&directory)? {
                match entry.is_dir() && number(&entry).is_some() && !entry.is_symlink() {
                    true => entries(&entry)?.into_iter().for_each(|file| content.add(part, file)),
                    false => content.add(part, entry),
                }
            }
        }
        Ok(content)
    }

    /// Whether files of a message were moved under this name.
    pub fn has_taken(&self, name: &str) -> bool {
        self.root.join(TAKEN).join(name).is_dir()
    }

    /// Takes the files of a message out of qmail's sight, into queue/taken/NAME.
    ///
    /// # Errors
    /// When a file cannot be moved; what was moved stays so, and doing it again goes on.
    pub fn give_up(&self, files: &Files, name: &str, number: u64) -> io::Result<()> {
        let place = self.root.join(TAKEN).join(name);
        private_directory(&self.root.join(TAKEN))?;
        private_directory(&place)?;
        for (part, path) in &files.0 {
            match fs::rename(path, place.join(format!("{number}.{}", part.name()))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes queue/taken/NAME, where it is, and queue/taken with the last.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove_taken(&self, name: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.root.join(TAKEN).join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::remove_dir(self.root.join(TAKEN)) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes all of that durable.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        rustix::fs::syncfs(File::open(&self.root)?).map_err(io::Error::from)
    }
}

impl Content {
    fn add(&mut self, part: Part, path: PathBuf) {
        match number(&path).filter(|_| path.symlink_metadata().is_ok_and(|seen| seen.is_file())) {
            Some(number) => drop(self.messages.entry(number).or_default().0.insert(part, path)),
            None => self.odd.push(path),
        }
    }
}

fn private_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.symlink_metadata()?.is_dir() => Ok(()),
        other => other,
    }
}

/// What lies in a directory, in order; nothing where there is none: todo and intd may be missing in a copy.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let found = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found?,
    };
    let mut paths = found.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.parse().ok().filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()))
}
