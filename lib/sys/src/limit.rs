//! Limits of this process (getrlimit(2)).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Raises the number of descriptors that may be open at once to `wanted`, or as far as the
/// hard limit allows. Returns how many there may be now.
///
/// # Errors
/// When the system refuses a raise below the hard limit.
pub fn raise_open_files(wanted: u64) -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let have = limit.current.unwrap_or(u64::MAX);
    let possible = wanted.min(limit.maximum.unwrap_or(u64::MAX));
    if have >= possible {
        return Ok(have);
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum: limit.maximum })?;
    Ok(possible)
}

/// The bytes that arguments and variables may take together of a program that this process executes: a quarter of the stack's
/// limit, and 128 KiB at least (execve(2)).
pub fn arguments() -> u64 {
    (getrlimit(Resource::Stack).current.unwrap_or(u64::MAX) / 4).max(128 * 1024)
}

/// How many descriptors may be open at once in this process, as it stands.
pub fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
