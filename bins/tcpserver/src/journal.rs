//! What the listener says on standard error, in tcpserver's words.
//!
//! Lines that tell what happens are collected while one batch of events is handled and written
//! together: at a thousand connections a second each write(2) would wake the log program once
//! more. Security stance: names from the network are cut and made safe here, as tcpserver does:
//! what is not a visible ASCII character, `:` or `%` becomes `?`.

use crate::options::Verbosity;
use stafett_log::Log;
use stafett_sys::process::Pid;
use stafett_ucspi::Connection;
use std::fmt::{Display, Write};

/// The program's name in every line, which log readers of tcpserver expect.
pub const LOG: Log = Log::new("tcpserver");

/// A field of a line at most, in characters.
const LONGEST_FIELD: usize = 100;

/// Collected lines are written before they would not be one write to a pipe (pipe(7)).
const LARGEST_WRITE: usize = 3600;

/// The lines of one batch.
#[derive(Debug)]
pub struct Journal {
    verbosity: Verbosity,
    lines: String,
}

impl Journal {
    /// Nothing said yet.
    pub fn new(verbosity: Verbosity) -> Journal {
        Journal { verbosity, lines: String::new() }
    }

    /// `status: n/limit`.
    pub fn status(&mut self, count: usize, limit: usize) {
        self.line(format_args!("status: {count}/{limit}"));
    }

    /// `pid P from IP`, then `ok P …`.
    pub fn accepted(&mut self, pid: Pid, facts: &Connection) {
        self.from(pid, facts);
        self.line(format_args!("ok {pid} {}", Ends(facts)));
    }

    /// `pid P from IP`, then `deny P …`; `why` tells what else than a rule it was.
    pub fn denied(&mut self, pid: Pid, facts: &Connection, why: &str) {
        self.from(pid, facts);
        self.line(format_args!("deny {pid} {}{why}", Ends(facts)));
    }

    /// `end P status W`, with W as wait(2) gives it.
    pub fn ended(&mut self, pid: Pid, status: i32) {
        self.line(format_args!("end {pid} status {status}"));
    }

    /// Something was not done as it should be.
    pub fn warning(&mut self, text: impl Display) {
        if self.verbosity >= Verbosity::Errors {
            self.flush();
            LOG.warning(text);
        }
    }

    /// Something the admin must look at was not done.
    pub fn error(&mut self, text: impl Display) {
        if self.verbosity >= Verbosity::Errors {
            self.flush();
            LOG.error(text);
        }
    }

    /// For information, with `-v`.
    pub fn note(&mut self, text: impl Display) {
        if self.verbosity >= Verbosity::Everything {
            self.flush();
            LOG.note(text);
        }
    }

    /// Writes what was collected.
    pub fn flush(&mut self) {
        if !self.lines.is_empty() {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), self.lines.as_bytes());
            self.lines.clear();
        }
    }

    fn from(&mut self, pid: Pid, facts: &Connection) {
        if let Some(ip) = facts.remote_ip {
            self.line(format_args!("pid {pid} from {}", ip.to_canonical()));
        }
    }

    fn line(&mut self, text: impl Display) {
        if self.verbosity < Verbosity::Everything {
            return;
        }
        let before = self.lines.len();
        let _ = writeln!(self.lines, "tcpserver: {text}");
        if before > 0 && self.lines.len() > LARGEST_WRITE {
            let rest = self.lines.split_off(before);
            self.flush();
            self.lines = rest;
        }
    }
}

/// `lhost:lip:lport rhost:rip:info:rport`.
struct Ends<'a>(&'a Connection);

impl Display for Ends<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let facts = self.0;
        let ip = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_canonical().to_string()).unwrap_or_default();
        let (local, remote) = (ip(facts.local_ip), ip(facts.remote_ip));
        write!(f, "{}:{local}:{}", field(facts.local_host.as_deref()), facts.local_port.unwrap_or(0))?;
        write!(f, " {}:{remote}:{}:", field(facts.remote_host.as_deref()), field(facts.remote_info.as_deref()))?;
        write!(f, "{}", facts.remote_port.unwrap_or(0))
    }
}

fn field(name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    let safe = |c: char| if c.is_ascii_graphic() && c != ':' && c != '%' { c } else { '?' };
    let cut = if name.chars().nth(LONGEST_FIELD).is_some() { "..." } else { "" };
    name.chars().take(LONGEST_FIELD).map(safe).collect::<String>() + cut
}
