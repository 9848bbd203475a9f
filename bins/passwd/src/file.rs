//! control/accounts as text: comments and the order of lines stay, and every change replaces it as a whole.
//!
//! Security stance: whoever changes it waits for others who do (a lock on control/). The new file has the owner, group and mode
//! of the old one, or those that stafett-setup gives, before it has any content.

use crate::Failure;
use rustix::fs::FlockOperation;
use stafett_control::form::account::Account;
use stafett_control::{Control, rows};
use stafett_instance::{Instance, Service};
use stafett_sys::user::Uid;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::PathBuf;

/// The mode of a new one: root writes, the service reads.
const MODE: u32 = 0o640;

/// The file, locked.
#[derive(Debug)]
pub struct Accounts {
    directory: File,
    path: PathBuf,
    group: Option<u32>,
    lines: Vec<String>,
}

impl Accounts {
    /// Reads it; a file that is not there is empty.
    ///
    /// # Errors
    /// When it cannot be read, or does not parse.
    pub fn open(instance: &Instance) -> Result<Accounts, Failure> {
        let control = Control::new(instance.control());
        let path = control.path(&rows::ACCOUNTS);
        let directory = File::open(control.directory());
        let directory =
            directory.map_err(|error| Failure::Passing(format!("unable to open {}: {error}", control.directory().display())))?;
        rustix::fs::flock(&directory, FlockOperation::LockExclusive)
            .map_err(|error| Failure::Passing(format!("unable to lock {}: {error}", control.directory().display())))?;
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| Failure::Passing(format!("unable to read {}: {error}", path.display())))?,
        };
        control.check(&rows::ACCOUNTS).map_err(|error| Failure::Lasting(error.to_string()))?;
        let group = std::fs::metadata(instance.state(Service::Auth)).ok().map(|found| found.gid());
        Ok(Accounts { directory, path, group, lines: text.lines().map(str::to_owned).collect() })
    }

    /// All accounts.
    pub fn all(&self) -> impl Iterator<Item = Account> + '_ {
        self.lines.iter().filter_map(|line| read(line))
    }

    /// An account.
    pub fn find(&self, name: &str) -> Option<Account> {
        self.all().find(|account| account.name == name)
    }

    /// Puts an account in its place, or at the end.
    ///
    /// # Errors
    /// When its line would not be read as this very account; nothing is changed.
    pub fn put(&mut self, account: &Account) -> Result<(), Failure> {
        let text = account.to_string();
        if text.contains(char::is_control) || read(&text).as_ref() != Some(account) {
            return Err(Failure::Lasting("a value holds a space, a line end or another character that cannot stand there".to_owned()));
        }
        let place = self.lines.iter_mut().find(|line| read(line).is_some_and(|known| known.name == account.name));
        match place {
            Some(line) => *line = text,
            None => self.lines.push(text),
        }
        Ok(())
    }

    /// Takes an account away.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|line| read(line).is_none_or(|known| known.name != name));
    }

    /// Writes it.
    ///
    /// # Errors
    /// When that fails; the old file is still there.
    pub fn write(self) -> Result<(), Failure> {
        self.replace().map_err(|error| Failure::Passing(format!("unable to write {}: {error}", self.path.display())))
    }

    fn replace(&self) -> io::Result<()> {
        let beside = self.path.with_file_name(".accounts.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let old = std::fs::metadata(&self.path).ok();
        let owner = old.as_ref().map(MetadataExt::uid).filter(|_| Uid::effective().is_root());
        fchown(&file, owner, old.as_ref().map(MetadataExt::gid).or(self.group))?;
        file.set_permissions(Permissions::from_mode(old.map_or(MODE, |old| old.mode() & 0o7777)))?;
        let mut text = self.lines.join("\n");
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        self.directory.sync_all()
    }
}

/// The account of a line; nothing for a comment.
fn read(line: &str) -> Option<Account> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') { None } else { Account::parse(line).ok() }
}
