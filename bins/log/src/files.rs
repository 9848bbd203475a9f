//! The logs of an instance as they lie on disk: for each service `current` and the files that it
//! was renamed to (multilog(8), svlogd(8)).
//!
//! Security stance: opens regular files in the directories below log/ alone. How it fails: what
//! cannot be read is named on standard error, and the rest is used.
//! Known limits: compressed files are left out, with a note.

use crate::LOG;
use crate::span::Span;
use crate::stamp::{self, Moment, SECOND};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that ended this long before a span may still hold lines of it: clocks are set.
const TOLERANCE: i64 = 3600 * SECOND;

/// The logs of an instance.
#[derive(Debug)]
pub struct Logs {
    /// One for each service.
    pub directories: Vec<Directory>,
    /// How many files or directories could not be read.
    pub unreadable: usize,
}

/// The log of one service.
#[derive(Debug)]
pub struct Directory {
    /// Where it lies.
    pub path: PathBuf,
    /// Its finished files, the oldest first.
    pub rotated: Vec<PathBuf>,
    /// The file that is written to.
    pub current: Option<Current>,
}

/// The file that is written to.
#[derive(Debug)]
pub struct Current {
    /// Opened once, as its name may be another file's later.
    pub file: File,
    /// Its bytes when we began; what comes later is for those who follow.
    pub length: u64,
}

impl Logs {
    /// Finds what may hold lines of a span.
    ///
    /// # Errors
    /// When there are no logs to read at all, in words.
    pub fn find(root: &Path, span: Span) -> Result<Logs, String> {
        let top = root.join("log");
        let fails = |error: io::Error| format!("unable to read {}: {error}", top.display());
        let mut names: Vec<PathBuf> =
            fs::read_dir(&top).map_err(fails)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        names.sort();
        let mut logs = Logs { directories: Vec::new(), unreadable: 0 };
        for path in names {
            match Directory::find(&path, span, &mut logs.unreadable) {
                Ok(directory) => logs.directories.push(directory),
                Err(error) => complain(&path, &error, &mut logs.unreadable),
            }
        }
        match logs.directories.is_empty() {
            true if logs.unreadable > 0 => {
                Err(format!("none of the logs in {} can be read; be root or in the group of its directories", top.display()))
            }
            true => Err(format!("there are no logs in {}", top.display())),
            false => Ok(logs),
        }
    }
}

impl Directory {
    fn find(path: &Path, span: Span, unreadable: &mut usize) -> io::Result<Directory> {
        // Opened before the names are read: whatever is rotated meanwhile is seen once, by its inode.
        let current = open(&path.join("current"), unreadable);
        let inode = current.as_ref().and_then(|one| one.file.metadata().ok()).map(|found| found.ino());
        let mut rotated = Vec::new();
        let mut begins = Moment(i64::MIN);
        for (name, ends) in finished(path)? {
            let is_wanted = ends.plus(TOLERANCE) >= span.since && begins.plus(-TOLERANCE) < span.until;
            begins = ends;
            if is_wanted && fs::metadata(&name).is_ok_and(|found| Some(found.ino()) != inode) {
                rotated.push(name);
            }
        }
        // A file without lines for us costs nothing; one that cannot be read is named now.
        rotated.retain(|name| open(name, unreadable).is_some());
        Ok(Directory { path: path.to_owned(), rotated, current })
    }
}

/// The finished files of a directory with the time when each was finished, the oldest first.
pub fn finished(directory: &Path) -> io::Result<Vec<(PathBuf, Moment)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(ends) = name.get(..25).and_then(|label| stamp::label(label.as_bytes())) else {
            continue;
        };
        match name.get(25..) {
            Some(".s" | ".u" | ".t") => found.push((path, ends)),
            _ => LOG.note(format_args!("{} is left out; unpack it to NAME.s to have it read", path.display())),
        }
    }
    found.sort();
    Ok(found)
}

fn open(path: &Path, unreadable: &mut usize) -> Option<Current> {
    // Opening a fifo would wait for a writer.
    let opened =
        fs::metadata(path).and_then(|found| if found.is_file() { File::open(path) } else { Err(io::Error::other("not a regular file")) });
    match opened.and_then(|file| file.metadata().map(|found| Current { length: found.len(), file })) {
        Ok(current) => Some(current),
        // A service that never ran, or a file that was old enough to go.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            complain(path, &error, unreadable);
            None
        }
    }
}

fn complain(path: &Path, error: &io::Error, unreadable: &mut usize) {
    *unreadable += 1;
    LOG.error(format_args!("unable to read {}: {error}", path.display()));
}
