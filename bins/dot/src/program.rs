//! Programs that are run for their exit codes, with the message on their standard input.

use rustix::io::Errno;
use stafett_log::Failure;
use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus};

/// What became of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It exited 0.
    Yes,
    /// It exited with another code, or cannot be executed at all.
    No,
}

/// Runs a program that answers yes or no.
///
/// # Errors
/// When it cannot answer now: it exits 111, crashes, or cannot be started for lack of something.
pub fn ask(command: &[OsString]) -> Result<Verdict, Failure> {
    let Some((name, arguments)) = command.split_first() else { return Ok(Verdict::No) };
    let status = match Command::new(name).args(arguments).status() {
        Ok(status) => status,
        Err(error) if is_temporary(&error) => {
            return Err(Failure::temporary(format_args!("unable to run {}: {error}", name.display())));
        }
        // As qmail has it: a program that does not exist says no.
        Err(_) => return Ok(Verdict::No),
    };
    match code_of(status)? {
        0 => Ok(Verdict::Yes),
        111 => Err(Failure::temporary(format_args!("{} is unable to tell now (exit code 111)", name.display()))),
        _ => Ok(Verdict::No),
    }
}

/// The exit code.
///
/// # Errors
/// When a signal ended it.
pub fn code_of(status: ExitStatus) -> Result<u8, Failure> {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.ok_or_else(|| Failure::temporary(format_args!("the program crashed: {status}")))
}

/// Whether the system may do later what it does not do now.
pub fn is_temporary(error: &io::Error) -> bool {
    const PASSING: &[Errno] = &[
        Errno::INTR,
        Errno::NOMEM,
        Errno::AGAIN,
        Errno::BUSY,
        Errno::TXTBSY,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::IO,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::TIMEDOUT,
        Errno::STALE,
    ];
    error.raw_os_error().is_none_or(|number| PASSING.iter().any(|errno| errno.raw_os_error() == number))
}
