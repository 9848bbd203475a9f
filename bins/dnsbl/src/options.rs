//! The command line: a service, or a program in front of another.
//!
//! The options of the second are those of rblsmtpd(1); they end at the first word that is none.

use crate::lists::Entry;
use lexopt::prelude::*;
use stafett_control::form::blocklist::{BlockList, Hit};
use std::ffi::OsString;
use std::time::Duration;

/// What the command line asks for.
#[derive(Debug)]
pub enum Options {
    /// The service.
    Resident,
    /// One client, then the next program.
    Chain(Chain),
}

/// How to go about one client.
#[derive(Debug, Default)]
pub struct Chain {
    /// Lists to ask instead of those of control/dnsbllist.
    pub lists: Vec<Entry>,
    /// Listed clients are refused for good (`-b`).
    pub permanent: bool,
    /// A list that does not answer refuses for now (`-c`).
    pub closed: bool,
    /// How long the look-ups may take (`-t`).
    pub within: Option<Duration>,
    /// The next program and its arguments.
    pub program: Vec<OsString>,
}

/// How the program is called.
pub const USAGE: &str =
    "usage: stafett-dnsbl --resident, or stafett-dnsbl [-bBcC] [-r zone[:text]] [-a zone] [-t seconds] program [argument ...]";

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// When they ask for nothing that we do.
    pub fn read() -> Result<Options, String> {
        Options::from(lexopt::Parser::from_env())
    }

    fn from(mut arguments: lexopt::Parser) -> Result<Options, String> {
        let mut chain = Chain::default();
        while let Some(argument) = arguments.next().map_err(text)? {
            match argument {
                Long("resident") => {
                    return match arguments.next().map_err(text)? {
                        None if chain.is_plain() => Ok(Options::Resident),
                        _ => Err("--resident stands alone".to_owned()),
                    };
                }
                Short('b') => chain.permanent = true,
                Short('B') => chain.permanent = false,
                Short('c') => chain.closed = true,
                Short('C') => chain.closed = false,
                Short('r') => chain.add("-r", &arguments.value().map_err(text)?, Hit::Refuse { permanent: false })?,
                Short('a') => chain.add("-a", &arguments.value().map_err(text)?, Hit::Accept)?,
                Short('t') => chain.within = Some(seconds(&arguments.value().map_err(text)?)?),
                Value(program) => {
                    chain.program.push(program);
                    chain.program.extend(arguments.raw_args().map_err(text)?);
                    return Ok(Options::Chain(chain));
                }
                other => return Err(other.unexpected().to_string()),
            }
        }
        Err("no program is named".to_owned())
    }
}

impl Chain {
    fn is_plain(&self) -> bool {
        self.lists.is_empty() && !self.permanent && !self.closed && self.within.is_none()
    }

    fn add(&mut self, option: &str, value: &OsString, hit: Hit) -> Result<(), String> {
        let zone = value.to_str().ok_or("a zone that is no text")?;
        let list = BlockList::parse(zone).map_err(|reason| format!("{option}: {reason}"))?;
        if list.hit != (Hit::Refuse { permanent: false }) || (hit == Hit::Accept && list.text.is_some()) {
            return Err(format!("{option} {zone}: signs, weights and texts of allow lists belong into control/dnsbllist"));
        }
        self.lists.push(Entry::new(format!("{option} {}", list.zone), BlockList { hit, ..list }));
        Ok(())
    }
}

fn seconds(value: &OsString) -> Result<Duration, String> {
    let seconds = value.to_str().and_then(|text| text.parse().ok()).filter(|seconds| (1..=3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "-t: write a number of seconds from 1 to 3600".to_owned())
}

fn text(error: lexopt::Error) -> String {
    error.to_string()
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
