//! The listening socket.
//!
//! Host `0` (or empty) is every IPv4 address, `::` or `::0` every IPv6 and IPv4 address by one
//! socket; `-4` and `-6` choose families for both of them. A kernel without IPv6 leaves IPv4.
//! Known limits: one socket; a host name stands for its first address.

use crate::options::{Families, Options};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Accepts connections, closed on execution.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    local: SocketAddr,
}

/// A connection that nobody serves yet.
#[derive(Debug)]
pub struct Arrival {
    /// The connection; it blocks.
    pub socket: OwnedFd,
    /// Its end with us.
    pub local: SocketAddr,
    /// Its far end.
    pub remote: SocketAddr,
}

impl Listener {
    /// Binds and listens as the options say.
    ///
    /// # Errors
    /// The text for the admin: what could not be done to which address, and why.
    pub fn open(options: &Options) -> Result<Listener, String> {
        let port = port(&options.port)?;
        let (ip, both) = place(options)?;
        let wanted = with_interface(SocketAddr::new(ip, port), options.interface.as_deref())?;
        let opened = match open(wanted, both, options) {
            Err(Errno::AFNOSUPPORT) if both => open((Ipv4Addr::UNSPECIFIED, port).into(), false, options),
            other => other,
        };
        opened.map_err(|error| format!("unable to listen on {wanted}: {}", io::Error::from(error)))
    }

    /// Where it listens; tells the port when 0 was asked for.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The next connection; `None` when nobody waits any more.
    ///
    /// # Errors
    /// When the process or the system has no descriptor or memory left; trying again at once is no use.
    pub fn accept(&self) -> io::Result<Option<Arrival>> {
        loop {
            match rustix::net::acceptfrom_with(&self.socket, SocketFlags::CLOEXEC) {
                Ok((socket, Some(remote))) => {
                    // A client that is gone already has no address any more: not worth a word.
                    let (Ok(remote), Some(local)) = (SocketAddr::try_from(remote), self.local_of(&socket)) else { continue };
                    return Ok(Some(Arrival { socket, local, remote }));
                }
                Err(Errno::AGAIN) => return Ok(None),
                // Nobody's fault but the connection's that was about to be accepted (accept(2)).
                Ok((_, None)) | Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO | Errno::PERM | Errno::TIMEDOUT) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn local_of(&self, socket: &OwnedFd) -> Option<SocketAddr> {
        if !self.local.ip().is_unspecified() {
            return Some(self.local);
        }
        rustix::net::getsockname(socket).ok().and_then(|found| SocketAddr::try_from(found).ok())
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open(wanted: SocketAddr, both: bool, options: &Options) -> rustix::io::Result<Listener> {
    let family = if wanted.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if wanted.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, !both)?;
    }
    // Connections inherit this from the listening socket (tcp(7)): no system call for each.
    sockopt::set_tcp_nodelay(&socket, options.no_delay)?;
    rustix::net::bind(&socket, &wanted)?;
    rustix::net::listen(&socket, options.backlog)?;
    let local = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok(Listener { socket, local })
}

/// The address to bind, and whether IPv4 comes along on an IPv6 socket.
fn place(options: &Options) -> Result<(IpAddr, bool), String> {
    let Families { ipv4, ipv6 } = options.only_families;
    let any_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match options.host.as_str() {
        "" | "0" | "0.0.0.0" if ipv6 => Ok((any_v6, ipv4)),
        "" | "0" => Ok((Ipv4Addr::UNSPECIFIED.into(), false)),
        "::" | "::0" if ipv4 && !ipv6 => Ok((Ipv4Addr::UNSPECIFIED.into(), false)),
        "::" | "::0" => Ok((any_v6, ipv4 || !ipv6)),
        host => address_of(host, options.only_families).map(|ip| (ip, false)),
    }
}

fn address_of(host: &str, only: Families) -> Result<IpAddr, String> {
    let fits = |ip: &IpAddr| only == Families::default() || if ip.is_ipv4() { only.ipv4 } else { only.ipv6 };
    let found = (host, 0).to_socket_addrs().map_err(|error| format!("unable to figure out the IP address of {host}: {error}"))?;
    let found = found.map(|address| address.ip()).find(fits);
    found.ok_or_else(|| format!("no IP address for {host}"))
}

fn with_interface(address: SocketAddr, interface: Option<&str>) -> Result<SocketAddr, String> {
    let (SocketAddr::V6(v6), Some(name)) = (address, interface) else { return Ok(address) };
    let index = interface_index(name).map_err(|error| format!("unable to find the interface {name}: {error}"))?;
    Ok(SocketAddrV6::new(*v6.ip(), v6.port(), 0, index).into())
}

fn interface_index(name: &str) -> rustix::io::Result<u32> {
    let any = rustix::net::socket_with(AddressFamily::INET6, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::netdevice::name_to_index(&any, name)
}

/// A port by number, or by its name in services(5).
fn port(text: &str) -> Result<u16, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| format!("unable to figure out port number for {text}: not from 0 to 65535"));
    }
    let services = std::fs::read_to_string("/etc/services").map_err(|error| format!("unable to read /etc/services: {error}"))?;
    service_port(&services, text).ok_or_else(|| format!("unable to figure out port number for {text}: not in /etc/services"))
}

fn service_port(services: &str, wanted: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (name, place) = (words.next()?, words.next()?);
        let port = place.strip_suffix("/tcp")?;
        (name == wanted || words.any(|alias| alias == wanted)).then(|| port.parse().ok())?
    })
}
