//! The command line.

use lexopt::prelude::*;
use std::path::PathBuf;

pub const USAGE: &str = "usage: stafett-import QMAIL DIR [--service SCRIPTDIR]... [--rules FILE] [--force]
                              shows what would be taken over from the qmail in QMAIL, and what would not
       stafett-import QMAIL DIR --take [--setup] [...]   takes over its settings; with --setup also ports and services
       stafett-import QMAIL DIR --drain [--remove]       takes over its queue, while both are stopped
       stafett-import QMAIL DIR --dry-run [--take] [--drain] [...]   shows, whatever else is said";

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The home of qmail.
    pub qmail: PathBuf,
    /// The instance.
    pub directory: PathBuf,
    /// Take over the settings.
    pub take: bool,
    /// Run stafett-setup for the ports and services that they need.
    pub setup: bool,
    /// Take over the queue.
    pub drain: bool,
    /// Change nothing.
    pub dry: bool,
    /// Write over files that differ.
    pub force: bool,
    /// Keep no copy of what is drained.
    pub remove: bool,
    /// Service directories with run scripts.
    pub services: Vec<PathBuf>,
    /// The rules of tcpserver, as text or compiled.
    pub rules: Option<PathBuf>,
}

impl Options {
    /// Reads the command line of this process; `None` for help.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(mut parser: lexopt::Parser) -> Result<Option<Options>, String> {
        let mut options = Options::default();
        let mut places = Vec::new();
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            let path = |parser: &mut lexopt::Parser| parser.value().map(PathBuf::from).map_err(|error| error.to_string());
            match argument {
                Value(value) => places.push(PathBuf::from(value)),
                Short('n') | Long("dry-run") => options.dry = true,
                Long("take") => options.take = true,
                Long("setup") => options.setup = true,
                Long("drain") => options.drain = true,
                Long("force") => options.force = true,
                Long("remove") => options.remove = true,
                Long("service") => options.services.push(path(&mut parser)?),
                Long("rules") => options.rules = Some(path(&mut parser)?),
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected().to_string()),
            }
        }
        let [qmail, directory] =
            <[PathBuf; 2]>::try_from(places).map_err(|_| "the home of qmail and the directory of the instance are needed")?;
        if options.remove && !options.drain {
            return Err("--remove says what becomes of a queue that is drained; say --drain".to_owned());
        }
        if options.setup && !options.take {
            return Err("--setup makes ports and services for the settings that are taken; say --take".to_owned());
        }
        if !options.take && !options.drain {
            options.dry = true;
            (options.take, options.drain) = (true, true);
        }
        Ok(Some(Options { qmail, directory, ..options }))
    }
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
