//! The command line.

use std::ffi::OsString;

/// How it is called.
pub const USAGE: &str = "usage: stafett-limit --resident | stafett-limit [DIR] [--only WORD]... [--reached] | stafett-limit [DIR] --reset KEY | --lock ACCOUNT | --unlock ACCOUNT";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Serve.
    Serve,
    /// List the lines that hold all these words; only those that have reached their limit.
    Show(Vec<String>, bool),
    /// Ask the service to do this to that.
    Change(&'static str, String),
}

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The instance's directory.
    pub directory: Option<OsString>,
    /// What is asked for.
    pub work: Work,
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// A sentence about the first that is wrong.
    pub fn read() -> Result<Options, String> {
        Options::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Options, String> {
        use lexopt::prelude::{Long, Value};
        let (mut directory, mut words, mut reached, mut work) = (None, Vec::new(), false, None);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            let wanted = match argument {
                Long("resident") => Some(Work::Serve),
                Long("reset") => Some(Work::Change("reset", value(&mut parser)?)),
                Long("lock") => Some(Work::Change("lock", value(&mut parser)?)),
                Long("unlock") => Some(Work::Change("unlock", value(&mut parser)?)),
                Long("only") => {
                    words.push(value(&mut parser)?);
                    None
                }
                Long("reached") => {
                    reached = true;
                    None
                }
                Value(path) if directory.is_none() => {
                    directory = Some(path);
                    None
                }
                other => return Err(other.unexpected().to_string()),
            };
            if wanted.is_some() && std::mem::replace(&mut work, wanted).is_some() {
                return Err("one thing at a time".to_owned());
            }
        }
        Ok(Options { directory, work: work.unwrap_or(Work::Show(words, reached)) })
    }
}

fn value(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    value.into_string().map_err(|_| "a value is no UTF-8 text".to_owned())
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
