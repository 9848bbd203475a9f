//! The command line.

use crate::Failure;
use lexopt::prelude::*;
use stafett_instance::tree;
use std::ffi::OsString;
use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;

pub const USAGE: &str = "usage: stafett-setup DIR --me HOST [--port N] [--address IP]... [--bin BINDIR] [--user-prefix P]
                         [--submission[=PORT[,PORT]]] [--no-submission]
                         [--with SERVICE[,SERVICE...]] [--without SERVICE[,SERVICE...]]
       stafett-setup DIR [--port N] ...    makes or mends the instance in DIR; needs no option again
       stafett-setup DIR [...] --check     judges it and changes nothing
       stafett-setup DIR --print PATH      prints a script as it would be written, such as service/smtpd/run
       stafett-setup --sample NAME         prints a sample of a control file
       stafett-setup --samples DIR | --manual";

/// What was asked for.
#[derive(Debug)]
pub enum Work {
    /// Make or mend.
    Make(Request),
    /// Judge; what else was said must be what the instance is like.
    Check(Request),
    /// Print what would be written to a path below DIR.
    Print {
        /// The instance.
        directory: PathBuf,
        /// The path.
        path: PathBuf,
    },
    /// Print stafett-control(5).
    Manual,
    /// Print a sample control file.
    Sample(String),
    /// Write all samples to a directory.
    Samples(PathBuf),
    /// Print the usage.
    Help,
}

