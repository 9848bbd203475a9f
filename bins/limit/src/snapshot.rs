//! Files of state/limit: text with a checksum behind it, replaced as a whole.
//!
//! What it does: a file is written beside the old one, synced and renamed, so that there is always a whole one. Its last line
//! tells length and checksum (CRC-32) of all before.
//!
//! How it fails: a file that does not verify is set aside as `NAME.damaged` and reported; the caller begins anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// No file.
    Nothing,
    /// The text without its last line.
    Text(String),
    /// It does not verify, and lies there now.
    Damaged(PathBuf),
}

/// Replaces the file.
///
/// # Errors
/// The system's; the old file is still there then.
pub fn write(path: &Path, mut text: Vec<u8>) -> io::Result<()> {
    let end = last_line(&text);
    text.extend_from_slice(end.as_bytes());
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(&text)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Reads the file.
///
/// # Errors
/// When it cannot be read, or not be set aside.
pub fn read(path: &Path) -> io::Result<Found> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if let Some(text) = verified(bytes) {
        return Ok(Found::Text(text));
    }
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside)?;
    Ok(Found::Damaged(aside))
}

fn last_line(text: &[u8]) -> String {
    format!("end {} {:08x}\n", text.len(), crc32fast::hash(text))
}

fn verified(mut bytes: Vec<u8>) -> Option<String> {
    let without_end = bytes.strip_suffix(b"\n")?;
    let begin = without_end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (text, end) = bytes.split_at_checked(begin)?;
    if last_line(text).as_bytes() != end {
        return None;
    }
    bytes.truncate(begin);
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "snapshot_test.rs"]
mod snapshot_test;
