//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::calendar::Day;

/// How the program is called.
pub const USAGE: &str =
    "usage: stafett-tlsrpt [DIR] | stafett-tlsrpt show [DIR] [--day YYYY-MM-DD] [--json DOMAIN] | stafett-tlsrpt send [DIR]";

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
    /// Print what was counted.
    Show(What),
    /// Have the service send the reports of past days now.
    Send,
}

/// What to print.
#[derive(Debug, Default)]
pub struct What {
    /// The day; all days where none is named.
    pub day: Option<Day>,
    /// The domain whose report is wanted as it would be sent.
    pub json: Option<String>,
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// When there is one too many, or one that we do not know.
    pub fn read() -> Result<Self, lexopt::Error> {
        let mut arguments = lexopt::Parser::from_env();
        let (mut directory, mut work, mut is_first) = (None, Work::Serve, true);
        while let Some(argument) = arguments.next()? {
            match (argument, &mut work) {
                (Value(word), _) if is_first && word == "show" => work = Work::Show(What::default()),
                (Value(word), _) if is_first && word == "send" => work = Work::Send,
                (Long("day"), Work::Show(what)) => what.day = Some(day(arguments.value()?)?),
                (Long("json"), Work::Show(what)) => what.json = Some(arguments.value()?.string()?.to_ascii_lowercase()),
                (Value(word), _) if directory.is_none() => directory = Some(PathBuf::from(word)),
                (other, _) => return Err(other.unexpected()),
            }
            is_first = false;
        }
        Ok(Options { directory, work })
    }
}

fn day(text: std::ffi::OsString) -> Result<Day, lexopt::Error> {
    let text = text.string()?;
    Day::parse(&text).ok_or_else(|| lexopt::Error::Custom(format!("\"{text}\" is not a day; write YYYY-MM-DD").into()))
}