/// An instance as the options describe it; what is `None` or empty is remembered in the instance
/// or has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub directory: PathBuf,
    /// `--me`.
    pub me: Option<String>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--address`, in the order given.
    pub addresses: Vec<String>,
    /// `--bin`.
    pub bin: Option<PathBuf>,
    /// `--submission`, `--no-submission`: the last of them.
    pub submission: Option<Submission>,
    /// `--user-prefix`.
    pub prefix: Option<String>,
    /// `--with`: optional services to have.
    pub with: Vec<String>,
    /// `--without`: optional services to have no more.
    pub without: Vec<String>,
}

/// The ports for submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    /// The one with STARTTLS.
    pub starttls: Option<u16>,
    /// The one under TLS from the start.
    pub tls: Option<u16>,
}

/// Those of RFC 6409 and RFC 8314.
const SUBMISSION: Submission = Submission { starttls: Some(587), tls: Some(465) };

/// Reads the command line of this process.
pub fn of_process() -> Result<Work, Failure> {
    of(lexopt::Parser::from_env())
}

/// Reads a command line.
pub fn of(mut parser: lexopt::Parser) -> Result<Work, Failure> {
    let mut request = Request::default();
    let mut directory: Option<OsString> = None;
    let (mut check, mut manual, mut print, mut sample, mut samples) = (false, false, None, None, None);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Value(value) if directory.is_none() => directory = Some(value),
            Long("me") => request.me = Some(host(&plain("--me", &mut parser)?)?),
            Long("port") => request.port = Some(port(&plain("--port", &mut parser)?)?),
            Long("address") => request.addresses.push(address(&plain("--address", &mut parser)?)?),
            Long("submission") => request.submission = Some(submission(&mut parser)?),
            Long("no-submission") => request.submission = Some(Submission::default()),
            Long("bin") => request.bin = Some(parser.value().map_err(usage)?.into()),
            Long("user-prefix") => request.prefix = Some(prefix(&plain("--user-prefix", &mut parser)?)?),
            Long("with") => request.with.extend(services("--with", &plain("--with", &mut parser)?)?),
            Long("without") => request.without.extend(services("--without", &plain("--without", &mut parser)?)?),
            Long("check") => check = true,
            Long("manual") => manual = true,
            Long("print") => print = Some(PathBuf::from(parser.value().map_err(usage)?)),
            Long("sample") => sample = Some(plain("--sample", &mut parser)?),
            Long("samples") => samples = Some(PathBuf::from(parser.value().map_err(usage)?)),
            Short('h') | Long("help") => return Ok(Work::Help),
            other => return Err(usage(other.unexpected())),
        }
    }
    if let Some(both) = request.with.iter().find(|name| request.without.contains(name)) {
        return Err(Failure::lasting(format_args!("--with {both} --without {both}: it cannot be both")));
    }
    match (directory.map(PathBuf::from), sample, samples) {
        (None, Some(name), None) => Ok(Work::Sample(name)),
        (None, None, Some(into)) => Ok(Work::Samples(into)),
        (None, None, None) if manual => Ok(Work::Manual),
        (Some(directory), None, None) => Ok(match print {
            Some(path) => Work::Print { directory, path },
            None if check => Work::Check(Request { directory, ..request }),
            None => Work::Make(Request { directory, ..request }),
        }),
        _ => Err(Failure::lasting(format_args!("the directory of the instance is missing\n{USAGE}"))),
    }
}

fn host(text: &str) -> Result<String, Failure> {
    let refused =
        |reason: &str| Failure::lasting(format_args!("--me {text}: {reason}; write the full name of this host, such as relay.example.org"));
    if text.parse::<IpAddr>().is_ok() {
        return Err(refused("an address is no name"));
    }
    stafett_control::form::host(text).map_err(|reason| refused(&reason))?;
    Ok(text.to_owned())
}

fn port(text: &str) -> Result<u16, Failure> {
    number(text).ok_or_else(|| Failure::lasting(format_args!("--port {text}: not a number from 1 to 65535")))
}

fn number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

/// The port with STARTTLS, and behind a comma the one under TLS from the start; either may be left away.
fn submission(parser: &mut lexopt::Parser) -> Result<Submission, Failure> {
    let Some(value) = parser.optional_value() else { return Ok(SUBMISSION) };
    let text = value.into_string().map_err(|_| Failure::lasting("the value of --submission is not plain text"))?;
    let (starttls, tls) = text.split_once(',').unwrap_or((text.as_str(), ""));
    let numbers = [starttls, tls].map(|text| (text, number(text)));
    if text.len() < 2 || numbers.iter().any(|(text, number)| !text.is_empty() && number.is_none()) {
        return Err(Failure::lasting(format_args!(
            "--submission={text}: write the port with STARTTLS, a comma, and the port under TLS from the start, such as 587,465; either may be left away"
        )));
    }
    Ok(Submission { starttls: numbers[0].1, tls: numbers[1].1 })
}

fn address(text: &str) -> Result<String, Failure> {
    if text == "0" || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(Failure::lasting(format_args!("--address {text}: not an IP address; 0 stands for all")))
}

/// A prefix makes names of users and groups: those of useradd(8), one letter short of its limit.
fn prefix(text: &str) -> Result<String, Failure> {
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let fits = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
    if starts && fits && text.len() <= 30 {
        return Ok(text.to_owned());
    }
    Err(Failure::lasting(format_args!(
        "--user-prefix {text}: user names begin with it; write at most 30 lower-case letters, digits, - or _, a letter first"
    )))
}

/// Names of optional services, apart by commas.
fn services(option: &str, text: &str) -> Result<Vec<String>, Failure> {
    if let Some(unknown) = text.split(',').find(|name| !tree::is_optional(name)) {
        let known: Vec<&str> = tree::OPTIONAL.iter().map(|service| service.name).collect();
        return Err(Failure::lasting(format_args!(
            "{option} {text}: there is no optional service \"{unknown}\"; these are: {}",
            known.join(", ")
        )));
    }
    Ok(text.split(',').map(str::to_owned).collect())
}

fn plain(option: &str, parser: &mut lexopt::Parser) -> Result<String, Failure> {
    let value = parser.value().map_err(usage)?;
    value.into_string().map_err(|_| Failure::lasting(format_args!("the value of {option} is not plain text")))
}

fn usage(error: impl Display) -> Failure {
    Failure::lasting(format_args!("{error}\n{USAGE}"))
}
