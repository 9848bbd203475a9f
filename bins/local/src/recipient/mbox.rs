//! Delivery into an mbox (mbox(5)): one file, messages divided by lines that begin with `From `.
//!
//! The file is locked with `FILE.lock` beside it, where the recipient may make that, with flock and with fcntl, in this order;
//! a file that was moved away meanwhile is left to who moved it. A line of the message that
//! could be taken for a divider gets a `>`. What cannot be written whole is cut off again, and a message that was torn by
//! a crash is closed before the next one. Room for it is taken first: btrfs cuts nothing off where a quota is used up.
//! How it fails: the delivery is put off; so it is where the path is no plain file: a device, a pipe or a directory.
//! Known limits: a process that is killed while it writes leaves a torn message in the file; its whole copy follows.

use super::{Delivery, Stop};
use rustix::fs::{FallocateFlags, FlockOperation, OFlags};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// How long a lock is waited for, as in qmail-local(8).
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(50);
/// A lock beside the file that is older belongs to nobody any more.
const STALE: Duration = Duration::from_secs(300);
/// How often a file may be moved away under a delivery that waits for it.
const MOST_MOVES: usize = 10;

/// Appends the message to the file at `path`, behind this divider.
pub fn append(delivery: &Delivery, path: &Path, divider: &str) -> Result<(), Stop> {
    let _beside = DotLock::take(path)?;
    let file = open_locked(path)?;
    delivery.is_wanted()?;
    let before = file.metadata().map_err(|error| failed("stat", path, &error))?.len();
    let written = write(delivery, &file, path, divider, before)
        .and_then(|()| make_durable(&file, path, before).map_err(|error| failed("write", path, &error)));
    if written.is_err() {
        // Were this to fail, the next delivery would close what was torn.
        let _ = file.set_len(before);
    }
    written
}

/// The file that has the name once it is locked: who empties an mbox may move it away until then.
fn open_locked(path: &Path) -> Result<File, Stop> {
    for _ in 0..MOST_MOVES {
        let file = open(path).map_err(|error| failed("open", path, &error))?;
        lock(&file, path)?;
        if is_at(&file, path).map_err(|error| failed("stat", path, &error))? {
            return Ok(file);
        }
    }
    Err(busy(path))
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = File::options().read(true).append(true).create(true).mode(0o600).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => io::Error::other("it is a directory; the path of a Maildir ends with /"),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file")) }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn lock(file: &File, path: &Path) -> Result<(), Stop> {
    let operation = FlockOperation::NonBlockingLockExclusive;
    // NFS makes the one lock of the other, and this process would wait for itself.
    if !is_on_nfs(file) {
        wait_for_lock(path, || rustix::fs::flock(file, operation))?;
    }
    wait_for_lock(path, || rustix::fs::fcntl_lock(file, operation))
}

fn is_on_nfs(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type == rustix::fs::NFS_SUPER_MAGIC)
}

fn wait_for_lock(path: &Path, attempt: impl Fn() -> rustix::io::Result<()>) -> Result<(), Stop> {
    patiently(|| match attempt() {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::ACCESS | Errno::INTR) => Ok(false),
        Err(error) => Err(failed("lock", path, &error.into())),
    })?
    .ok_or_else(|| busy(path))
}

