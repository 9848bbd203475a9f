//! Delivery into a Maildir (maildir(5)).
//!
//! The message is written and synced under tmp/, renamed into new/, and the directory is synced: what is in new/ is whole, and
//! stays. The journal of the file system is shared by all who sync at the same time, so deliveries that
//! land together cost little more than one.
//! The name is unique by time, process, device and inode; `,S=` has the bytes of the file, `,W=` those that it has with CRLF.
//! How it fails: what could not be finished is removed from tmp/; without a Maildir the delivery is put off.

use super::{Delivery, Stop, quota};
use rustix::fs::{CWD, RenameFlags};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Small messages are written at once, in bytes.
const BUFFER: usize = 16 * 1024;

/// Deliveries of this process so far, so that two of one microsecond have different names.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Puts the message into the Maildir at `path`.
pub fn deliver(delivery: &Delivery, path: &Path) -> Result<(), Stop> {
    let quota = quota::Quota::of(path).map_err(|error| failed(path, &error))?;
    let name = Name::new();
    let draft = path.join("tmp").join(name.draft());
    let file = open(&draft).map_err(|error| unusable(path, &error))?;
    let landed = write(delivery, file, path, &name, quota);
    if landed.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    landed
}

fn write(delivery: &Delivery, file: File, path: &Path, name: &Name, quota: Option<quota::Quota>) -> Result<(), Stop> {
    let (mut bytes, mut lines) = (0_u64, 0_u64);
    let mut file = BufWriter::with_capacity(BUFFER, file);
    let mut put = |piece: &[u8]| {
        bytes += piece.len() as u64;
        lines += memchr::memchr_iter(b'\n', piece).count() as u64;
        file.write_all(piece).map_err(|error| failed(path, &error))
    };
    put(format!("{}\n{}\n", delivery.return_path(), delivery.delivered_to()).as_bytes())?;
    delivery.content.copy(&mut put)?;
    if let Some(quota) = &quota {
        quota.admit(path, bytes)?;
    }
    let file = file.into_inner().map_err(|error| failed(path, error.error()))?;
    file.sync_all().map_err(|error| failed(path, &error))?;
    delivery.is_wanted()?;
    land(&file, path, name, (bytes, bytes + lines)).map_err(|error| failed(path, &error))?;
    if quota.is_some() {
        quota::note(path, bytes);
    }
    Ok(())
}

/// Gives the synced file its name in new/ and makes that durable.
fn land(file: &File, path: &Path, name: &Name, (bytes, wire): (u64, u64)) -> io::Result<()> {
    let found = file.metadata()?;
    let directory = path.join("new");
    let draft = path.join("tmp").join(name.draft());
    let last = directory.join(format!("{},S={bytes},W={wire}", name.unique(found.dev(), found.ino())));
    rename(file, &draft, &last)?;
    File::open(&directory).and_then(|directory| directory.sync_all()).inspect_err(|_| {
        // It counts as not delivered, and must not be there twice.
        let _ = std::fs::remove_file(&last);
    })
}

/// A name that is taken is never replaced, though none can be.
fn rename(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    let done = match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems of other hosts do not know the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => link(from, to),
        done => done.map_err(io::Error::from),
    };
    // The server of a file system may have done it though its answer was lost; the message would come twice.
    done.or_else(|error| if is_at(file, to) { Ok(()) } else { Err(error) })
}

/// Once it has its name in new/, the one that it keeps in tmp/ is no reason to deliver it again; readers remove what is old there.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to)?;
    let _ = std::fs::remove_file(from);
    Ok(())
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// The parts of a unique name.
struct Name {
    time: String,
    host: String,
    number: u32,
}

impl Name {
    fn new() -> Name {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let host = rustix::system::uname().nodename().to_string_lossy().replace('/', "\\057").replace([':', ','], "\\072");
        let pid = std::process::id();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Name { time: format!("{}.M{}P{pid}", time.as_secs(), time.subsec_micros()), host, number }
    }

    fn draft(&self) -> PathBuf {
        PathBuf::from(format!("{}Q{}.{}", self.time, self.number, self.host))
    }

    fn unique(&self, device: u64, inode: u64) -> String {
        format!("{}V{device:x}I{inode:x}Q{}.{}", self.time, self.number, self.host)
    }
}

fn unusable(path: &Path, error: &io::Error) -> Stop {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound if path.is_dir() => {
            Stop::Later(format!("Unable to use maildir {shown}: it has no directory tmp. (#4.2.1)"))
        }
        io::ErrorKind::NotFound => {
            Stop::Later(format!("Unable to chdir to maildir {shown}: it is not there; maildirmake makes it. (#4.2.1)"))
        }
        _ => failed(path, error),
    }
}

fn failed(path: &Path, error: &io::Error) -> Stop {
    let code = if matches!(error.kind(), io::ErrorKind::QuotaExceeded) { "4.2.2" } else { "4.3.0" };
    Stop::Later(format!("Temporary error on maildir delivery to {}: {error}. (#{code})", path.display()))
}

#[cfg(test)]
#[path = "maildir_test.rs"]
mod maildir_test;
