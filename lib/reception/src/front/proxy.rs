//! The header of the PROXY protocol, version 1 (a line) and 2 (binary), as haproxy's proxy-protocol.txt has them.
//!
//! Security stance: only listed proxies are asked for it. What is not exactly of the form is an error; a header is bounded,
//! and nothing behind it is read as part of it.
//! How it fails: [`Malformed`]; `None` while the header is not complete.
//! Known limits: what version 2 adds behind the addresses (TLS, authority, a checksum) is passed over; Unix sockets as
//! clients are unknown.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Introduction;

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// The longest version 2 that is taken; the addresses are 36 bytes at most, the rest is additions.
const LONGEST: usize = 4096;

/// What the proxy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// It has a client.
    Client(Introduction),
    /// It speaks for itself (LOCAL, as health checks do), or for somebody it cannot name (UNKNOWN).
    Nobody,
}

/// The header is none; the words say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads the header that `input` begins with: it and its length, or nothing while more must come.
///
/// # Errors
/// [`Malformed`], as soon as that is certain.
pub fn parse(input: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let common = input.iter().zip(SIGNATURE).take_while(|(one, other)| one == other).count();
    if common == input.len().min(SIGNATURE.len()) && !input.is_empty() {
        return binary(input);
    }
    line(input)
}

fn line(input: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let start = b"PROXY ";
    if input.iter().zip(start).any(|(one, other)| one != other) {
        return Err(Malformed("the connection does not begin with a PROXY header"));
    }
    let Some(end) = input.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
        return if input.len() >= LONGEST_LINE { Err(Malformed("the PROXY line is too long")) } else { Ok(None) };
    };
    let text = input.get(start.len()..end).and_then(|text| text.strip_suffix(b"\r"));
    let text = text.and_then(|text| std::str::from_utf8(text).ok()).ok_or(Malformed("the PROXY line does not end in CR LF"))?;
    Ok(Some((words(text)?, end + 1)))
}

/// `TCP4 192.0.2.1 192.0.2.2 1000 25`, or `UNKNOWN` and whatever follows.
fn words(text: &str) -> Result<Header, Malformed> {
    let words: Vec<&str> = text.split(' ').collect();
    let (family, rest) = words.split_first().unwrap_or((&"", &[]));
    let (is_four, [from, to, from_port, to_port]) = match (*family, rest) {
        ("UNKNOWN", _) => return Ok(Header::Nobody),
        ("TCP4", &[from, to, from_port, to_port]) => (true, [from, to, from_port, to_port]),
        ("TCP6", &[from, to, from_port, to_port]) => (false, [from, to, from_port, to_port]),
        _ => return Err(Malformed("the PROXY line has neither TCP4, TCP6 nor UNKNOWN with what belongs to it")),
    };
    let address = |text: &str| {
        let ip: Option<IpAddr> = text.parse().ok();
        ip.filter(|ip| ip.is_ipv4() == is_four).ok_or(Malformed("an address in the PROXY line is none of its family"))
    };
    let port = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_: &u16| plain).ok_or(Malformed("a port in the PROXY line is none"))
    };
    client(SocketAddr::new(address(from)?, port(from_port)?), SocketAddr::new(address(to)?, port(to_port)?))
}

fn binary(input: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let Some((head, rest)) = input.split_first_chunk::<16>() else { return Ok(None) };
    let &[.., kind, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(Malformed("the PROXY header is too long"));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let header = match (kind, family) {
        (0x20, _) | (0x21, 0x00) => Header::Nobody,
        (0x21, 0x11) => four(body)?,
        (0x21, 0x21) => six(body)?,
        // A Unix socket, or datagrams: there is an address, but none that anything here could judge.
        (0x21, 0x12 | 0x22 | 0x31 | 0x32) => Header::Nobody,
        _ => return Err(Malformed("the PROXY header has a version, command or family that does not exist")),
    };
    Ok(Some((header, head.len() + length)))
}

fn four(body: &[u8]) -> Result<Header, Malformed> {
    let Some(&[a, b, c, d, e, f, g, h, ref ports @ ..]) = body.first_chunk::<12>() else { return Err(SHORT) };
    let &[from_high, from_low, to_high, to_low] = ports;
    let from = SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([from_high, from_low]));
    client(from, SocketAddr::new(Ipv4Addr::new(e, f, g, h).into(), u16::from_be_bytes([to_high, to_low])))
}

fn six(body: &[u8]) -> Result<Header, Malformed> {
    let (from, rest) = body.split_first_chunk::<16>().ok_or(SHORT)?;
    let (to, rest) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
    let &[from_high, from_low, to_high, to_low] = rest.first_chunk::<4>().ok_or(SHORT)?;
    let from = SocketAddr::new(Ipv6Addr::from(*from).into(), u16::from_be_bytes([from_high, from_low]));
    client(from, SocketAddr::new(Ipv6Addr::from(*to).into(), u16::from_be_bytes([to_high, to_low])))
}

const SHORT: Malformed = Malformed("the PROXY header is shorter than its addresses");

fn client(from: SocketAddr, to: SocketAddr) -> Result<Header, Malformed> {
    let ip = from.ip().to_canonical();
    if ip.is_unspecified() || ip.is_multicast() {
        return Err(Malformed("the address of the client in the PROXY header is that of no host"));
    }
    let local = SocketAddr::new(to.ip().to_canonical(), to.port());
    Ok(Header::Client(Introduction { ip: Some(ip), port: Some(from.port()), host: None, local: Some(local) }))
}

#[cfg(test)]
#[path = "proxy_test.rs"]
mod proxy_test;
