//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use stafett_control::form::fingerprint;
use std::net::IpAddr;
use std::path::PathBuf;

/// How to call it.
pub const USAGE: &str = "usage: stafett-explain [DIR] --ip A [--host NAME] [--local-ip A] [--helo H] [--from S] [--to R ...] [--size N] [--tls] [--auth ACCOUNT] [--certificate FINGERPRINT], \
                         or stafett-explain [DIR] --against CONTROL LOGFILE ...";

/// What to do, and where.
#[derive(Debug)]
pub struct Options {
    /// The instance; the variable STAFETT names it where this is not given.
    pub directory: Option<PathBuf>,
    /// What to do.
    pub task: Task,
}

/// What to do.
#[derive(Debug)]
pub enum Task {
    /// Explain what this client would hear.
    Explain(Client),
    /// Replay logs against other control files.
    Replay {
        /// Their directory.
        control: PathBuf,
        /// The logs.
        logs: Vec<PathBuf>,
    },
}

/// The client that is to be explained.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its address.
    pub ip: IpAddr,
    /// Its name, where the listener looks names up.
    pub host: Option<String>,
    /// Our address that it connects to.
    pub local_ip: Option<IpAddr>,
    /// What it says in EHLO.
    pub helo: String,
    /// The sender; empty for the null sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The announced size of the message, in bytes.
    pub size: Option<u64>,
    /// Whether the connection is under TLS.
    pub tls: bool,
    /// The fingerprint of the certificate whose key it has proven to hold.
    pub certificate: Option<String>,
    /// The account whose password it knows.
    pub account: Option<String>,
}

#[derive(Default)]
struct Words {
    ip: Option<IpAddr>,
    host: Option<String>,
    local_ip: Option<IpAddr>,
    helo: Option<String>,
    from: Option<String>,
    to: Vec<String>,
    size: Option<u64>,
    tls: bool,
    certificate: Option<String>,
    account: Option<String>,
    against: Option<PathBuf>,
    values: Vec<PathBuf>,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// A sentence for the admin.
    pub fn read() -> Result<Options, String> {
        words(Parser::from_env()).map_err(|error| error.to_string()).and_then(Words::judge)
    }
}

fn words(mut parser: Parser) -> Result<Words, lexopt::Error> {
    let mut words = Words::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("ip") => words.ip = Some(parser.value()?.parse()?),
            Arg::Long("local-ip") => words.local_ip = Some(parser.value()?.parse()?),
            Arg::Long("host") => words.host = Some(parser.value()?.string()?),
            Arg::Long("helo") => words.helo = Some(parser.value()?.string()?),
            Arg::Long("from") => words.from = Some(bare(parser.value()?.string()?)),
            Arg::Long("to") => words.to.push(bare(parser.value()?.string()?)),
            Arg::Long("size") => words.size = Some(parser.value()?.parse()?),
            Arg::Long("tls") => words.tls = true,
            Arg::Long("certificate") => words.certificate = Some(parser.value()?.string()?),
            Arg::Long("auth") => words.account = Some(parser.value()?.string()?),
            Arg::Long("against") => words.against = Some(parser.value()?.into()),
            Arg::Value(value) => words.values.push(value.into()),
            other => return Err(other.unexpected()),
        }
    }
    Ok(words)
}

/// An address with or without its angle brackets.
fn bare(text: String) -> String {
    text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).map_or(text.clone(), str::to_owned)
}

impl Words {
    fn judge(self) -> Result<Options, String> {
        let spoken = [&self.helo, &self.from, &self.host, &self.account].into_iter().flatten().chain(&self.to);
        if let Some(text) = spoken.into_iter().find(|text| text.contains(['\r', '\n'])) {
            return Err(format!("{text:?} holds an end of line, which no client can say"));
        }
        match (self.against, self.ip) {
            (Some(_), Some(_)) => Err("--against takes its clients from the logs, --ip does not go with it".to_owned()),
            (Some(control), None) => {
                // the first directory is the instance: logs are files
                let mut values = self.values;
                let directory = values.first().is_some_and(|first| first.is_dir()).then(|| values.remove(0));
                match values.is_empty() {
                    true => Err("--against needs the log files to replay".to_owned()),
                    false => Ok(Options { directory, task: Task::Replay { control, logs: values } }),
                }
            }
            (None, None) => Err("--ip or --against is needed".to_owned()),
            (None, Some(ip)) => {
                let mut values = self.values.into_iter();
                let directory = values.next();
                if let Some(odd) = values.next() {
                    return Err(format!("unexpected argument \"{}\"", odd.display()));
                }
                let helo = self.helo.unwrap_or_else(|| "client.example".to_owned());
                let from = self.from.unwrap_or_default();
                if let Some(reason) = self.certificate.as_deref().and_then(|text| fingerprint(text).err()) {
                    return Err(reason);
                }
                let (tls, certificate) = (self.tls || self.certificate.is_some(), self.certificate);
                let client = Client {
                    ip,
                    host: self.host,
                    local_ip: self.local_ip,
                    helo,
                    from,
                    to: self.to,
                    size: self.size,
                    tls,
                    certificate,
                    account: self.account,
                };
                Ok(Options { directory, task: Task::Explain(client) })
            }
        }
    }
}
