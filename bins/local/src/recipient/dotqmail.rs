//! Which dot-qmail file counts, and what its lines say (dot-qmail(5)).
//!
//! `.qmail-EXT`, the extension in lower case and each `.` a `:`, else `.qmail-default` at each break of the extension, from
//! the longest. The slash of a local part becomes a `:` too, so that no extension leaves the home.
//! How it fails: a file that cannot be opened, is no plain file's text, or can be written by everybody puts the
//! delivery off; only a file that is not there is passed over.

use super::{Delivery, Stop};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// The largest dot-qmail file, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A dot-qmail file that was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Its text.
    pub text: Vec<u8>,
    /// It may only forward: its owner may execute it.
    pub forward_only: bool,
    /// What stands for `default`, where it is one of those.
    pub default: Option<String>,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction<'a> {
    /// A command for the shell.
    Program(&'a [u8]),
    /// A file that mail is appended to.
    Mbox(&'a [u8]),
    /// A directory with tmp, new and cur.
    Maildir(&'a [u8]),
    /// An address.
    Forward(&'a [u8]),
    /// From here on, as if the file could be executed.
    OnlyForward,
}

/// The instructions of a text, in order.
///
/// # Errors
/// When the first line is blank, or one has no meaning.
pub fn instructions(text: &[u8]) -> Result<Vec<Instruction<'_>>, Stop> {
    let mut found = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii_end();
        match line.split_first() {
            None if index == 0 => return Err(Stop::Later("Uh-oh: first line of .qmail file is blank. (#4.2.1)".to_owned())),
            None | Some((b'#', _)) => {}
            Some((b'|', command)) => found.push(Instruction::Program(command)),
            Some((b'.' | b'/', _)) if line.ends_with(b"/") => found.push(Instruction::Maildir(line)),
            Some((b'.' | b'/', _)) => found.push(Instruction::Mbox(line)),
            Some((b'+', b"list")) => found.push(Instruction::OnlyForward),
            // *Ours*: qmail passes such a line over; a file with nothing else would throw mail away.
            Some((b'+', _)) => {
                let text = format!("Uh-oh: .qmail has \"{}\"; of the lines with a + there is only +list. (#4.3.5)", line.escape_ascii());
                return Err(Stop::Later(text));
            }
            Some((b'&', address)) => found.push(Instruction::Forward(address)),
            Some(_) => found.push(Instruction::Forward(line)),
        }
    }
    Ok(found)
}

/// The file that counts; nothing where the user itself, without an extension, has none.
///
/// # Errors
/// When no file is for this extension, or one cannot be used.
pub fn find(delivery: &Delivery) -> Result<Found, Stop> {
    let owner = &delivery.owner;
    for (name, default) in names(delivery) {
        if let Some(mut found) = open(&name)? {
            found.default = default.and_then(|at| owner.ext.get(at..)).map(str::to_owned);
            return Ok(found);
        }
    }
    if owner.dash.is_empty() {
        return Ok(Found::default());
    }
    Err(Stop::Never("Sorry, no mailbox here by that name. (#5.1.1)".to_owned()))
}

/// Whether there is anything for this recipient: what [`find`] would find, without reading it.
///
/// # Errors
/// When that cannot be told now.
pub fn exists(delivery: &Delivery) -> Result<bool, Stop> {
    if delivery.owner.dash.is_empty() {
        return Ok(true);
    }
    Ok(first(delivery)?.is_some())
}

/// Whether nothing is for this recipient but `.qmail-default`, which is for everybody.
///
/// # Errors
/// When that cannot be told now.
pub fn is_for_anybody(delivery: &Delivery) -> Result<bool, Stop> {
    Ok(!delivery.owner.dash.is_empty() && first(delivery)? == Some(Some(0)))
}

/// Where `default` stands in the first file that is there.
fn first(delivery: &Delivery) -> Result<Option<Option<usize>>, Stop> {
    let home = &delivery.owner.home;
    // A home that is not mounted would look like one without files.
    std::fs::metadata(home).map_err(|error| unusable(&home.display().to_string(), &error))?;
    for (name, default) in names(delivery) {
        match std::fs::metadata(home.join(&name)) {
            Ok(found) if found.is_file() => return Ok(Some(default)),
            Ok(_) => {}
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(unusable(&name, &error)),
        }
    }
    Ok(None)
}

/// Whether there is a file for this extension with `suffix` behind it.
///
/// # Errors
/// When that cannot be told now.
pub fn has(delivery: &Delivery, suffix: &str) -> Result<bool, Stop> {
    let name = format!("{}{suffix}", base(delivery));
    match std::fs::metadata(&name) {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(unusable(&name, &error)),
    }
}

fn base(delivery: &Delivery) -> String {
    format!(".qmail{}{}", delivery.owner.dash, safe(&delivery.owner.ext))
}

fn safe(ext: &str) -> String {
    ext.to_ascii_lowercase().replace(['.', '/'], ":")
}

/// The names to try, each with where in the extension its `default` stands.
fn names(delivery: &Delivery) -> Vec<(String, Option<usize>)> {
    let (dash, ext) = (&delivery.owner.dash, safe(&delivery.owner.ext));
    let mut names = vec![(base(delivery), None)];
    if !dash.is_empty() {
        let ends = delivery.breaks.positions(&ext).into_iter().map(|at| at + 1).rev().chain([0]);
        names.extend(ends.filter_map(|end| Some((format!(".qmail{dash}{}default", ext.get(..end)?), Some(end)))));
    }
    names
}

fn open(name: &str) -> Result<Option<Found>, Stop> {
    // Something that is no file must not be waited for.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = match File::options().read(true).custom_flags(flags.bits().cast_signed()).open(name) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(unusable(name, &error)),
    };
    let found = file.metadata().map_err(|error| unusable(name, &error))?;
    if !found.is_file() {
        return Ok(None);
    }
    if found.mode() & 0o002 != 0 {
        return Err(Stop::Later("Uh-oh: .qmail file is writable. (#4.7.0)".to_owned()));
    }
    let mut text = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut text).map_err(|error| unusable(name, &error))?;
    if text.len() as u64 > LARGEST {
        return Err(Stop::Later(format!("Uh-oh: {name} is larger than {LARGEST} bytes. (#4.3.5)")));
    }
    Ok(Some(Found { text, forward_only: found.mode() & 0o100 != 0, default: None }))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

fn unusable(name: &str, error: &io::Error) -> Stop {
    Stop::Later(format!("Unable to open {name}: {error}. (#4.3.0)"))
}

#[cfg(test)]
#[path = "dotqmail_test.rs"]
mod dotqmail_test;
