//! Whether generated files are still what was generated: what the admin edited is the admin's.

use crate::Plan;
use crate::scripts::Generated;
use std::fs;
use std::io::{self, ErrorKind};

/// Whether a generated file is as it was generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Missing,
    /// It is what would be generated now.
    Current,
    /// It is what was generated earlier.
    Outdated,
    /// Somebody changed it.
    Edited,
}

/// Compares what lies at the place of a generated file with what was and what would be generated.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn state(plan: &Plan, file: &Generated) -> io::Result<State> {
    let content = match fs::read(plan.root.join(&file.path)) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::Missing),
        Err(error) => return Err(error),
    };
    let before = plan.before.as_ref().and_then(|before| before.written.get(&key(file)));
    Ok(if content == file.text.as_bytes() {
        State::Current
    } else if before == Some(&crc32fast::hash(&content)) {
        State::Outdated
    } else {
        State::Edited
    })
}

/// The name under which a file's checksum is remembered.
pub fn key(file: &Generated) -> String {
    file.path.to_string_lossy().into_owned()
}
