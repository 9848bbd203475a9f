//! Who listens where, as /proc/net tells it (proc(5)), and which addresses are ours.

use crate::subject::Subject;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The state LISTEN in /proc/net/tcp.
const LISTEN: &str = "0A";

/// A listening TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// The number by which a process's descriptors name it.
    pub inode: u64,
}

/// All listening TCP sockets of this host.
pub fn listening() -> Vec<Listening> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (four, six) = (read("/proc/net/tcp"), read("/proc/net/tcp6"));
    four.lines().chain(six.lines()).filter_map(parse).collect()
}

/// Those that keep `address` (0 for all) from being bound at `port`.
pub fn conflicting(all: &[Listening], address: &str, port: u16) -> Vec<Listening> {
    let wanted: Option<IpAddr> = address.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified());
    let meets = |other: &Listening| other.address.ip().is_unspecified() || wanted.is_none_or(|ip| ip == other.address.ip());
    all.iter().filter(|other| other.address.port() == port && meets(other)).copied().collect()
}

/// Whether this instance's listener is meant to listen at `port`, at that address or at any.
pub fn listens_at(subject: &Subject, address: Option<IpAddr>, port: u16) -> bool {
    let Some(plan) = &subject.plan else { return false };
    let meets = |own: &String| match own.parse::<IpAddr>() {
        Ok(own) => own.is_unspecified() || address.is_none_or(|address| address == own),
        Err(_) => true,
    };
    plan.listeners().iter().any(|listener| listener.port == port && meets(&listener.address))
}

/// Whether packets to `address` stay on this host. Nothing is sent.
pub fn is_own_address(address: IpAddr) -> bool {
    if address.is_loopback() || address.is_unspecified() {
        return true;
    }
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // The kernel answers our own address with itself as source.
    let source = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, 9)).and_then(|()| socket.local_addr()));
    source.is_ok_and(|source| source.ip() == address)
}

/// A line of /proc/net/tcp or tcp6, if it is that of a listening socket.
pub fn parse(line: &str) -> Option<Listening> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[_, local, _, LISTEN, _, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
    let (ip, port) = local.split_once(':')?;
    let address = SocketAddr::new(address(ip)?, u16::from_str_radix(port, 16).ok()?);
    Some(Listening { address, inode: inode.parse().ok()? })
}

/// Words of 32 bits in the order of this host's bytes, in hexadecimal digits.
fn address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => word(0).map(|bytes| Ipv4Addr::from(bytes).into()),
        32 => {
            let bytes: Vec<u8> = (0..4).map(word).collect::<Option<Vec<_>>>()?.concat();
            let bytes: [u8; 16] = bytes.try_into().ok()?;
            Some(IpAddr::from(bytes).to_canonical())
        }
        _ => None,
    }
}
