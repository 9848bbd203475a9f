//! The policies on disk: a file for each domain in state/mtasts, its policy with three lines of ours in front.
//!
//! Security stance: nobody but this service can reach the files; names are names of hosts, so that none leads elsewhere. What
//! does not parse counts for nothing and is left for the admin to see.
//! How it fails: a file that cannot be written is said; the policy counts all the same until the service ends.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use stafett_log::Log;
use stafett_sts::names;
use stafett_sts::policy::Policy;

use crate::memory::{Kept, MOST};

/// A file's size at most, in bytes.
const LARGEST: u64 = 16 * 1024;
/// What is being written; no name of a host has a dot in front.
const TEMPORARY: &str = ".new";

/// The directory.
#[derive(Debug)]
pub struct Disk {
    log: Log,
    directory: PathBuf,
}

impl Disk {
    /// Policies in that directory.
    pub fn new(log: Log, directory: &Path) -> Disk {
        Disk { log, directory: directory.to_owned() }
    }

    /// All of them.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn read(&self) -> io::Result<Vec<(String, Kept)>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(names::canonical);
            let Some(domain) = name.filter(|_| all.len() < MOST) else { continue };
            match text(&path).ok().and_then(|text| parse(&text)) {
                Some(kept) => all.push((domain, kept)),
                None => self.log.warning(format_args!("{} holds no policy; it counts for nothing", path.display())),
            }
        }
        Ok(all)
    }

    /// Writes a policy.
    pub fn write(&self, domain: &str, kept: &Kept) {
        let path = self.directory.join(domain);
        if let Err(error) = self.replace(&path, kept) {
            self.log.error(format_args!("unable to write {}: {error}; the policy is lost at the next stop", path.display()));
        }
    }

    /// Removes a policy.
    pub fn remove(&self, domain: &str) {
        let path = self.directory.join(domain);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.log.error(format_args!("unable to remove {}: {error}", path.display()));
            }
            _ => {}
        }
    }

    fn replace(&self, path: &Path, kept: &Kept) -> io::Result<()> {
        let temporary = self.directory.join(TEMPORARY);
        let mut file = File::create(&temporary)?;
        write!(file, "id: {}\nfetched: {}\nasked: {}\n", kept.id, kept.fetched, kept.asked)?;
        for line in kept.policy.lines() {
            writeln!(file, "{line}")?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Keys that a policy does not know are passed over by its reader.
fn parse(text: &str) -> Option<Kept> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    let policy = Policy::parse(text.as_bytes()).ok()?;
    Some(Kept::new(value("id")?.to_owned(), policy, value("fetched")?.parse().ok()?, value("asked")?.parse().ok()?))
}
