//! The address part of a rule, and the keys under which the cdb holds it.
//!
//! Keys are djb's where he has one: an IPv4 address, a dotted prefix, `=host`, `=.suffix`, `=`,
//! the empty key, `info@` before an address or `=host`; host names in lower case. An IPv4 CIDR rule is
//! written out as the dotted prefixes (or addresses) that it covers, so that his tcpserver reads
//! it too; [`Keys::cover`] lets the writer put the longer prefix first where two rules share such
//! a key. An IPv6 prefix is the key `^` followed by its bits as digits, as in ucspi-tcp6.
//! Security stance: what no client could ever match is refused.
//! Known limits: an IPv4 prefix of 25 to 31 bits counts as the addresses themselves, and so stands
//! before `=host` in the order of rules, as a range does.

use crate::environment::address_text;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The keys of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// What the cdb is asked for.
    pub keys: Vec<Vec<u8>>,
    /// For a prefix that was written out: its length in bits.
    pub cover: Option<u8>,
}

/// Why an address is refused, and at which byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub offset: usize,
    pub reason: String,
}

type Outcome<T> = Result<T, Problem>;

/// The keys of `address`, the part of a rule before its colon.
pub(crate) fn keys(address: &[u8]) -> Outcome<Keys> {
    let Ok(text) = std::str::from_utf8(address) else {
        return problem(0, "an address is plain text");
    };
    if let Some(at) = text.bytes().position(|byte| byte <= b' ' || byte == 0x7f) {
        return problem(at, "a space or control character in an address (no client matches it)");
    }
    if let Some(at) = text.rfind('@') {
        return with_info(text, at);
    }
    let text = text.to_ascii_lowercase();
    match text.as_bytes() {
        [] | [b'=', ..] => Ok(single(text)),
        found if found.contains(&b'=') => problem(0, "a host name begins with `=`, as in `=host.example`"),
        found if found.contains(&b':') => ipv6(&text),
        found if found.contains(&b'/') => ipv4_network(&text),
        found if found.contains(&b'-') => range(&text),
        _ => ipv4(&text).map(|()| single(text)),
    }
}

/// The bits of an IPv6 address as digits, behind the mark of a prefix key.
pub(crate) fn prefix_key(ip: Ipv6Addr) -> Vec<u8> {
    format!("^{:0128b}", ip.to_bits()).into_bytes()
}

/// The network that a prefix key stands for, as text.
pub(crate) fn network_of_key(key: &[u8]) -> Option<String> {
    let bits = std::str::from_utf8(key.strip_prefix(b"^")?).ok()?;
    let ip = u128::from_str_radix(&format!("{bits:0<128}"), 2).ok()?;
    Some(format!("{}/{}", Ipv6Addr::from_bits(ip), bits.len()))
}

fn with_info(text: &str, at: usize) -> Outcome<Keys> {
    let (info, place) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
    if place.len() > 1 && place.starts_with('=') {
        return Ok(single(format!("{info}@{}", place.to_ascii_lowercase())));
    }
    match place.parse::<IpAddr>() {
        Ok(ip) => Ok(single(format!("{info}@{}", address_text(ip)))),
        Err(_) => problem(at + 1, "after `info@` stands one whole address, or `=host`"),
    }
}

fn ipv6(text: &str) -> Outcome<Keys> {
    if let Some((head, bits)) = text.split_once('/') {
        let bits = prefix_length(bits, 128, head.len() + 1)?;
        return match head.parse::<Ipv6Addr>() {
            Ok(ip) => Ok(ipv6_network(ip, bits)),
            Err(_) => problem(0, "not an IPv6 address"),
        };
    }
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Ok(single(address_text(IpAddr::V6(ip))));
    }
    match leading_groups(text) {
        Some((ip, bits)) => Ok(ipv6_network(ip, bits)),
        None => problem(0, "not an IPv6 address, network (as 2001:db8::/32) or leading groups (as 2001:db8:)"),
    }
}

/// `2001:db8:` as a network: whole groups, ended by one colon.
fn leading_groups(text: &str) -> Option<(Ipv6Addr, u8)> {
    let groups = text.strip_suffix(':')?.split(':').count();
    let bits = u8::try_from(groups).ok().filter(|groups| *groups < 8)? * 16;
    let ip = format!("{text}:").parse().ok()?;
    (!text.contains("::")).then_some((ip, bits))
}

