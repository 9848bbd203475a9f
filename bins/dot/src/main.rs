//! stafett-dot: the small programs that lines of dot-qmail files run: forward, preline, condredirect, bouncesaying, except,
//! fastforward; and maildirmake.
//!
//! What: the first argument names one of them, or the name of the link that it is run by. stafett-setup writes a script with
//! each name into dot/ of an instance, where stafett-local's programs find them.
//! Security stance: runs as the user whose mail it is, with the message on standard input and the variables of
//! qmail-command(8), which strangers had a hand in; none of them becomes a word of a command.
//! How it fails: by the exit codes of qmail-command(8): 100 for good, 111 for now, with a line on standard error that
//! stands in the log and in a bounce.
//! Known limits: the message must be a file, as stafett-local gives it, where it is read more than once.

mod bouncesaying;
mod condredirect;
mod except;
mod expand;
mod fastforward;
mod forward;
mod maildirmake;
mod preline;
mod program;
mod sending;

use stafett_log::{Failure, Log};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// What one of the programs does with its arguments; the code that it exits with.
type Work = fn(&[OsString], Log) -> Result<u8, Failure>;

/// Every program: its name, which is also how it calls itself, and its work.
const PROGRAMS: &[(&str, Work)] = &[
    ("forward", forward::run),
    ("preline", preline::run),
    ("condredirect", condredirect::run),
    ("bouncesaying", bouncesaying::run),
    ("except", except::run),
    ("fastforward", fastforward::run),
    ("maildirmake", maildirmake::run),
];

const WRONG_USAGE: u8 = 100;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let own = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    let called = Path::new(&own).file_name().unwrap_or_default();
    let by_link = program(called).map(|found| (found, arguments.as_slice()));
    let by_word = || arguments.split_first().and_then(|(name, rest)| Some((program(name)?, rest)));
    let Some(((name, work), arguments)) = by_link.or_else(by_word) else {
        let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
        Log::new("stafett-dot").fatal(format_args!("usage: stafett-dot PROGRAM [ARGUMENT ...]; the programs are {}", names.join(", ")));
        return ExitCode::from(WRONG_USAGE);
    };
    let log = Log::new(name);
    log.end(work(arguments, log).map(ExitCode::from))
}

fn program(name: &std::ffi::OsStr) -> Option<(&'static str, Work)> {
    PROGRAMS.iter().find(|(known, _)| name == *known).copied()
}
