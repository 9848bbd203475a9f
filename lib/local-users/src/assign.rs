//! users/assign: the text form of the assignments, and how it is compiled.
//!
//! `=local:user:uid:gid:home:dash:ext:` for a whole local part, `+prefix:user:uid:gid:home:dash:pre:` for all that begin so; a
//! line `.` ends the file (qmail-users(5)).
//! How it fails: a [`BadLine`] with its number and what to write; a file without its last line is one of which a part is
//! missing. The compiled table is replaced whole or not at all.

use stafett_control::BadLine;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The line, from 1.
    pub line: usize,
    /// The local part or its beginning, in lower case.
    pub name: String,
    /// Whether it is a beginning.
    pub is_prefix: bool,
    /// User, uid, gid, home, dash and extension.
    pub fields: [String; 6],
}

/// Reads the text of users/assign.
///
/// # Errors
/// At the first line that is none.
pub fn parse(text: &str) -> Result<Vec<Entry>, BadLine> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut seen: HashMap<(String, bool), usize> = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line == "." {
            return Ok(entries);
        }
        let entry = entry(number, line).map_err(|reason| BadLine { line: number, reason })?;
        if let Some(first) = seen.insert((entry.name.clone(), entry.is_prefix), number) {
            return Err(BadLine { line: number, reason: format!("\"{}\" stands on line {first} already; remove one", entry.name) });
        }
        entries.push(entry);
    }
    let reason = "the line \".\" that ends the file is missing; if nothing else is, add it".to_owned();
    Err(BadLine { line: text.lines().count() + 1, reason })
}

fn entry(line: usize, text: &str) -> Result<Entry, String> {
    let form = "write =local:user:uid:gid:home:dash:ext: or +prefix:user:uid:gid:home:dash:pre:";
    let is_prefix = match text.chars().next() {
        Some('=') => false,
        Some('+') => true,
        _ => return Err(format!("\"{text}\" is no assignment; {form}")),
    };
    let mut parts = text.get(1..).unwrap_or_default().split(':');
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let rest: Vec<&str> = parts.collect();
    let [user, uid, gid, home, dash, ext, ""] = &rest[..] else {
        return Err(format!("\"{text}\" does not have its seven fields, each ended by a colon; {form}"));
    };
    if text.contains(|c: char| c.is_control()) || user.is_empty() {
        return Err(format!("\"{}\" has no user, or a control character; {form}", text.escape_debug()));
    }
    match uid.parse::<u32>() {
        Ok(0) => return Err("\"0\" is root, as whom nothing is delivered; write another user's number".to_owned()),
        Ok(_) => {}
        Err(_) => return Err(format!("\"{uid}\" is not the number of a user; id -u {user} tells it")),
    }
    if gid.parse::<u32>().is_err() {
        return Err(format!("\"{gid}\" is not the number of a group; id -g {user} tells it"));
    }
    if !home.starts_with('/') {
        return Err(format!("\"{home}\" is not a home; write a path that begins with /"));
    }
    let fields = [user, uid, gid, home, dash, ext].map(|field| (*field).to_owned());
    Ok(Entry { line, name, is_prefix, fields })
}

/// Writes the entries as a table at `cdb`, by way of `temporary` beside it.
///
/// # Errors
/// When a file cannot be made, written, synced or renamed; the old table stays as it was.
pub fn write(entries: &[Entry], cdb: &Path, temporary: &Path) -> io::Result<()> {
    let written = fill(entries, temporary).and_then(|()| std::fs::rename(temporary, cdb));
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written?;
    let parent = cdb.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn fill(entries: &[Entry], temporary: &Path) -> io::Result<()> {
    let file = File::create(temporary)?;
    let mut maker = cdb2::CDBMake::new(file.try_clone()?)?;
    let ends: BTreeSet<u8> = entries.iter().filter(|entry| entry.is_prefix).filter_map(|entry| entry.name.bytes().last()).collect();
    maker.add(b"", &ends.into_iter().collect::<Vec<u8>>())?;
    for entry in entries {
        let end = if entry.is_prefix { "" } else { "\0" };
        maker.add(format!("!{}{end}", entry.name).as_bytes(), entry.fields.join("\0").as_bytes())?;
    }
    maker.finish()?;
    file.sync_all()
}
