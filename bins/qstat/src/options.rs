//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use stafett_survey::{FILTER_USAGE, Selection};
use std::path::PathBuf;

/// How to call it.
pub fn usage() -> String {
    format!("usage: qstat [-l | -v | -d] [--json] {FILTER_USAGE} [DIR] [ID ...]")
}

/// What is asked for.
#[derive(Debug, Default)]
pub struct Options {
    /// What to print.
    pub report: Report,
    /// For programs instead of people.
    pub json: bool,
    /// The messages that are meant.
    pub selection: Selection,
    /// The instance; the variable STAFETT names it where this is not given.
    pub directory: Option<PathBuf>,
}

/// What to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Report {
    /// How many messages there are in each state.
    #[default]
    Counts,
    /// Each message and where its recipients stand.
    List,
    /// Each message with every attempt, why it waits and until when.
    Detail,
    /// Each destination.
    Destinations,
}

impl Options {
    /// Reads them.
    pub fn read() -> Result<Options, String> {
        parse(Parser::from_env()).map_err(|error| error.to_string())
    }
}

fn parse(mut parser: Parser) -> Result<Options, lexopt::Error> {
    let mut options = Options::default();
    let mut report = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('l') => report = Some(Report::List),
            Arg::Short('v') => report = Some(Report::Detail),
            Arg::Short('d') => report = Some(Report::Destinations),
            Arg::Long("json") => options.json = true,
            Arg::Long(name) => {
                let name = name.to_owned();
                if !options.selection.filter.take(&name, &mut parser)? {
                    return Err(Arg::Long(&name).unexpected());
                }
            }
            Arg::Value(value) => match value.to_str().and_then(Selection::id_of) {
                Some(id) => {
                    options.selection.ids.insert(id);
                }
                None if options.directory.is_none() => options.directory = Some(value.parse()?),
                None => return Err(format!("\"{}\" is no queue id, and the directory was named before", value.to_string_lossy()).into()),
            },
            other => return Err(other.unexpected()),
        }
    }
    // Ids alone ask for all that is known of them.
    let default = if options.selection.ids.is_empty() { Report::Counts } else { Report::Detail };
    options.report = report.unwrap_or(default);
    Ok(options)
}
