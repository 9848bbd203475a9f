//! The command line.

use lexopt::prelude::*;
use stafett_log::Failure;
use stafett_site::Weight;
use std::path::PathBuf;

/// How to call it.
pub const USAGE: &str = "usage: stafett-check [DIR] [--dns] [--quiet | --verbose]
       stafett-check --service NAME [DIR]";

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The instance; the variable STAFETT names it where this is not given.
    pub directory: Option<PathBuf>,
    /// Ask name servers too.
    pub dns: bool,
    /// Only what keeps this service from starting.
    pub service: Option<String>,
    /// Errors alone.
    pub quiet: bool,
    /// Notes too.
    pub verbose: bool,
    /// Print the usage.
    pub help: bool,
}

impl Options {
    /// Reads them.
    pub fn read() -> Result<Options, Failure> {
        parse(lexopt::Parser::from_env()).map_err(|error| Failure::lasting(format_args!("{error}\n{USAGE}")))
    }

    /// The least weight that is shown.
    pub fn least(&self) -> Weight {
        match (self.quiet, self.verbose) {
            (true, _) => Weight::Error,
            (false, true) => Weight::Note,
            (false, false) => Weight::Warning,
        }
    }
}

/// Reads a command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Options, lexopt::Error> {
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("dns") => options.dns = true,
            Long("service") => options.service = Some(parser.value()?.string()?),
            Short('q') | Long("quiet") => options.quiet = true,
            Short('v') | Long("verbose") => options.verbose = true,
            Short('h') | Long("help") => options.help = true,
            Value(directory) if options.directory.is_none() => options.directory = Some(directory.into()),
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}
