//! Which servers to ask: lines of the control file RESOLVERS, or /etc/resolv.conf.
//!
//! A line of our own file that does not parse is an error; a line of resolv.conf that does not parse is passed over,
//! because other programs own that file and its options (resolv.conf(5)).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The system's list of servers.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

const PORT: u16 = 53;
/// Servers taken from resolv.conf, as the C library does (MAXNS).
const MAX_SERVERS: usize = 3;

/// A server line that is none of `ip`, `ip:port`, `[ipv6]:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadServer(String);

/// Parses `ip`, `ip:port`, `ipv6`, `[ipv6]` or `[ipv6]:port`; the port is 53 where none is given.
///
/// # Errors
/// [`BadServer`] for anything else, host names and port 0 included.
pub fn parse_server(line: &str) -> Result<SocketAddr, BadServer> {
    let bare = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(line);
    let server = match bare.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, PORT),
        Err(_) => line.parse::<SocketAddr>().map_err(|_| BadServer(line.to_owned()))?,
    };
    if server.port() == 0 { Err(BadServer(line.to_owned())) } else { Ok(server) }
}

/// The servers named in the text of a resolv.conf; 127.0.0.1 where it names none, as the C library does.
#[must_use]
pub fn servers_of_resolv_conf(text: &str) -> Vec<SocketAddr> {
    let mut servers: Vec<SocketAddr> = text.lines().filter_map(nameserver).take(MAX_SERVERS).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
    }
    servers
}

fn nameserver(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_ascii_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next())?.and_then(|word| parse_server(word).ok())
}

impl fmt::Display for BadServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.escape_debug();
        write!(f, "\"{line}\" is not the address of a name server: write ip, ip:port or [ipv6]:port")
    }
}

impl std::error::Error for BadServer {}
