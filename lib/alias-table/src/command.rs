//! What is done with mail for an alias, and its form in tables and lists: each command with a letter in front, or as a path,
//! ended by NUL.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The message goes to this address.
    Recipient(String),
    /// It goes to all in this compiled list.
    List(PathBuf),
    /// It is given to a program.
    Program {
        /// For the shell.
        line: Vec<u8>,
        /// The lines of an mbox, Return-Path and Delivered-To stand in front of the message.
        with_lines: bool,
    },
}

impl Command {
    /// Appends the form of the table.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Command::Recipient(address) => out.extend_from_slice(&[b"&", address.as_bytes()].concat()),
            Command::List(path) => out.extend_from_slice(path.as_os_str().as_bytes()),
            Command::Program { line, with_lines } => {
                out.push(if *with_lines { b'!' } else { b'|' });
                out.extend_from_slice(line);
            }
        }
        out.push(0);
    }

    /// Reads all commands of a table's entry, or of a list.
    ///
    /// # Errors
    /// When they are none.
    pub fn read_all(bytes: &[u8]) -> io::Result<Vec<Command>> {
        let Some(bytes) = bytes.strip_suffix(b"\0") else {
            return if bytes.is_empty() { Ok(Vec::new()) } else { Err(broken("its last command has no end")) };
        };
        bytes.split(|byte| *byte == 0).map(Command::read).collect()
    }

    fn read(bytes: &[u8]) -> io::Result<Command> {
        match bytes.split_first() {
            Some((b'&', address)) => match std::str::from_utf8(address) {
                Ok(address) if !address.is_empty() && !address.contains(char::is_control) => Ok(Command::Recipient(address.to_owned())),
                _ => Err(broken("an address in it is none")),
            },
            Some((b'|', line)) => Ok(Command::Program { line: line.to_vec(), with_lines: false }),
            Some((b'!', line)) => Ok(Command::Program { line: line.to_vec(), with_lines: true }),
            Some((b'/' | b'.', _)) => Ok(Command::List(PathBuf::from(OsStr::from_bytes(bytes)))),
            _ => Err(broken("it holds a command of an unknown kind")),
        }
    }
}

/// A file that is not what its name says.
pub(crate) fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
