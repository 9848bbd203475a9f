//! The quota of a Maildir++: the file maildirsize, whose first line says how much there may be.
//!
//! The first line holds bytes as `NS` and messages as `NC`, divided by a comma; each line below adds bytes and messages, as
//! `BYTES COUNT`. Who delivers appends a line. Where the sum is over the quota, the file is long or has its first line alone,
//! everything is counted anew (Maildir++, as Courier describes it): mail that was deleted or moved away has left the file behind.
//! Security stance: the file is the user's own, and so is the damage. How it fails: a message that is too much is returned;
//! a file that cannot be read puts the delivery off; one without a usable first line sets no quota.
//! Known limits: two deliveries at the same moment may both find room for the last message.

use super::Stop;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file is counted anew when it is longer, in bytes.
const LONGEST: u64 = 5120;
/// What is in the wastebasket does not count.
const TRASH: &str = ".Trash";

/// What there may be, and what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    line: String,
    bytes: u64,
    messages: u64,
    used: Used,
    /// The sum of the lines is not to be trusted, or the file is long.
    must_count: bool,
}

/// What messages take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    bytes: i64,
    messages: i64,
}

impl Used {
    /// And one more of so many bytes.
    pub fn and_one(self, bytes: u64) -> Used {
        self.and(Used { bytes: i64::try_from(bytes).unwrap_or(i64::MAX), messages: 1 })
    }

    fn and(self, other: Used) -> Used {
        Used { bytes: self.bytes.saturating_add(other.bytes), messages: self.messages.saturating_add(other.messages) }
    }
}

impl Quota {
    /// The quota of the Maildir at `path`; `None` when it has none.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn of(path: &Path) -> io::Result<Option<Quota>> {
        let file = match File::open(path.join("maildirsize")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(16 * LONGEST).read_to_end(&mut text)?;
        Ok(Quota::parse(&String::from_utf8_lossy(&text)))
    }

    fn parse(text: &str) -> Option<Quota> {
        let mut lines = text.lines();
        let line = lines.next()?.trim().to_owned();
        let limit = |letter: char| {
            let part = line.split(',').find_map(|part| part.trim().strip_suffix(letter));
            part.and_then(|digits| digits.parse().ok()).filter(|limit| *limit > 0)
        };
        let (bytes, messages) = (limit('S'), limit('C'));
        if bytes.is_none() && messages.is_none() {
            return None;
        }
        let mut used = Used::default();
        for line in lines {
            let mut words = line.split_ascii_whitespace().map(|word| word.parse::<i64>().unwrap_or(0));
            used.bytes = used.bytes.saturating_add(words.next().unwrap_or(0));
            used.messages = used.messages.saturating_add(words.next().unwrap_or(0));
        }
        // An admin writes the first line alone, and what is appended behind a last line without its end would change that.
        let must_count = text.len() as u64 > LONGEST || text.lines().nth(1).is_none() || !text.ends_with('\n');
        let most = u64::MAX;
        Some(Quota { bytes: bytes.unwrap_or(most), messages: messages.unwrap_or(most), used, must_count, line })
    }

    /// Whether one more message of so many bytes may come behind those that are about to land.
    pub fn admit(&self, path: &Path, size: u64, landing: Used) -> Result<(), Stop> {
        if self.has_room(self.used.and(landing), size) && !self.must_count {
            return Ok(());
        }
        let used =
            self.count(path).map_err(|error| Stop::Later(format!("Unable to count maildir {}: {error}. (#4.2.2)", path.display())))?;
        if self.has_room(used.and(landing), size) {
            return Ok(());
        }
        Err(Stop::Never("Sorry, the mailbox is full: the message would be above its quota. (#5.2.2)".to_owned()))
    }

    fn has_room(&self, used: Used, size: u64) -> bool {
        let within = |used: i64, more: u64, most: u64| u64::try_from(used.max(0)).unwrap_or(0).saturating_add(more) <= most;
        within(used.bytes, size, self.bytes) && within(used.messages, 1, self.messages)
    }

    /// Counts everything and writes the file anew; that it cannot be written changes nothing about the sum.
    fn count(&self, path: &Path) -> io::Result<Used> {
        let mut used = Used::default();
        for folder in folders(path)? {
            for part in ["new", "cur"] {
                add(&folder.join(part), &mut used)?;
            }
        }
        let draft = path.join("tmp").join(format!("maildirsize.{}", std::process::id()));
        let written = File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft).and_then(|mut file| {
            writeln!(file, "{}\n{} {}", self.line, used.bytes, used.messages)?;
            fs::rename(&draft, path.join("maildirsize"))
        });
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        Ok(used)
    }
}

/// Notes a message that was delivered. A line that is not written is found when all is counted.
pub fn note(path: &Path, bytes: u64) {
    let line = format!("{bytes} 1\n");
    let file = File::options().append(true).open(path.join("maildirsize"));
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

/// The Maildir and its folders.
fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![path.to_path_buf()];
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.len() > 1 && name != ".." && name != TRASH && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn add(directory: &Path, used: &mut Used) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_trashed = name.split_once(":2,").is_some_and(|(_, flags)| flags.contains('T'));
        if name.starts_with('.') || is_trashed {
            continue;
        }
        let size = match size_in(&name) {
            Some(size) => size,
            // Gone since the directory was read: nothing.
            None => entry.metadata().map_or(0, |found| found.len()),
        };
        used.bytes = used.bytes.saturating_add(i64::try_from(size).unwrap_or(i64::MAX));
        used.messages += 1;
    }
    Ok(())
}

/// The size that a name tells.
fn size_in(name: &str) -> Option<u64> {
    let (_, rest) = name.split_once(",S=")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
#[path = "quota_test.rs"]
mod quota_test;
