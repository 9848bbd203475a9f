//! Delivery into a Maildir (maildir(5)).
//!
//! The message is written and synced under tmp/, renamed into new/, and the directory is synced: what is in new/ is whole, and
//! stays. The journal of the file system is shared by all who sync at the same time, so deliveries that
//! land together cost little more than one; several messages for one recipient share the sync of the directory, too.
//! The name is unique by time, process, device and inode; `,S=` has the bytes of the file, `,W=` those that it has with CRLF.
//! How it fails: what could not be finished is removed from tmp/; without a Maildir the delivery is put off.

use super::quota::{self, Used};
use super::{Delivery, Stop};
use rustix::fs::{CWD, RenameFlags};
use stafett_sys::filesystem::begin_writing;
use std::collections::HashMap;
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
    let mut draft = Draft::write(delivery, path, Used::default())?;
    draft.sync()?;
    delivery.is_wanted()?;
    draft.land()?;
    draft.settle(sync_new(path))
}

/// Puts several messages into their Maildirs together: all are written before the first is synced, and have their names before a
/// directory is synced. What became of the first ones, in their order; of any others nothing was begun.
pub fn deliver_all(messages: &[(&Delivery, &Path)]) -> Vec<Result<(), Stop>> {
    if let [(delivery, path)] = messages {
        return vec![deliver(delivery, path)];
    }
    let mut drafts: Vec<Result<Draft<'_>, Stop>> = Vec::with_capacity(messages.len());
    for (delivery, path) in messages {
        let landing =
            drafts.iter().flatten().filter(|draft| draft.path == *path).fold(Used::default(), |sum, draft| sum.and_one(draft.bytes));
        let draft = Draft::write(delivery, path, landing);
        // Whether the quota has room for it is known when those before it have landed.
        if landing != Used::default() && matches!(draft, Err(Stop::Never(_))) {
            break;
        }
        // Where this is not known the syncs take longer.
        let _ = draft.as_ref().map(|draft| begin_writing(&draft.file));
        drafts.push(draft);
    }
    drafts.iter_mut().for_each(|draft| go_on(draft, |draft| draft.sync()));
    let is_wanted = messages.first().map_or(Ok(()), |(delivery, _)| delivery.is_wanted());
    drafts.iter_mut().for_each(|draft| go_on(draft, |draft| is_wanted.clone().and_then(|()| draft.land())));
    let mut synced = HashMap::new();
    for draft in &mut drafts {
        go_on(draft, |draft| draft.settle(synced.entry(draft.path).or_insert_with(|| sync_new(draft.path)).clone()));
    }
    drafts.into_iter().map(|draft| draft.map(drop)).collect()
}

/// The next step of what has met no trouble yet.
fn go_on<'a>(draft: &mut Result<Draft<'a>, Stop>, step: impl FnOnce(&mut Draft<'a>) -> Result<(), Stop>) {
    if let Ok(going) = draft
        && let Err(stop) = step(going)
    {
        *draft = Err(stop);
    }
}

/// A message on its way into a Maildir. What has not landed is removed from tmp/.
struct Draft<'a> {
    path: &'a Path,
    name: Name,
    file: File,
    bytes: u64,
    lines: u64,
    has_quota: bool,
    /// Its name in new/.
    landed: Option<PathBuf>,
}

impl<'a> Draft<'a> {
    /// Behind others that are about to land there.
    fn write(delivery: &Delivery, path: &'a Path, landing: Used) -> Result<Draft<'a>, Stop> {
        let quota = quota::Quota::of(path).map_err(|error| failed(path, &error))?;
        let name = Name::new();
        let file = open(&path.join("tmp").join(name.draft())).map_err(|error| unusable(path, &error))?;
        let mut draft = Draft { path, name, file, bytes: 0, lines: 0, has_quota: quota.is_some(), landed: None };
        (draft.bytes, draft.lines) = draft.fill(delivery)?;
        match quota {
            Some(quota) => quota.admit(path, draft.bytes, landing).map(|()| draft),
            None => Ok(draft),
        }
    }

    /// How many bytes and lines it has.
    fn fill(&self, delivery: &Delivery) -> Result<(u64, u64), Stop> {
        let (mut bytes, mut lines) = (0_u64, 0_u64);
        let mut file = BufWriter::with_capacity(BUFFER, &self.file);
        let mut put = |piece: &[u8]| {
            bytes += piece.len() as u64;
            lines += memchr::memchr_iter(b'\n', piece).count() as u64;
            file.write_all(piece).map_err(|error| failed(self.path, &error))
        };
        put(format!("{}\n{}\n", delivery.return_path(), delivery.delivered_to()).as_bytes())?;
        delivery.content.copy(&mut put)?;
        file.flush().map_err(|error| failed(self.path, &error))?;
        Ok((bytes, lines))
    }

    fn sync(&self) -> Result<(), Stop> {
        self.file.sync_all().map_err(|error| failed(self.path, &error))
    }

    /// Gives the synced file its name in new/; [`sync_new`] makes that durable.
    fn land(&mut self) -> Result<(), Stop> {
        let last = rename_into_new(self).map_err(|error| failed(self.path, &error))?;
        self.landed = Some(last);
        Ok(())
    }

    /// The end: whether its name is durable. One that is not counts as not delivered, and must not be there twice.
    fn settle(&mut self, synced: Result<(), Stop>) -> Result<(), Stop> {
        match &synced {
            Ok(()) if self.has_quota => quota::note(self.path, self.bytes),
            Ok(()) => {}
            Err(_) => self.landed.take().into_iter().for_each(|last| {
                let _ = std::fs::remove_file(last);
            }),
        }
        synced
    }

    fn place(&self) -> PathBuf {
        self.path.join("tmp").join(self.name.draft())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.landed.is_none() {
            let _ = std::fs::remove_file(self.place());
        }
    }
}

fn rename_into_new(draft: &Draft<'_>) -> io::Result<PathBuf> {
    let found = draft.file.metadata()?;
    let (bytes, wire) = (draft.bytes, draft.bytes + draft.lines);
    let name = draft.name.unique(found.dev(), found.ino());
    let last = draft.path.join("new").join(format!("{name},S={bytes},W={wire}"));
    rename(&draft.file, &draft.place(), &last)?;
    Ok(last)
}

fn sync_new(path: &Path) -> Result<(), Stop> {
    File::open(path.join("new")).and_then(|directory| directory.sync_all()).map_err(|error| failed(path, &error))
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
