//! The command line, and the admin's questions.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use stafett_ask::Verdict;
use stafett_instance::{Instance, Service};
use stafett_sts::Known;

use crate::service::FORGET;

/// How the program is called.
pub const USAGE: &str = "usage: stafett-mtasts [DIR] | stafett-mtasts [DIR] --ask DOMAIN | stafett-mtasts [DIR] --forget DOMAIN";
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the command line asks for.
#[derive(Debug)]
pub struct Options {
    /// The instance; that of the variable STAFETT when it is not named.
    pub directory: Option<PathBuf>,
    /// What to do.
    pub work: Work,
}

/// What to do.
#[derive(Debug)]
pub enum Work {
    /// Serve.
    Serve,
    /// Ask the running service.
    Ask {
        /// `policy` or `forget`.
        verb: &'static str,
        /// A domain.
        domain: String,
    },
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// When there is one too many, or one that we do not know.
    pub fn read() -> Result<Self, lexopt::Error> {
        let mut options = Options { directory: None, work: Work::Serve };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("ask") => options.work = Work::Ask { verb: stafett_sts::question::POLICY, domain: arguments.value()?.string()? },
                Long("forget") => options.work = Work::Ask { verb: FORGET, domain: arguments.value()?.string()? },
                Value(directory) if options.directory.is_none() => options.directory = Some(directory.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}

/// Asks the running service and prints its answer. Exit 0 for an answer, 111 when it cannot tell now.
///
/// # Errors
/// When there is no answer.
pub fn ask(instance: &Instance, verb: &str, domain: &str) -> Result<ExitCode, String> {
    let socket = instance.socket(Service::MtaSts);
    let answer = stafett_ask::ask(&socket, &[verb.as_bytes(), domain.as_bytes()], None, PATIENCE);
    let answer = answer.map_err(|error| format!("unable to ask the service at {}: {error}", socket.display()))?;
    println!("{}", answer.text);
    if let Some(known) = Known::from_answer(&answer).filter(|known| !known.id.is_empty()) {
        known.policy.lines().iter().for_each(|line| println!("{line}"));
    }
    Ok(ExitCode::from(if answer.verdict == Verdict::Ok { 0 } else { 111 }))
}