/// The message on the disk, and the name of the file with it: one that was empty may be new.
fn make_durable(file: &File, path: &Path, before: u64) -> io::Result<()> {
    file.sync_all()?;
    if before > 0 {
        return Ok(());
    }
    let real = fs::canonicalize(path)?;
    match File::open(real.parent().unwrap_or(Path::new("/"))) {
        Ok(directory) => directory.sync_all(),
        // One that its users may only pass through.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

fn write(delivery: &Delivery, mut file: &File, path: &Path, divider: &str, before: u64) -> Result<(), Stop> {
    let end = missing_end(file, before).map_err(|error| failed("read", path, &error))?;
    let head = format!("{divider}{}\n{}\n", delivery.return_path(), delivery.delivered_to());
    let ends = end.len() + "\n\n".len();
    reserve(file, before, delivery.content.most() + (head.len() + ends) as u64).map_err(|error| failed("write", path, &error))?;
    let mut put = |piece: &[u8]| file.write_all(piece).map_err(|error| failed("write", path, &error));
    put(end)?;
    put(head.as_bytes())?;
    let mut quoting = Quoting::default();
    let mut out = Vec::new();
    delivery.content.copy(&mut |piece| {
        out.clear();
        quoting.quote(piece, &mut out);
        put(&out)
    })?;
    put(quoting.end())
}

/// Takes room for so many bytes behind the end, or says that there is none.
fn reserve(file: &File, end: u64, length: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, end, length) {
        Err(error @ (Errno::DQUOT | Errno::NOSPC)) => Err(error.into()),
        // A file system that cannot do this may still take the message.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What a torn message lacks: an end of its line, a blank line.
fn missing_end(file: &File, length: u64) -> io::Result<&'static [u8]> {
    let mut last = [b'\n'; 2];
    let wanted = length.min(2);
    let space = last.len() - usize::try_from(wanted).unwrap_or(0);
    file.read_exact_at(last.get_mut(space..).unwrap_or_default(), length - wanted)?;
    Ok(match last {
        [b'\n', b'\n'] => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    })
}

/// Puts `>` before lines that begin with any number of `>` and `From `, also across pieces.
#[derive(Debug, Default)]
struct Quoting {
    /// The beginning of a line that may still become such.
    held: Vec<u8>,
    inside: bool,
}

impl Quoting {
    fn quote(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = part;
            while !self.inside && !rest.is_empty() {
                let (first, after) = rest.split_at(1);
                self.held.extend_from_slice(first);
                rest = after;
                match judge(&self.held) {
                    None => continue,
                    Some(true) => out.push(b'>'),
                    Some(false) => {}
                }
                out.append(&mut self.held);
                self.inside = true;
            }
            out.extend_from_slice(rest);
            if part.ends_with(b"\n") {
                self.inside = false;
            }
        }
    }

    /// What closes the message: its last line and a blank one.
    fn end(mut self) -> &'static [u8] {
        self.inside |= !self.held.is_empty();
        if self.inside { b"\n\n" } else { b"\n" }
    }
}

/// Whether a line with this beginning is to be quoted; `None` while that is open.
fn judge(beginning: &[u8]) -> Option<bool> {
    const WORD: &[u8] = b"From ";
    let after = beginning.iter().position(|byte| *byte != b'>').and_then(|start| beginning.get(start..)).unwrap_or_default();
    if after.starts_with(WORD) {
        return Some(true);
    }
    if WORD.starts_with(after) { None } else { Some(false) }
}

/// The lock beside the file, for programs that know no other.
struct DotLock(Option<PathBuf>);

impl DotLock {
    fn take(path: &Path) -> Result<DotLock, Stop> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = PathBuf::from(name);
        let taken = patiently(|| match File::options().write(true).create_new(true).mode(0o600).open(&name) {
            Ok(mut file) => {
                let _ = write!(file, "{}", std::process::id());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_stale(&name);
                Ok(false)
            }
            // Such as /var/mail, where only some programs may: flock is what is left.
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => Err(None),
            // Whoever opens the file will say it better.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Err(None),
            Err(error) => Err(Some(failed("lock", path, &error))),
        });
        match taken {
            Ok(Some(())) => Ok(DotLock(Some(name))),
            Ok(None) => Err(busy(path)),
            Err(None) => Ok(DotLock(None)),
            Err(Some(stop)) => Err(stop),
        }
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            let _ = fs::remove_file(name);
        }
    }
}

fn remove_stale(name: &Path) {
    let age = fs::symlink_metadata(name).and_then(|found| found.modified()).map(|made| SystemTime::now().duration_since(made));
    if age.is_ok_and(|age| age.is_ok_and(|age| age > STALE)) {
        let _ = fs::remove_file(name);
    }
}

/// Tries until it is done; nothing when the time is over.
fn patiently<E>(mut attempt: impl FnMut() -> Result<bool, E>) -> Result<Option<()>, E> {
    let mut waited = Duration::ZERO;
    while !attempt()? {
        if waited >= PATIENCE {
            return Ok(None);
        }
        sleep(PAUSE);
        waited += PAUSE;
    }
    Ok(Some(()))
}

fn busy(path: &Path) -> Stop {
    Stop::Later(format!("Unable to lock {}: somebody else has had it for {} seconds. (#4.3.0)", path.display(), PATIENCE.as_secs()))
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Stop {
    let code = match (error.kind(), verb) {
        (io::ErrorKind::QuotaExceeded, _) => "4.2.2",
        (_, "open") => "4.2.1",
        _ => "4.3.0",
    };
    Stop::Later(format!("Unable to {verb} {}: {error}. (#{code})", path.display()))
}

#[cfg(test)]
#[path = "mbox_test.rs"]
mod mbox_test;
