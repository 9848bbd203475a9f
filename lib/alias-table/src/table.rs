//! The compiled aliases: a cdb in the form of fastforward(1).
//!
//! The key `:user@host`, `:@host` or `:user@`, in lower case, has the commands as its value; `?` and the same name the address
//! that mail for it is sent on from.

use crate::command::broken;
use crate::{Command, Instruction, safely};
use stafett_control::compiled;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// An open table.
pub struct Table(cdb2::CDB);

/// What is done with mail for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What, in order.
    pub commands: Vec<Command>,
    /// The sender of what is sent on, if it is not the message's own.
    pub owner: Option<String>,
}

impl Table {
    /// Opens the table at `path`.
    ///
    /// # Errors
    /// When it cannot be read or is none, or everybody may write it.
    pub fn open(path: &Path) -> io::Result<Table> {
        compiled::check(&safely::open(path)?.0)?;
        cdb2::CDB::open(path).map(Table)
    }

    /// What is done with mail that comes for `local` at `host`: the entry for this address, for its host, or for its local
    /// part, in this order. Its owner is looked for in the same order, but apart: `owner-list` owns `list@host` too.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn incoming(&self, local: &str, host: &str) -> io::Result<Option<Entry>> {
        let names = [format!("{local}@{host}"), format!("@{host}"), format!("{local}@")];
        for name in &names {
            if let Some(Entry { commands, .. }) = self.exact(name)? {
                let owner = names.iter().find_map(|name| self.owner(name).transpose()).transpose()?;
                return Ok(Some(Entry { commands, owner }));
            }
        }
        Ok(None)
    }

    /// The entry of exactly this name, whatever its case.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn exact(&self, name: &str) -> io::Result<Option<Entry>> {
        let name = name.to_ascii_lowercase();
        let Some(value) = self.0.get(format!(":{name}").as_bytes()).transpose()? else { return Ok(None) };
        Ok(Some(Entry { commands: Command::read_all(&value)?, owner: self.owner(&name)? }))
    }

    fn owner(&self, name: &str) -> io::Result<Option<String>> {
        let owner = self.0.get(format!("?{}", name.to_ascii_lowercase()).as_bytes()).transpose()?;
        owner.map(|bytes| String::from_utf8(bytes).map_err(|_| broken("an owner in it is no text"))).transpose()
    }

    /// All that it holds, in its order.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn all(&self) -> io::Result<Vec<(String, Entry)>> {
        let mut all = Vec::new();
        for pair in self.0.iter() {
            let (key, value) = pair?;
            if let Some(name) = key.strip_prefix(b":").map(String::from_utf8_lossy) {
                let owner = self.exact(&name)?.and_then(|entry| entry.owner);
                all.push((name.into_owned(), Entry { commands: Command::read_all(&value)?, owner }));
            }
        }
        Ok(all)
    }

    /// Writes a table of these instructions to `path`, which everybody may read, by way of `temporary` with our process id behind.
    ///
    /// # Errors
    /// When a file cannot be made, written, synced or renamed; the old table stays as it was.
    pub fn write(instructions: &[Instruction], path: &Path, temporary: &Path) -> io::Result<()> {
        replace(path, temporary, |file| {
            let mut maker = cdb2::CDBMake::new(file)?;
            for instruction in instructions {
                let mut value = Vec::new();
                instruction.commands.iter().for_each(|command| command.write(&mut value));
                maker.add(format!(":{}", instruction.name).as_bytes(), &value)?;
                if let Some((name, owner)) = &instruction.owns {
                    maker.add(format!("?{name}").as_bytes(), owner.as_bytes())?;
                }
            }
            maker.finish().map(drop)
        })
    }
}

/// Makes a file that everybody may read, and lets it take the place of `path` when it is on disk. Each process has a file of its
/// own for that: of two at once none may rename what the other has only half written.
pub(crate) fn replace(path: &Path, temporary: &Path, fill: impl FnOnce(File) -> io::Result<()>) -> io::Result<()> {
    let mut own = temporary.as_os_str().to_owned();
    own.push(format!(".{}", std::process::id()));
    let temporary = Path::new(&own);
    // What an earlier run left; a link that somebody put there is not followed.
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(temporary)?;
    let written = fill(file.try_clone()?)
        .and_then(|()| file.set_permissions(Permissions::from_mode(0o644)))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
