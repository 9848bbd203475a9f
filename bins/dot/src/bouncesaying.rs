//! bouncesaying(1): returns the message with a text, always or when a program exits 0.

use crate::program::{self, Verdict};
use stafett_log::{Failure, Log};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

const RETURNED: u8 = 100;

/// Runs it.
pub fn run(arguments: &[OsString], _: Log) -> Result<u8, Failure> {
    let Some((text, command)) = arguments.split_first() else {
        return Err(Failure::lasting("usage: bouncesaying TEXT [PROGRAM [ARGUMENT ...]]"));
    };
    if !command.is_empty() && program::ask(command)? == Verdict::No {
        return Ok(0);
    }
    // The user's own words, as they are.
    let _ = std::io::stderr().write_all(&[text.as_bytes(), b"\n"].concat());
    Ok(RETURNED)
}
