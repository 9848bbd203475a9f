//! What a question can end in.
//!
//! The four outcomes are kept apart by type, because mail is bounced on "no such name" and kept on
//! everything temporary: whoever mixes them up loses or loops mail.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::Name;

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T = Answer> {
    /// The records asked for; at least one.
    Answer(T),
    /// The name (or the name that its aliases lead to) does not exist: NXDOMAIN, RFC 8020.
    NoSuchName,
    /// The name exists and has no record of this kind: RFC 2308 §2.2.
    NoData,
    /// Nothing was learned; ask again later.
    Temporary(Failure),
}

impl<T> Outcome<T> {
    /// The same outcome with the answer turned into something else; `None` from `turn` means no data.
    pub fn and_then<U>(self, turn: impl FnOnce(T) -> Option<U>) -> Outcome<U> {
        match self {
            Outcome::Answer(answer) => turn(answer).map_or(Outcome::NoData, Outcome::Answer),
            Outcome::NoSuchName => Outcome::NoSuchName,
            Outcome::NoData => Outcome::NoData,
            Outcome::Temporary(failure) => Outcome::Temporary(failure),
        }
    }
}

/// An outcome, and how long it may be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// How the question ended.
    pub outcome: Outcome,
    /// The least TTL of all that led there, as the servers gave it; nothing where they gave none, and after a failure.
    pub lifetime: Option<Duration>,
    /// Whether DNSSEC vouches for it: each server on the way is trusted with that and has said so (the AD bit).
    pub secure: bool,
}

/// The records of one kind that a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name that owns the records, after all aliases.
    pub owner: Name,
    /// The records in the order in which the server gave them.
    pub records: Vec<Record>,
}

impl Answer {
    /// The addresses among the records.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.records.iter().filter_map(|record| match record {
            Record::A(address) => Some(IpAddr::V4(*address)),
            Record::Aaaa(address) => Some(IpAddr::V6(*address)),
            _ => None,
        })
    }
}

/// One record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// IPv4 address
    A(Ipv4Addr),
    /// IPv6 address
    Aaaa(Ipv6Addr),
    /// Mail exchanger (RFC 1035 §3.3.9); lower preference is tried first
    Mx {
        /// 0 is best.
        preference: u16,
        /// The host; the root (`.`) alone means "takes no mail" (RFC 7505).
        exchange: Name,
    },
    /// Name of an address
    Ptr(Name),
    /// Text: the character strings of one record joined
    Txt(Vec<u8>),
    /// The name that an alias leads to
    Cname(Name),
    /// A server's certificate, or the authority behind it (RFC 6698 §2.1)
    Tlsa {
        /// Certificate usage.
        usage: u8,
        /// Which part of the certificate.
        selector: u8,
        /// How it is compared.
        matching: u8,
        /// What it is compared with.
        data: Vec<u8>,
    },
}

/// A host as the DNS shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The name that owns them, after all aliases.
    pub owner: Name,
    /// Whether DNSSEC vouches for them and for each alias.
    pub secure: bool,
}

/// Why nothing was learned, and from whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The server whose failure decided, where one did.
    pub server: Option<SocketAddr>,
    /// What happened.
    pub reason: Reason,
}

/// The reasons for a temporary failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No server answered before the deadline.
    Timeout,
    /// SERVFAIL: the server could not find out.
    ServerFailure,
    /// REFUSED: the server does not serve us.
    Refused,
    /// Another error code (its number).
    Code(u8),
    /// The answer cannot be understood; the text says what is wrong.
    Malformed(&'static str),
    /// Aliases lead back to themselves or are too many.
    AliasLoop,
    /// The server cannot be reached (the system's words).
    Unreachable(String),
    /// This system has no means to ask (sockets, memory, random numbers).
    System(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        match self.server {
            Some(server) => write!(f, " (server {server})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Timeout => f.write_str("no answer in time"),
            Reason::ServerFailure => f.write_str("the server answered SERVFAIL"),
            Reason::Refused => f.write_str("the server refused the question"),
            Reason::Code(code) => write!(f, "the server answered with error code {code}"),
            Reason::Malformed(what) => write!(f, "malformed answer: {what}"),
            Reason::AliasLoop => f.write_str("too many aliases, or aliases in a loop"),
            Reason::Unreachable(error) => write!(f, "the server cannot be reached: {error}"),
            Reason::System(error) => write!(f, "unable to ask: {error}"),
        }
    }
}

impl std::error::Error for Failure {}
