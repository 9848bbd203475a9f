//! The command line.

use crate::event;
use crate::select::{Pattern, Wanted};
use crate::span::{self, Span};
use crate::stamp::Moment;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsStr;
use std::path::PathBuf;

/// How to call it.
pub const USAGE: &str = "usage: stafett-log [-f] [-n N] [--raw] [--since TIME] [--until TIME] [DIR] [ID]...
       stafett-log [-f] [--raw] [--since TIME] [--until TIME] [-s SENDER] [-r RECIPIENT] [-c CLIENT] [DIR]";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The instance; the variable STAFETT names it where this is not given.
    pub directory: Option<PathBuf>,
    /// Which messages; everything means a summary, unless lines are asked for.
    pub wanted: Wanted,
    /// Of which time.
    pub span: Span,
    /// Whether `--since` was given.
    pub has_since: bool,
    /// Lines of each list of the summary.
    pub most: usize,
    /// The lines themselves.
    pub raw: bool,
    /// What comes from now on, too.
    pub follow: bool,
}

impl Options {
    /// Reads them.
    pub fn read() -> Result<Options, String> {
        parse(Parser::from_env(), Moment::now())
    }
}

/// Reads a command line; `now` is what times count from.
pub fn parse(mut parser: Parser, now: Moment) -> Result<Options, String> {
    let mut options =
        Options { directory: None, wanted: Wanted::default(), span: Span::ALL, has_since: false, most: 10, raw: false, follow: false };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("since") => (options.span.since, options.has_since) = (time("--since", &mut parser, now, span::since)?, true),
            Arg::Long("until") => options.span.until = time("--until", &mut parser, now, span::until)?,
            Arg::Short('s') | Arg::Long("sender") => options.wanted.sender = Some(Pattern::address(&plain(&mut parser)?)),
            Arg::Short('r') | Arg::Long("recipient") => options.wanted.recipient = Some(Pattern::address(&plain(&mut parser)?)),
            Arg::Short('c') | Arg::Long("client") => options.wanted.client = Some(Pattern::client(&plain(&mut parser)?)),
            Arg::Short('n') => options.most = number(&plain(&mut parser)?)?,
            Arg::Short('f') | Arg::Long("follow") => options.follow = true,
            Arg::Long("raw") => options.raw = true,
            Arg::Value(value) => match id(&value) {
                Some(id) => options.wanted.ids.push(id),
                None if options.directory.is_none() => options.directory = Some(value.into()),
                None => {
                    return Err(format!("\"{}\" is neither a queue id, which has 16 digits, nor the only directory", value.display()));
                }
            },
            other => return Err(other.unexpected().to_string()),
        }
    }
    agree(&options)?;
    Ok(options)
}

/// Refuses what makes no sense together.
fn agree(options: &Options) -> Result<(), String> {
    if !options.wanted.ids.is_empty() && options.wanted.has_patterns() {
        return Err("ids and -s, -r or -c do not go together".to_owned());
    }
    if options.span.since >= options.span.until {
        return Err("--since is not before --until".to_owned());
    }
    if options.follow && options.span.until != Span::ALL.until {
        return Err("-f and --until do not go together".to_owned());
    }
    Ok(())
}

fn id(value: &OsStr) -> Option<u64> {
    value.to_str().and_then(event::id)
}

fn plain(parser: &mut Parser) -> Result<String, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    value.string().map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("-n {text}: not a number above 0"))
}

fn time(option: &str, parser: &mut Parser, now: Moment, read: fn(&str, Moment) -> Option<Moment>) -> Result<Moment, String> {
    let text = plain(parser)?;
    read(&text, now).ok_or_else(|| {
        format!("{option} {text}: not a time; write one like 2026-11-21, \"2026-11-21 22:00\", 22:00 (all UTC), -30m, -1h or -2d")
    })
}

#[cfg(test)]
#[path = "options_test.rs"]
mod tests;
