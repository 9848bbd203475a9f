//! An included file in its compiled form: commands one behind the other (setmaillist(1)).
//!
//! Security stance: a list may be another user's, who must gain nothing by it: only what everybody may read, and not
//! everybody may write, is read, and of what it holds addresses and further lists count; a program in it makes it no list.

use crate::command::broken;
use crate::{Command, safely, table};
use std::io::{self, Read};
use std::path::Path;

/// The largest list, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The commands of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List(pub Vec<Command>);

impl List {
    /// Reads the compiled list at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or not by everybody, or everybody may write it, or it is no list.
    pub fn open(path: &Path) -> io::Result<List> {
        let commands = Command::read_all(&read_public(path)?)?;
        if commands.iter().any(|command| matches!(command, Command::Program { .. })) {
            return Err(broken("a list cannot hold a program"));
        }
        Ok(List(commands))
    }

    /// The text that a list is compiled from.
    ///
    /// # Errors
    /// When it cannot be read, or not by everybody, or everybody may write it, or it is no text.
    pub fn text(path: &Path) -> io::Result<String> {
        String::from_utf8(read_public(path)?).map_err(|_| broken("it is no UTF-8 text"))
    }

    /// Writes it to `path`, whole or not at all, by way of `temporary` with our process id behind.
    ///
    /// # Errors
    /// When a file cannot be made, written, synced or renamed; the old one stays as it was.
    pub fn write(&self, path: &Path, temporary: &Path) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.0.iter().for_each(|command| command.write(&mut bytes));
        table::replace(path, temporary, |mut file| io::Write::write_all(&mut file, &bytes))
    }
}

/// The content of a plain file that everybody may read.
fn read_public(path: &Path) -> io::Result<Vec<u8>> {
    let (file, mode) = safely::open(path)?;
    if mode & 0o004 == 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not everybody may read it"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(broken("it is too large")) } else { Ok(bytes) }
}
