//! The ground on which an instance stands: judging and mending places without ever following a
//! symbolic link.
//!
//! Security stance: root mends directories that belong to services. A service that was taken over
//! may have put a link in its own directory, so every step of a path is opened by itself and
//! not followed, and owner and mode are set on what was opened, not on a name.
//! How it fails: with the system's error, its object named by the caller.
//! Known limits: access lists (acl(5)) are neither judged nor touched.

use crate::people::People;
use crate::tree::{Kind, Place};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use stafett_sys::user::{Account, Gid, Uid, group_name};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path};

/// The directory of an instance, held open.
#[derive(Debug)]
pub struct Land {
    root: OwnedFd,
}

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing lies there.
    Missing,
    /// Something else lies there.
    OtherKind(Kind),
    /// Owner or group.
    Owner {
        /// As it is.
        found: (Uid, Gid),
        /// As it must be.
        wanted: (Uid, Gid),
    },
    /// The mode.
    Mode {
        /// As it is.
        found: u32,
        /// As it must be.
        wanted: u32,
    },
}

/// What lies at a path as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    kind: FileType,
    /// Its owner and group.
    pub owner: (Uid, Gid),
    /// Its mode, `07777` of it.
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
}

impl Seen {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("is missing"),
            Fault::OtherKind(Kind::Directory) => f.write_str("is not a directory"),
            Fault::OtherKind(Kind::File) => f.write_str("is not a file"),
            Fault::Owner { found, wanted } => {
                write!(f, "belongs to {}, should belong to {}", names(*found), names(*wanted))
            }
            Fault::Mode { found, wanted } => write!(f, "has mode {found:04o}, should have {wanted:04o}"),
        }
    }
}

impl Land {
    /// Opens the directory `path`, which may be reached through links of the admin.
    ///
    /// # Errors
    /// When it is none or cannot be searched.
    pub fn open(path: &Path) -> io::Result<Land> {
        let root = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Land { root })
    }

    /// What lies at `path`; `None` when nothing does.
    ///
    /// # Errors
    /// When the way there is barred.
    pub fn look(&self, path: &Path) -> io::Result<Option<Seen>> {
        match self.reach(path) {
            Ok(found) => seen(&found).map(Some),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What is wrong at a place.
    ///
    /// # Errors
    /// When the way there is barred.
    pub fn judge(&self, place: &Place, people: &People) -> io::Result<Vec<Fault>> {
        let Some(seen) = self.look(&place.path)? else { return Ok(vec![Fault::Missing]) };
        Ok(faults(place, people, &seen))
    }

    /// Sets right what is wrong at a place, and says what it was. A missing directory is made, a
    /// missing file is left to the caller.
    ///
    /// # Errors
    /// When something else lies there, or the system refuses.
    pub fn mend(&self, place: &Place, people: &People) -> io::Result<Vec<Fault>> {
        let found = self.judge(place, people)?;
        for fault in &found {
            match *fault {
                Fault::Missing if place.kind == Kind::Directory => self.make(place, people)?,
                Fault::Missing => {}
                Fault::OtherKind(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, fault.to_string())),
                Fault::Owner { wanted, .. } => self.give(&place.path, wanted)?,
                Fault::Mode { wanted, .. } => self.set_mode(&place.path, wanted)?,
            }
        }
        Ok(found)
    }

    /// Gives what lies at `path` to that user and group.
    ///
    /// # Errors
    /// When the system refuses; for a file with several names, because one of them may be a name
    /// elsewhere that its owner chose.
    pub fn give(&self, path: &Path, (uid, gid): (Uid, Gid)) -> io::Result<()> {
        let found = self.reach(path)?;
        let seen = seen(&found)?;
        if !seen.is_directory() && seen.links > 1 {
            return Err(io::Error::other("it has several names (hard links); remove all but one"));
        }
        let (uid, gid) = (rustix::fs::Uid::from_raw(uid.0), rustix::fs::Gid::from_raw(gid.0));
        rustix::fs::chownat(&found, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        // chown(2) may clear bits of the mode; the caller's next step sets them.
        if seen.is_directory() || seen.mode & 0o6000 == 0 { Ok(()) } else { set_mode(&found, seen.mode & 0o1777) }
    }

    /// Sets the mode of what lies at `path`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        set_mode(&self.reach(path)?, mode)
    }

    fn make(&self, place: &Place, people: &People) -> io::Result<()> {
        let parent = self.reach(place.path.parent().unwrap_or(Path::new("")))?;
        let name = place.path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        rustix::fs::mkdirat(&parent, name, Mode::RWXU)?;
        self.give(&place.path, people.ids(place.owner, place.group))?;
        self.set_mode(&place.path, place.mode)
    }

    /// Opens what lies at `path` by name alone, one step at a time.
    fn reach(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here = rustix::fs::openat(&self.root, ".", flags, Mode::empty())?;
        for step in path.components() {
            let Component::Normal(name) = step else { return Err(rustix::io::Errno::INVAL) };
            here = rustix::fs::openat(&here, name, flags, Mode::empty())?;
        }
        Ok(here)
    }
}

/// What is wrong with something seen at a place.
fn faults(place: &Place, people: &People, seen: &Seen) -> Vec<Fault> {
    let fits = match place.kind {
        Kind::Directory => seen.is_directory(),
        Kind::File => seen.is_file(),
    };
    if !fits {
        return vec![Fault::OtherKind(place.kind)];
    }
    let wanted = people.ids(place.owner, place.group);
    let owner = (seen.owner != wanted).then_some(Fault::Owner { found: seen.owner, wanted });
    let mode = (seen.mode != place.mode).then_some(Fault::Mode { found: seen.mode, wanted: place.mode });
    owner.into_iter().chain(mode).collect()
}

/// `user:group` by name, by number where there is no name.
fn names((uid, gid): (Uid, Gid)) -> String {
    let user = Account::by_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |account| account.name);
    let group = group_name(gid).ok().flatten().unwrap_or_else(|| gid.to_string());
    format!("{user}:{group}")
}

fn seen(opened: &OwnedFd) -> io::Result<Seen> {
    let found = rustix::fs::fstat(opened)?;
    Ok(Seen {
        kind: FileType::from_raw_mode(found.st_mode),
        owner: (Uid(found.st_uid), Gid(found.st_gid)),
        mode: found.st_mode & 0o7777,
        links: found.st_nlink,
    })
}

/// A descriptor that was opened by name alone takes no fchmod(2); its name under /proc does
/// (proc(5)), and means exactly what was opened.
fn set_mode(opened: &OwnedFd, mode: u32) -> io::Result<()> {
    if seen(opened)?.kind == FileType::Symlink {
        return Err(io::Error::other("it is a symbolic link"));
    }
    let name = format!("/proc/self/fd/{}", opened.as_fd().as_raw_fd());
    rustix::fs::chmod(name, Mode::from_raw_mode(mode)).map_err(io::Error::from)
}
