//! except(1): turns a program's answer round.

use crate::program::{self, Verdict};
use stafett_log::{Failure, Log};
use std::ffi::OsString;

const NO: u8 = 100;

/// Runs it.
pub fn run(arguments: &[OsString], _: Log) -> Result<u8, Failure> {
    if arguments.is_empty() {
        return Err(Failure::lasting("usage: except PROGRAM [ARGUMENT ...]"));
    }
    Ok(match program::ask(arguments)? {
        Verdict::Yes => NO,
        Verdict::No => 0,
    })
}
