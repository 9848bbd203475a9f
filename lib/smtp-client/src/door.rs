//! The one door to the network: every connection begins here, and what control/destinations does not allow ends here.
//!
//! Security stance: the allow-list is asked with the very address that is connected to, whoever named it (the DNS, a
//! route, /etc/hosts, a recipient), and an IPv4 address in the clothes of IPv6 is taken as what it is.
//! How it fails: [`Failure`], which says whether the list or the network refused.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use stafett_control::form::network::Network;
use stafett_control::{Control, Error, Item, rows};

use crate::outgoing::Sources;

/// The networks of control/destinations.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Option<Vec<Network>>);

impl Allowed {
    /// Reads the file; without one everything is allowed, with an empty one nothing.
    ///
    /// # Errors
    /// When a line is no network.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let Some(lines) = control.list(&rows::DESTINATIONS)? else { return Ok(Allowed(None)) };
        let file = || format!("control/{}", rows::DESTINATIONS.name);
        let network = |item: Item<String>| Network::parse(&item.value).map_err(|reason| Error { file: file(), line: item.line, reason });
        lines.into_iter().map(network).collect::<Result<_, _>>().map(|networks| Allowed(Some(networks)))
    }

    /// Whether connections may go there.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(address)))
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Failure {
    /// The address is outside of control/destinations.
    NotAllowed,
    /// The address that we are to come from cannot be used.
    Source(IpAddr, io::Error),
    /// The system's reason.
    Network(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotAllowed => f.write_str("outside of the networks in control/destinations"),
            Failure::Source(address, error) => {
                write!(f, "unable to come from {address}, as control/outgoingip or control/domainbindings says: {error}")
            }
            Failure::Network(error) => error.fmt(f),
        }
    }
}

/// Begins to connect; the socket becomes writable when the connection stands or has failed.
///
/// # Errors
/// Whatever is known at once.
pub fn begin(allowed: &Allowed, sources: Sources, target: SocketAddr) -> Result<OwnedFd, Failure> {
    let target = SocketAddr::new(target.ip().to_canonical(), target.port());
    if !allowed.contains(target.ip()) {
        return Err(Failure::NotAllowed);
    }
    let network = |error: Errno| Failure::Network(error.into());
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(network)?;
    sockopt::set_tcp_nodelay(&socket, true).map_err(network)?;
    if let Some(source) = sources.towards(target.ip()) {
        stafett_sys::socket::bind_source(&socket, source).map_err(|error| Failure::Source(source, error))?;
    }
    match rustix::net::connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        // A source that cannot lead there is found out only now.
        Err(error) => match sources.towards(target.ip()) {
            Some(source) => Err(Failure::Source(source, error.into())),
            None => Err(network(error)),
        },
    }
}

/// Connects to a Unix socket, waiting `within` for a server that is behind with taking connections. control/destinations
/// speaks of networks and has no say here: only the administrator can name a path.
///
/// # Errors
/// The system's reason; `TimedOut` where the server took nobody.
pub fn connect_unix(path: &str, within: Duration) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    stafett_sys::socket::set_timeouts(&socket, None, Some(within))?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) => {}
        Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
        Err(error) => return Err(error.into()),
    }
    stafett_sys::socket::set_nonblocking(&socket, true)?;
    Ok(socket)
}

/// What became of a connection that had begun.
///
/// # Errors
/// The system's reason.
pub fn outcome(socket: &OwnedFd) -> io::Result<()> {
    sockopt::socket_error(socket)?.map_err(io::Error::from)
}
