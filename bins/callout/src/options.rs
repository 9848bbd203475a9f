//! The command line, and the admin's questions.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use stafett_ask::Verdict;
use stafett_instance::{Instance, Service};

/// How the program is called.
pub const USAGE: &str = "usage: stafett-callout [DIR] | stafett-callout [DIR] --ask ADDRESS | stafett-callout [DIR] --forget ADDRESS";
/// How long an answer is waited for; control/callout allows 240 seconds.
const PATIENCE: Duration = Duration::from_secs(250);

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
        /// `recipient` or `forget`.
        verb: &'static str,
        /// An address, or `@domain`.
        address: String,
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
                Long("ask") => options.work = Work::Ask { verb: "recipient", address: arguments.value()?.string()? },
                Long("forget") => options.work = Work::Ask { verb: "forget", address: arguments.value()?.string()? },
                Value(directory) if options.directory.is_none() => options.directory = Some(directory.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}

/// Asks the running service and prints its answer. Exit 0 for yes, 1 for no, 111 for later.
///
/// # Errors
/// When there is no answer.
pub fn ask(instance: &Instance, verb: &str, address: &str) -> Result<ExitCode, String> {
    let socket = instance.socket(Service::Callout);
    let question = [verb.as_bytes(), address.as_bytes()];
    let answer = stafett_ask::ask(&socket, &question, None, PATIENCE);
    let answer = answer.map_err(|error| format!("unable to ask the service at {}: {error}", socket.display()))?;
    let fields: Vec<String> = (0..answer.fields.len()).filter_map(|index| answer.field(index)).collect();
    println!("{} {}: {}", char::from(answer.verdict.letter()), fields.join(" "), answer.text);
    Ok(ExitCode::from(match answer.verdict {
        Verdict::Ok => 0,
        Verdict::Permanent => 1,
        Verdict::Temporary => 111,
    }))
}
