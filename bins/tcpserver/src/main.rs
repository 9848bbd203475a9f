//! Accepts connections and passes each on: to a resident service, or to a program.
//!
//! What: djb's tcpserver with IPv6, a limit per address, and birth by handoff: where the variable
//! HANDOFF names the socket of a resident service, connections are handed over to it; otherwise
//! the program of the command line is executed for each, as with tcpserver.
//! Security stance: the only service that begins as root; below, `run` shows when it stops being
//! root. After that it reads nothing but its rules, and never a byte from a client.
//! How it fails: 100 for a command line that is none, 110 for rules that cannot be read, 111 for
//! anything that may pass. While it runs it keeps its last good rules and says so.
//! Known limits: one socket per process; host names are looked up without a cache.

mod crowd;
mod ident;
mod journal;
mod listener;
mod lookup;
mod options;
mod power;
mod program;
mod refusal;
mod resident;
mod server;

use crate::crowd::Crowd;
use crate::journal::{Journal, LOG};
use crate::listener::Listener;
use crate::lookup::Questions;
use crate::options::{Options, USAGE, Verbosity};
use crate::program::Program;
use crate::resident::Resident;
use crate::server::{Backend, Server};
use stafett_log::Failure;
use stafett_sys::descriptor;
use stafett_sys::sandbox::Enforced;
use stafett_sys::signal::{Signal, Signals};
use stafett_ucspi::{Environment, RulesFile};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match Options::of_process() {
        Ok(options) => options,
        Err(misuse) => {
            LOG.fatal(format_args!("{misuse}; {USAGE}"));
            return ExitCode::from(100);
        }
    };
    let verbosity = options.verbosity;
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if verbosity > Verbosity::Nothing {
                LOG.fatal(failure.text);
            }
            ExitCode::from(failure.code)
        }
    }
}

/// Loses power in this order: socket, user, rules, sandbox.
fn run(options: Options) -> Result<(), Failure> {
    let signals = Signals::block(&[Signal::Terminate, Signal::Interrupt, Signal::Hangup, Signal::Child]);
    let signals = signals.map_err(|error| Failure::temporary(format_args!("unable to catch signals: {error}")))?;
    let questions = Questions::of(&options).map_err(Failure::temporary)?;
    let handoff = std::env::var_os("HANDOFF").filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut journal = Journal::new(options.verbosity);
    let null = File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(|error| Failure::temporary(format_args!("unable to open /dev/null: {error}")))?;

    let listener = Listener::open(&options).map_err(Failure::temporary)?;
    let dropped = power::drop_to(options.identity, handoff.is_none()).map_err(Failure::temporary)?;
    // Read as the user who will have to read them again.
    let rules = open_rules(&options)?;
    let enforced = power::lock_in(dropped, handoff.is_some(), options.rules.as_deref());
    match enforced.map_err(|error| Failure::temporary(format_args!("unable to enter the sandbox: {error}")))? {
        Enforced::Fully => {}
        Enforced::Partly => journal.note("this kernel enforces the sandbox only in part"),
        Enforced::Not => journal.note("this kernel has no landlock: files are guarded by their modes alone"),
    }
    if dropped.is_none() {
        journal.warning("running as root, and so does every program; give -u and -g unless it must");
    }
    leave_descriptors(&options, &listener, &null).map_err(|error| Failure::temporary(format_args!("unable to print the port: {error}")))?;

    let crowd = Crowd::new(options.limit, options.limit_per_address);
    let backend = match handoff {
        Some(path) => Backend::Resident(Resident::new(path, Environment::of_process())),
        None => Backend::Program(Program::new(options.program.clone())),
    };
    let server =
        Server { options, listener: Some(listener), rules, questions, backend, journal, crowd, pending: Vec::new(), rests_until: None };
    server.run(&signals).map_err(|error| Failure::temporary(format_args!("unable to wait for connections: {error}")))
}

fn open_rules(options: &Options) -> Result<Option<RulesFile>, Failure> {
    let Some(path) = &options.rules else { return Ok(None) };
    let opened = RulesFile::open(path, options.rules_optional);
    opened.map(Some).map_err(|error| Failure { code: 110, text: format!("unable to read {}: {error}", path.display()) })
}

/// Prints the port where that was asked for, then gives up standard input and output, on which
/// somebody may be waiting for the end.
fn leave_descriptors(options: &Options, listener: &Listener, null: &File) -> io::Result<()> {
    if options.print_port {
        let mut out = io::stdout();
        writeln!(out, "{}", listener.local().port())?;
        out.flush()?;
    }
    descriptor::place(null.as_fd(), 0)?;
    descriptor::place(null.as_fd(), 1)
}
