//! Names of a connection, found by a forked child so that the listener never waits.
//!
//! The child asks the DNS and the ident server, writes what it learned to a pipe and exits; the
//! listener goes on with the connection when the pipe is closed.
//! How it fails: a look-up that fails or takes too long leaves the variable unset, as with djb's
//! tcpserver; a child that dies leaves all of them unset.

use crate::ident;
use crate::listener::Arrival;
use crate::options::Options;
use stafett_dns::{Outcome, RESOLV_CONF, Resolver, parse_server, servers_of_resolv_conf};
use stafett_sys::descriptor;
use stafett_ucspi::Connection;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// For how long names are looked for in the DNS, in seconds.
const DNS_SECONDS: u64 = 15;
/// What a child says at most, in bytes.
const LONGEST: usize = 4096;

/// What is to be looked up.
#[derive(Debug)]
pub struct Questions {
    local_name: bool,
    remote_name: bool,
    paranoid: bool,
    ident: Option<Duration>,
    resolver: Resolver,
}

impl Questions {
    /// The questions that the options ask about each connection; `None` when there are none.
    ///
    /// # Errors
    /// The text for the admin, when DNSCACHEIP names no servers.
    pub fn of(options: &Options) -> Result<Option<Questions>, String> {
        let local_name = options.local_name.is_none();
        if !local_name && !options.look_up_host && !options.ident {
            return Ok(None);
        }
        Ok(Some(Questions {
            local_name,
            remote_name: options.look_up_host,
            paranoid: options.paranoid,
            ident: options.ident.then(|| Duration::from_secs(options.ident_seconds)),
            resolver: Resolver::new(servers()?),
        }))
    }

    /// In the child: finds the answers and writes them to `pipe`.
    pub fn answer(&self, facts: &Connection, pipe: &OwnedFd) {
        let (Some(local), Some(remote)) = (end(facts.local_ip, facts.local_port), end(facts.remote_ip, facts.remote_port)) else { return };
        let local_name = self.local_name.then(|| self.name(local.ip(), false)).flatten();
        let remote_name = self.remote_name.then(|| self.name(remote.ip(), self.paranoid)).flatten();
        let info = self.ident.and_then(|within| ident::ask(local, remote, within));
        let answers = [local_name, remote_name, info].map(|answer| answer.map_or("-".to_owned(), |answer| format!("+{answer}")));
        let _ = descriptor::write_all(pipe, answers.join("\0").as_bytes());
    }

    fn name(&self, ip: IpAddr, confirmed: bool) -> Option<String> {
        let within = Duration::from_secs(DNS_SECONDS);
        let outcome = if confirmed { self.resolver.confirmed_name_of(ip, within) } else { self.resolver.name_of(ip, within) };
        match outcome {
            Outcome::Answer(found) if found.confirmed || !confirmed => Some(found.name),
            _ => None,
        }
    }
}

/// A connection whose names are being looked up.
#[derive(Debug)]
pub struct Pending {
    /// The connection.
    pub arrival: Arrival,
    /// What is known of it so far.
    pub facts: Connection,
    pipe: OwnedFd,
    said: Vec<u8>,
}

impl Pending {
    /// A connection whose child writes to the other end of `pipe`.
    pub fn new(arrival: Arrival, facts: Connection, pipe: OwnedFd) -> Pending {
        Pending { arrival, facts, pipe, said: Vec::new() }
    }

    /// Reads what the child has said; `true` when it has said all.
    pub fn read(&mut self) -> bool {
        let mut buffer = [0; LONGEST];
        match descriptor::read(&self.pipe, &mut buffer) {
            Ok(length) if length > 0 && self.said.len() < LONGEST => {
                self.said.extend_from_slice(buffer.get(..length).unwrap_or_default());
                false
            }
            _ => true,
        }
    }

    /// The connection with the facts that were found.
    pub fn finish(mut self) -> (Arrival, Connection) {
        let text = String::from_utf8_lossy(&self.said).into_owned();
        let mut answers = text.split('\0').map(|answer| answer.strip_prefix('+').map(str::to_owned));
        self.facts.local_host = answers.next().flatten().or(self.facts.local_host);
        self.facts.remote_host = answers.next().flatten();
        self.facts.remote_info = answers.next().flatten();
        (self.arrival, self.facts)
    }
}

impl AsFd for Pending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// The servers of the variable DNSCACHEIP, as in djb's programs, or of resolv.conf(5).
fn servers() -> Result<Vec<SocketAddr>, String> {
    let Ok(listed) = std::env::var("DNSCACHEIP") else {
        let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        return Ok(servers_of_resolv_conf(&text));
    };
    let servers: Result<Vec<SocketAddr>, _> = listed.split_whitespace().map(parse_server).collect();
    let servers = servers.ok().filter(|servers| !servers.is_empty());
    servers.ok_or_else(|| format!("unable to use DNSCACHEIP: not a list of IP addresses: {listed}"))
}

fn end(ip: Option<IpAddr>, port: Option<u16>) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip?, port?))
}
