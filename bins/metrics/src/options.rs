//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How to call it.
pub const USAGE: &str =
    "usage: stafett-metrics [--listen ADDRESS:PORT|SOCKET] [--any-address] [DIR], or stafett-metrics --once [--classic] [DIR]";
/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// What to do.
    pub work: Work,
    /// The instance; the variable STAFETT names it where this is not given.
    pub directory: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Work {
    /// Print the text once.
    Print {
        /// In the format 0.0.4.
        classic: bool,
    },
    /// Serve it: there, or where the instance says.
    Serve(Option<Place>),
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Options {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// A sentence.
    pub fn read() -> Result<Options, String> {
        parse(Parser::from_env())
    }
}

fn parse(mut parser: Parser) -> Result<Options, String> {
    let said = |error: lexopt::Error| error.to_string();
    let (mut once, mut classic, mut any, mut listen, mut directory) = (false, false, false, None, None);
    while let Some(argument) = parser.next().map_err(said)? {
        match argument {
            Arg::Long("once") => once = true,
            Arg::Long("classic") => classic = true,
            Arg::Long("any-address") => any = true,
            Arg::Long("listen") => listen = Some(parser.value().and_then(|value| value.string()).map_err(said)?),
            Arg::Value(value) if directory.is_none() => directory = Some(PathBuf::from(value)),
            other => return Err(said(other.unexpected())),
        }
    }
    if any && listen.is_none() {
        return Err("--any-address goes with --listen".to_owned());
    }
    if !once && classic {
        return Err("--classic goes with --once; a scraper asks for its format itself".to_owned());
    }
    let work = if once { Work::Print { classic } } else { Work::Serve(listen.map(|text| place(&text, any)).transpose()?) };
    Ok(Options { work, directory })
}

fn place(text: &str, any: bool) -> Result<Place, String> {
    if text.starts_with('/') {
        return Ok(Place::Unix(PathBuf::from(text)));
    }
    let address: SocketAddr = text
        .parse()
        .map_err(|_| format!("--listen {text}: write ADDRESS:PORT, such as 127.0.0.1:9825, or the path of a socket from the root on"))?;
    if !address.ip().is_loopback() && !any {
        return Err(format!(
            "--listen {text}: everybody who reaches that address could read the numbers; listen on loopback, or add --any-address"
        ));
    }
    Ok(Place::Tcp(address))
}

#[cfg(test)]
#[path = "options_test.rs"]
mod tests;
