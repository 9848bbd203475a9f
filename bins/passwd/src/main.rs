//! stafett-passwd: manages control/accounts.
//!
//! What it does: adds, changes, locks, shows and removes accounts. A password comes from standard input or is asked for at the
//! terminal; what is kept of it are verifiers (argon2id and SCRAM-SHA-256).
//!
//! Security stance: a tool of the admin, with the admin's rights and no others. A password is never an argument, a variable or
//! output, and no verifier is ever shown. The file is replaced as a whole, so that no reader sees half of it, and keeps the
//! owner and mode that keep others out.
//!
//! How it fails: 1 when there is no such account, or one already; 100 for a wrong command line or file; 111 when something
//! cannot be read or written. The file is then as it was.
//!
//! Known limits: the shared store of stafett-limit is asked through the service of this machine.

mod file;
mod limits;
mod options;
mod password;
mod work;

use options::{Options, USAGE};
use stafett_instance::Instance;
use stafett_log::Log;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-passwd");

/// Why it was not done.
#[derive(Debug)]
pub enum Failure {
    /// The account is not as it would have to be.
    Refused(String),
    /// The admin must change something first.
    Lasting(String),
    /// It may work another time.
    Passing(String),
}

fn main() -> ExitCode {
    let done = Options::read().map_err(|reason| Failure::Lasting(format!("{reason}; {USAGE}"))).and_then(|options| {
        let instance = Instance::find(options.directory.as_deref()).map_err(|error| Failure::Lasting(error.to_string()))?;
        work::run(&instance, &options)
    });
    let (reason, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Refused(reason)) => (reason, 1),
        Err(Failure::Lasting(reason)) => (reason, 100),
        Err(Failure::Passing(reason)) => (reason, 111),
    };
    LOG.fatal(reason);
    ExitCode::from(code)
}
