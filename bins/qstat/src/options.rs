//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;

/// How to call it.
pub const USAGE: &str = "usage: qstat [-l] [DIR]";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// What to print.
    pub report: Report,
    /// The instance; the variable STAFETT names it where this is not given.
    pub directory: Option<PathBuf>,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// How many messages there are in each state.
    Counts,
    /// Each message and where its recipients stand.
    List,
}

impl Options {
    /// Reads them.
    pub fn read() -> Result<Options, String> {
        parse(Parser::from_env()).map_err(|error| error.to_string())
    }
}

fn parse(mut parser: Parser) -> Result<Options, lexopt::Error> {
    let mut options = Options { report: Report::Counts, directory: None };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('l') => options.report = Report::List,
            Arg::Value(directory) if options.directory.is_none() => options.directory = Some(directory.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}
