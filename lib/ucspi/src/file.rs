//! A compiled rules file that is followed while the service runs.
//!
//! One stat(2) per connection tells whether it was replaced; only then is it read. A file that is
//! broken or gone leaves the last good rules in force, and says so once per change.

use crate::rules::{Rules, RulesError};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The rules of a path, as of now.
#[derive(Debug)]
pub struct RulesFile {
    path: PathBuf,
    seen: Seen,
    rules: Option<Rules>,
}

impl RulesFile {
    /// Opens the compiled file at `path`. Where it is `optional`, its absence means "no rules yet".
    ///
    /// # Errors
    /// When it cannot be read or is broken; absent only where it is not optional.
    pub fn open(path: &Path, optional: bool) -> Result<RulesFile, RulesError> {
        let seen = Seen::at(path);
        let rules = match Rules::open(path) {
            Ok(rules) => Some(rules),
            Err(error) if optional && error.is_absent() => None,
            Err(error) => return Err(error),
        };
        Ok(RulesFile { path: path.to_path_buf(), seen, rules })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again if it has changed; `true` when new rules are in force.
    ///
    /// # Errors
    /// When the changed file cannot be used. The rules stay as they were, and the same fault is
    /// not reported again until the file changes once more.
    pub fn refresh(&mut self) -> Result<bool, RulesError> {
        let changed = Seen::at(&self.path) != self.seen;
        if changed {
            self.reload()?;
        }
        Ok(changed)
    }

    /// Reads the file again whether or not it has changed.
    ///
    /// # Errors
    /// When it cannot be used; the rules stay as they were.
    pub fn reload(&mut self) -> Result<(), RulesError> {
        self.seen = Seen::at(&self.path);
        self.rules = Some(Rules::open(&self.path)?);
        Ok(())
    }

    /// The rules in force; `None` only as long as an optional file has never been there.
    pub fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }
}

/// What tells one state of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Absent(Option<i32>),
    File { identity: (u64, u64), size: u64, changed: (i64, i64) },
}

impl Seen {
    fn at(path: &Path) -> Seen {
        std::fs::metadata(path).map_or_else(|error: io::Error| Seen::Absent(error.raw_os_error()), |found| Seen::of(&found))
    }

    /// The change time moves with content, name and mode alike.
    fn of(found: &Metadata) -> Seen {
        Seen::File { identity: (found.dev(), found.ino()), size: found.size(), changed: (found.ctime(), found.ctime_nsec()) }
    }
}
