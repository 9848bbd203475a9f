//! Which servers to ask: lines of the control file RESOLVERS, or /etc/resolv.conf.
//!
//! A line of our own file that does not parse is an error; a line of resolv.conf that does not parse is passed over,
//! because other programs own that file and its options (resolv.conf(5)).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;

/// The system's list of servers.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

const PORT: u16 = 53;
/// Servers taken from resolv.conf, as the C library does (MAXNS).
const MAX_SERVERS: usize = 3;

/// A server line that is none of `ip`, `ip:port`, `[ipv6]:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadServer(String);

/// The word behind a server that is believed when it says that DNSSEC vouches for an answer.
const TRUSTED: &str = " trusted";

/// Parses `ip`, `ip:port`, `ipv6`, `[ipv6]` or `[ipv6]:port`; the port is 53 where none is given. The word `trusted` may stand
/// behind it ([`is_trusted_by_line`]).
///
/// # Errors
/// [`BadServer`] for anything else, host names and port 0 included.
pub fn parse_server(line: &str) -> Result<SocketAddr, BadServer> {
    let line = line.strip_suffix(TRUSTED).map_or(line, str::trim_end);
    let bare = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(line);
    let server = match bare.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, PORT),
        Err(_) => line.parse::<SocketAddr>().map_err(|_| BadServer(line.to_owned()))?,
    };
    if server.port() == 0 { Err(BadServer(line.to_owned())) } else { Ok(server) }
}

/// Whether the line of a server says that it is to be believed about DNSSEC.
#[must_use]
pub fn is_trusted_by_line(line: &str) -> bool {
    line.ends_with(TRUSTED)
}

/// Whether a resolv.conf says that the way to its servers is safe (`options trust-ad`, resolv.conf(5)).
#[must_use]
pub fn trusts_servers(text: &str) -> bool {
    let options = text.lines().filter_map(|line| line.strip_prefix("options"));
    options.flat_map(str::split_ascii_whitespace).any(|option| option == "trust-ad")
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

/// The servers that a program asks, and whether that choice still holds.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Those to ask, in this order.
    pub servers: Vec<SocketAddr>,
    /// resolv.conf as it was read; nothing where our own file named the servers.
    read_from: Option<Stamp>,
}

/// What tells one version of a file from the next: a file that is replaced has another number, one that is written in
/// place another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    fn of(path: &str) -> Self {
        let found = std::fs::metadata(path).ok();
        Stamp(found.map(|found| (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())))
    }
}

impl Chosen {
    /// The servers on these lines; those of resolv.conf where no line names one.
    #[must_use]
    pub fn from_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let servers: Vec<SocketAddr> = lines.into_iter().filter_map(|line| parse_server(line).ok()).collect();
        if !servers.is_empty() {
            return Chosen { servers, read_from: None };
        }
        // The stamp first: a change while we read is then seen the next time.
        let read_from = Some(Stamp::of(RESOLV_CONF));
        let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        Chosen { servers: servers_of_resolv_conf(&text), read_from }
    }

    /// Whether they came from resolv.conf and that has changed since.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.read_from.is_some_and(|stamp| stamp != Stamp::of(RESOLV_CONF))
    }
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
