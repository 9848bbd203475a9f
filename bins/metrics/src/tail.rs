//! Follows the log of one service over its rotations (multilog(8), svlogd(8)).
//!
//! How it fails: what cannot be read is left out, and tried again the next time. Known limits:
//! files that were rotated and removed between two looks are not seen; a line is cut at [`LONGEST`].

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of a line at most; the rest of it is passed over.
const LONGEST: usize = 8192;
/// Bytes at the end of a log that are looked at for the last word on what goes up and down.
const LOOK_BACK: u64 = 64 * 1024;

/// The end of a log.
#[derive(Debug)]
pub struct Tail {
    directory: PathBuf,
    file: Option<File>,
    /// The name of the newest finished file that is done with.
    newest: Option<PathBuf>,
    line: Vec<u8>,
}

impl Tail {
    /// Begins at the end of what is there. `last` gets the lines just before it.
    pub fn at_end(directory: &Path, last: &mut impl FnMut(&str)) -> Tail {
        let mut tail = Tail { directory: directory.to_owned(), file: None, newest: finished(directory).pop(), line: Vec::new() };
        tail.file = File::open(directory.join("current")).ok();
        let length = tail.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |found| found.len());
        if let Some(file) = &mut tail.file
            && file.seek(SeekFrom::Start(length.saturating_sub(LOOK_BACK))).is_ok()
        {
            // A line that begins before the block has lost its stamp and fits nothing.
            tail.read_open(last);
        }
        tail
    }

    /// Gives each line that was added since the last look, without its time.
    pub fn read(&mut self, take: &mut impl FnMut(&str)) {
        self.read_open(take);
        // While a log is being rotated there is no current file.
        let Ok(next) = File::open(self.directory.join("current")) else { return };
        let Ok(next_inode) = next.metadata().map(|found| found.ino()) else { return };
        let inode = self.file.as_ref().and_then(|file| file.metadata().ok()).map(|found| found.ino());
        if inode == Some(next_inode) {
            return;
        }
        // What was written between the last look and the rotation.
        self.read_open(take);
        for path in finished(&self.directory) {
            if self.newest.as_ref().is_some_and(|newest| path <= *newest) {
                continue;
            }
            let file = File::open(&path).ok();
            let found = file.as_ref().and_then(|file| file.metadata().ok()).map(|found| found.ino());
            if found.is_some() && found != inode && found != Some(next_inode) {
                self.begin(file);
                self.read_open(take);
            }
            self.newest = Some(path);
        }
        self.begin(Some(next));
        self.read_open(take);
    }

    fn begin(&mut self, file: Option<File>) {
        self.line.clear();
        self.file = file;
    }

    fn read_open(&mut self, take: &mut impl FnMut(&str)) {
        let Some(file) = &mut self.file else { return };
        if begin_again_if_cut(file).is_ok_and(|cut| cut) {
            self.line.clear();
        }
        let mut block = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = file.read(&mut block) {
            let mut pieces = block.get(..length).unwrap_or_default().split(|byte| *byte == b'\n');
            let mut piece = pieces.next();
            while let Some(bytes) = piece {
                let room = LONGEST.saturating_sub(self.line.len());
                self.line.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                piece = pieces.next();
                // The last piece has no end yet.
                if piece.is_some() {
                    take(without_time(&String::from_utf8_lossy(&self.line)));
                    self.line.clear();
                }
            }
        }
    }
}

/// A file that somebody emptied is read from its beginning.
fn begin_again_if_cut(file: &mut File) -> io::Result<bool> {
    let cut = file.metadata()?.len() < file.stream_position()?;
    if cut {
        file.rewind()?;
    }
    Ok(cut)
}

/// The finished files, the oldest first: their names are times.
fn finished(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"@")).map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// A line without its TAI64N label or its date (`2026-11-21_22:02:59.10144`, or `T` in the middle).
pub fn without_time(line: &str) -> &str {
    let Some((stamp, rest)) = line.split_once(' ') else { return line };
    let is_label = stamp.len() == 25 && stamp.starts_with('@');
    let is_date = stamp.len() >= 19 && stamp.bytes().all(|byte| byte.is_ascii_digit() || b"-_T:.".contains(&byte));
    if is_label || is_date { rest } else { line }
}

#[cfg(test)]
#[path = "tail_test.rs"]
mod tests;
