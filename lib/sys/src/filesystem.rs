//! What kind of file system something lies on, and what that promises.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// A kind of file system, by its number in statfs(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystem(i64);

/// How much room is left for a process without privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// Files; `u64::MAX` where they are not counted.
    pub files: u64,
}

const EXT4: i64 = 0xEF53;
const XFS: i64 = 0x5846_5342;
const BTRFS: i64 = 0x9123_683E;

/// Names, and whether another host may change what lies there unseen.
const KNOWN: &[(i64, &str, bool)] = &[
    (EXT4, "ext4 (or ext2, ext3)", false),
    (XFS, "xfs", false),
    (BTRFS, "btrfs", false),
    (0x0102_1994, "tmpfs", false),
    (0x794C_7630, "overlayfs", false),
    (0x2FC1_2FC1, "zfs", false),
    (0xF2F5_2010, "f2fs", false),
    (0xCA45_1A4E, "bcachefs", false),
    (0x6573_5546, "fuse", true),
    (0x6969, "nfs", true),
    (0xFF53_4D42, "cifs", true),
    (0xFE53_4D42, "smb2", true),
    (0x0102_1997, "9p", true),
    (0x00C3_6400, "ceph", true),
];

const TMPFS: i64 = 0x0102_1994;

impl FileSystem {
    /// That of `path`.
    ///
    /// # Errors
    /// When there is nothing, or the way is barred.
    pub fn of(path: &Path) -> io::Result<FileSystem> {
        Ok(FileSystem(rustix::fs::statfs(path)?.f_type))
    }

    /// That of an open file or directory.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of_opened(opened: impl AsFd) -> io::Result<FileSystem> {
        Ok(FileSystem(rustix::fs::fstatfs(opened)?.f_type))
    }

    /// Whether one sync of a renamed file also makes its name durable (see stafett-queue(5)):
    /// measured for ext4, xfs and btrfs.
    pub fn syncs_names_with_files(self) -> bool {
        matches!(self.0, EXT4 | XFS | BTRFS)
    }

    /// Whether it is ext4, or one of those before it, which have its number.
    pub fn is_ext4(self) -> bool {
        self.0 == EXT4
    }

    /// Whether it lies on, or may be changed from, another host.
    pub fn is_remote(self) -> bool {
        KNOWN.iter().any(|&(number, _, remote)| number == self.0 && remote)
    }

    /// Whether it lies in memory alone.
    pub fn is_memory(self) -> bool {
        self.0 == TMPFS
    }
}

/// Its name, or its number where it is none of the common ones.
impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KNOWN.iter().find(|(number, ..)| *number == self.0) {
            Some((_, name, _)) => f.write_str(name),
            None => write!(f, "unknown, number {:#x}", self.0),
        }
    }
}

/// The room that is left where `path` lies.
///
/// # Errors
/// When there is nothing, or the way is barred.
pub fn room(path: &Path) -> io::Result<Room> {
    let stat = rustix::fs::statvfs(path)?;
    // Some file systems (btrfs) count no inodes and say 0 of 0.
    let files = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
    Ok(Room { bytes: stat.f_bavail.saturating_mul(stat.f_frsize), files })
}

/// Has the system begin to write what a file holds, and waits for nothing (sync_file_range(2)). Files of which that was said before
/// the first is synced have their places on the disk by then, and share a commit of the journal.
///
/// # Errors
/// When the file system does not know this. Nothing is promised either way: only a sync is.
pub fn begin_writing(file: impl AsFd) -> io::Result<()> {
    // SAFETY: no memory is passed; the descriptor is open for as long as the call takes.
    let begun = unsafe { libc::sync_file_range(file.as_fd().as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
    if begun < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
