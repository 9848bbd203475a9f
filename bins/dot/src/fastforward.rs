//! fastforward(1): does with a message what a table of aliases says of its recipient.
//!
//! Security stance: programs of the table are the admin's; they run as whoever this runs as, which is the owner of alias/.
//! How it fails: a recipient that is not in the table is refused (100), unless the lines behind are to have it (-p); a program
//! that fails ends it before anything is sent on.

use crate::expand::{self, Work};
use crate::program::code_of;
use crate::{preline, sending};
use lexopt::Arg;
use stafett_alias_table::{Entry, Table};
use stafett_log::{Failure, Log};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;

const USAGE: &str = "usage: fastforward [-nNpPdD] CDB";
/// The lines behind this one do not count (qmail-command(8)).
const LAST_LINE: u8 = 99;
/// Exit codes of a program that return the message (qmail-command(8)).
const PERMANENT: &[u8] = &[100, 64, 65, 70, 76, 77, 78, 112];
/// The sender of a bounce of a bounce.
const DOUBLE: &str = "#@[]";

#[derive(Debug, Default)]
struct Options {
    only_tell: bool,
    passes_through: bool,
    from_extension: bool,
    table: PathBuf,
}

/// Runs it.
pub fn run(arguments: &[OsString], log: Log) -> Result<u8, Failure> {
    let options = parse(arguments)?;
    let unreadable = |error| Failure::temporary(format_args!("unable to read {}: {error}", options.table.display()));
    let (local, host) = recipient(&options)?;
    let table = Table::open(&options.table).map_err(unreadable)?;
    let Some(entry) = table.incoming(&local, &host).map_err(unreadable)? else {
        if options.passes_through {
            return Ok(0);
        }
        let _ = writeln!(std::io::stderr(), "Sorry, no mailbox here by that name. (#5.1.1)");
        return Ok(100);
    };
    let work = expand::expand(&table, &format!("{local}@{host}"), &entry)?;
    if options.only_tell {
        tell(&work, &entry)?;
    } else {
        carry_out(&work, &entry, log)?;
    }
    Ok(if options.passes_through { LAST_LINE } else { 0 })
}

fn carry_out(work: &Work, entry: &Entry, log: Log) -> Result<(), Failure> {
    let mut message = sending::message()?;
    for (line, with_lines) in &work.programs {
        run_program(line, *with_lines, &mut message)?;
        sending::rewind(&mut message)?;
    }
    if work.recipients.is_empty() {
        return Ok(());
    }
    sending::send(log, &mut message, &sender(entry)?, &work.recipients)
}

/// A program of the table, with the message or with the message and lines in front.
fn run_program(line: &[u8], with_lines: bool, message: &mut File) -> Result<(), Failure> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(OsStr::from_bytes(line));
    let code = if with_lines {
        let head = ["UFLINE", "RPLINE", "DTLINE"].map(sending::variable).into_iter().collect::<Result<String, _>>()?;
        preline::feed(&mut shell, head.as_bytes(), message)?
    } else {
        code_of(shell.status().map_err(|error| Failure::temporary(format_args!("unable to run /bin/sh: {error}")))?)?
    };
    let failed = format!("\"{}\" exited with {code}", line.escape_ascii());
    match code {
        0 => Ok(()),
        code if PERMANENT.contains(&code) => Err(Failure::lasting(failed)),
        _ => Err(Failure::temporary(failed)),
    }
}

/// The owner of the alias, or who has sent the message. Bounces stay bounces.
fn sender(entry: &Entry) -> Result<String, Failure> {
    let sender = sending::variable("SENDER")?;
    Ok(match &entry.owner {
        Some(owner) if !sender.is_empty() && sender != DOUBLE => owner.clone(),
        _ => sender,
    })
}

/// What would be done (-n).
fn tell(work: &Work, entry: &Entry) -> Result<(), Failure> {
    let mut text = String::new();
    for (line, with_lines) in &work.programs {
        text.push_str(&format!("run {}{}\n", if *with_lines { '!' } else { '|' }, line.escape_ascii()));
    }
    if work.recipients.is_empty() {
        text.push_str("no forwarding\n");
    } else {
        text.push_str(&format!("from <{}>\n", sender(entry).unwrap_or_else(|_| "original envelope sender".to_owned())));
        work.recipients.iter().for_each(|recipient| text.push_str(&format!("to <{recipient}>\n")));
    }
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::temporary(format_args!("unable to write to standard output: {error}")))
}

/// Whom the message is for: the local part and the host.
fn recipient(options: &Options) -> Result<(String, String), Failure> {
    if options.from_extension {
        let local = sending::variable("DEFAULT").or_else(|_| sending::variable("EXT"))?;
        return Ok((local, sending::variable("HOST")?));
    }
    let address = sending::variable("RECIPIENT")?;
    let parts = address.rsplit_once('@').map(|(local, host)| (local.to_owned(), host.to_owned()));
    parts.ok_or_else(|| Failure::lasting(format_args!("\"{}\" of RECIPIENT has no @", address.escape_debug())))
}

fn parse(arguments: &[OsString]) -> Result<Options, Failure> {
    let usage = |error: lexopt::Error| Failure::lasting(format_args!("{error}; {USAGE}"));
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options::default();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Arg::Short(letter @ ('n' | 'N')) => options.only_tell = letter == 'n',
            Arg::Short(letter @ ('p' | 'P')) => options.passes_through = letter == 'p',
            Arg::Short(letter @ ('d' | 'D')) => options.from_extension = letter == 'd',
            Arg::Value(table) if options.table.as_os_str().is_empty() => options.table = PathBuf::from(table),
            other => return Err(usage(other.unexpected())),
        }
    }
    if options.table.as_os_str().is_empty() { Err(Failure::lasting(USAGE)) } else { Ok(options) }
}
