//! sendmail: takes the options that programs give to the command of that name and runs the program of Stafett that does it.
//!
//! What: `-t`, `-i`, `-f`, `-F` and their kin go to stafett-inject, `-bs` to stafett-smtpd, `-bp` (or the name mailq) to
//! qstat, `-bi` (or newaliases) to stafett-aliases, `-q` to qtool. Security stance: nothing but an exec with the rights of the caller; the programs are those that lie beside this one.
//! How it fails: what cannot be done is refused with a reason (64), never ignored where it would change what is sent.
//! Known limits: what a notification is wanted for (`-N`, `-R`, `-V`) goes by variables that stafett-queue reads; a program in its
//! place (QMAILQUEUE) must pass them on.

mod options;

use options::{Action, Asked};
use stafett_log::Log;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const LOG: Log = Log::new("sendmail");
/// EX_USAGE and EX_OSFILE of sysexits.h(3head).
const MISUSED: u8 = 64;
const NO_PROGRAM: u8 = 72;
/// Says that the wishes in the variables are bound to a message of smtpd's (stafett-queue(8)).
const BOUND: &str = "DSNRECIPIENT1";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().map(PathBuf::from).and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    match options::parse(&name.unwrap_or_default(), arguments) {
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(MISUSED)
        }
        Ok(asked) => run(&asked),
    }
}

/// Becomes the program; returns only when that failed.
fn run(asked: &Asked) -> ExitCode {
    let (program, arguments): (&str, Vec<String>) = match &asked.action {
        Action::Queue => ("qstat", vec!["-l".to_owned()]),
        Action::Aliases => ("stafett-aliases", Vec::new()),
        Action::Retry(words) => ("qtool", words.clone()),
        Action::Dialogue => ("stafett-smtpd", Vec::new()),
        Action::Send => ("stafett-inject", asked.for_inject()),
    };
    let mut command = Command::new(beside(program));
    command.args(arguments);
    if let Some(name) = &asked.full_name {
        command.env("QMAILNAME", name);
    }
    // In a filter of that message: what is asked here is for another one.
    if !asked.wishes.is_empty() && std::env::var_os(BOUND).is_some() {
        command.env_remove(BOUND).env_remove("DSNRET").env_remove("DSNENVID");
    }
    command.envs(asked.wishes.iter().map(|(name, value)| (*name, value)));
    if asked.action == Action::Dialogue {
        // Who runs this command may inject; the dialogue adds nothing to that.
        command.envs([("PROTO", "TCP"), ("TCPREMOTEIP", "127.0.0.1"), ("TCPREMOTEHOST", "localhost"), ("RELAYCLIENT", "")]);
    }
    let error = command.exec();
    LOG.fatal(format_args!("unable to run {program}: {error}; it belongs beside the program that sendmail is a link to"));
    ExitCode::from(NO_PROGRAM)
}

/// A program in the directory of this one, links resolved.
fn beside(name: &str) -> PathBuf {
    let own = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    own.and_then(|own| Some(own.parent()?.join(name))).filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(name))
}
