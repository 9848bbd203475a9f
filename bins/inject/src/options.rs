//! The command line, qmail-inject's.

use lexopt::{Arg, Parser, ValueExt};

/// How to call it.
pub const USAGE: &str = "usage: stafett-inject [-nNaAhH] [-f SENDER] [RECIPIENT ...]";

/// What is asked for.
#[derive(Debug, Default)]
pub struct Options {
    /// Print the message instead of queueing it.
    pub only_print: bool,
    /// Where the recipients come from.
    pub recipients: Recipients,
    /// The envelope's sender; empty for none.
    pub sender: Option<String>,
    /// Recipients of the command line.
    pub arguments: Vec<String>,
}

/// Where the recipients come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recipients {
    /// The arguments; the header if there are none.
    #[default]
    Either,
    /// The arguments alone.
    Arguments,
    /// The header alone.
    Header,
    /// Both.
    Both,
}

impl Options {
    /// Reads them.
    pub fn read() -> Result<Options, lexopt::Error> {
        let mut parser = Parser::from_env();
        let mut options = Options::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('n') => options.only_print = true,
                Arg::Short('N') => options.only_print = false,
                Arg::Short('a') => options.recipients = Recipients::Arguments,
                Arg::Short('h') => options.recipients = Recipients::Header,
                Arg::Short('A') => options.recipients = Recipients::Either,
                Arg::Short('H') => options.recipients = Recipients::Both,
                Arg::Short('f') => options.sender = Some(parser.value()?.string()?),
                Arg::Value(address) => options.arguments.push(address.string()?),
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }

    /// Whether recipients are taken from the arguments.
    pub fn takes_arguments(&self) -> bool {
        self.recipients != Recipients::Header
    }

    /// Whether recipients are taken from the header.
    pub fn takes_header(&self) -> bool {
        match self.recipients {
            Recipients::Either => self.arguments.is_empty(),
            Recipients::Arguments => false,
            Recipients::Header | Recipients::Both => true,
        }
    }
}