fn ipv6_network(ip: Ipv6Addr, bits: u8) -> Keys {
    match (ip.to_ipv4_mapped(), bits.checked_sub(96)) {
        (Some(mapped), Some(bits)) => covered(mapped, bits),
        _ if bits == 128 => single(ip.to_string()),
        _ => {
            let mut key = prefix_key(ip);
            key.truncate(1 + usize::from(bits));
            Keys { keys: vec![key], cover: None }
        }
    }
}

fn ipv4_network(text: &str) -> Outcome<Keys> {
    let (head, bits) = text.split_once('/').unwrap_or((text, ""));
    let bits = prefix_length(bits, 32, head.len() + 1)?;
    match head.parse::<Ipv4Addr>() {
        Ok(ip) => Ok(covered(ip, bits)),
        Err(_) => problem(0, "before `/` stands a whole IPv4 address, as in 10.0.0.0/8"),
    }
}

/// The dotted prefixes or addresses that make up a network: at most 256, for /0.
fn covered(ip: Ipv4Addr, bits: u8) -> Keys {
    let octets = bits.div_ceil(8).max(1);
    let free = octets * 8 - bits;
    let mask = u32::MAX.checked_shl(u32::from(32 - bits)).unwrap_or(0);
    let first = ip.to_bits() & mask;
    let step = |n: u32| first | n << (32 - u32::from(octets) * 8);
    Keys { keys: (0..1_u32 << free).map(|n| dotted(Ipv4Addr::from_bits(step(n)), octets)).collect(), cover: (free > 0).then_some(bits) }
}

fn dotted(ip: Ipv4Addr, octets: u8) -> Vec<u8> {
    if octets == 4 {
        return ip.to_string().into_bytes();
    }
    let leading = ip.octets().into_iter().take(usize::from(octets));
    leading.map(|octet| format!("{octet}.")).collect::<String>().into_bytes()
}

/// `18.23.0.1-22` and `10.2-3.`: each number of the range in its place.
fn range(text: &str) -> Outcome<Keys> {
    let dash = text.find('-').unwrap_or_default();
    let start = text.get(..dash).unwrap_or_default().rfind('.').map_or(0, |dot| dot + 1);
    let end = text.get(dash..).and_then(|rest| rest.find('.')).map_or(text.len(), |dot| dash + dot);
    let (head, tail) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let low = octet(text.get(start..dash).unwrap_or_default(), start)?;
    let high = octet(text.get(dash + 1..end).unwrap_or_default(), dash + 1)?;
    if low > high {
        return problem(start, "the range is empty: its first number is above its last");
    }
    ipv4(&format!("{head}{low}{tail}"))?;
    Ok(Keys { keys: (low..=high).map(|n| format!("{head}{n}{tail}").into_bytes()).collect(), cover: None })
}

/// Four octets, or one to three with a dot at the end.
fn ipv4(text: &str) -> Outcome<()> {
    let (body, wanted) = match text.strip_suffix('.') {
        Some(body) => (body, 1..=3),
        None => (text, 4..=4),
    };
    let mut offset = 0;
    for part in body.split('.') {
        octet(part, offset)?;
        offset += part.len() + 1;
    }
    if wanted.contains(&body.split('.').count()) {
        return Ok(());
    }
    problem(0, "no client has this address: write four numbers, or one to three with a dot at the end")
}

fn octet(text: &str, offset: usize) -> Outcome<u8> {
    match text.parse::<u8>() {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => problem(offset, "not a number from 0 to 255 without leading zeros (host names begin with `=`)"),
    }
}

fn prefix_length(text: &str, most: u8, offset: usize) -> Outcome<u8> {
    match text.parse::<u8>() {
        Ok(bits) if bits <= most && !text.starts_with('+') => Ok(bits),
        _ => problem(offset, &format!("not a prefix length from 0 to {most}")),
    }
}

fn single(key: String) -> Keys {
    Keys { keys: vec![key.into_bytes()], cover: None }
}

fn problem<T>(offset: usize, reason: &str) -> Outcome<T> {
    Err(Problem { offset, reason: reason.to_owned() })
}
