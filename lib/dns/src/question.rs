//! What can be asked: a name and a kind of record.
//!
//! Fails only where text is not a domain name; what is built here can always be sent.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use domain::base::iana::Rtype;

/// An absolute domain name; compares without regard to case and prints without the last dot.
pub type Name = domain::base::Name<Vec<u8>>;

/// The record types that mail needs (RFC 1035 §3.2.2, RFC 3596).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// IPv4 address
    A,
    /// IPv6 address
    Aaaa,
    /// Mail exchanger
    Mx,
    /// Name of an address
    Ptr,
    /// Text
    Txt,
    /// Alias (the record itself, not what it leads to)
    Cname,
    /// Association of a server's certificate (RFC 6698 §7.1)
    Tlsa,
}

impl Kind {
    pub(crate) fn rtype(self) -> Rtype {
        match self {
            Kind::A => Rtype::A,
            Kind::Aaaa => Rtype::AAAA,
            Kind::Mx => Rtype::MX,
            Kind::Ptr => Rtype::PTR,
            Kind::Txt => Rtype::TXT,
            Kind::Cname => Rtype::CNAME,
            Kind::Tlsa => Rtype::TLSA,
        }
    }
}

/// One question to the DNS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Whose records are wanted.
    pub name: Name,
    /// Which records are wanted.
    pub kind: Kind,
}

impl Question {
    /// A question about a name in text form; a last dot is allowed.
    ///
    /// # Errors
    /// [`BadName`] where `name` cannot be a domain name (RFC 1035 §2.3.4: labels up to 63, names up to 255 octets).
    pub fn new(name: &str, kind: Kind) -> Result<Self, BadName> {
        let parsed = Name::from_str(name).map_err(|error| BadName::new(name, error))?;
        if parsed.is_root() || name.contains('\\') {
            return Err(BadName::new(name, "it is not the name of a host"));
        }
        Ok(Question { name: parsed, kind })
    }

    /// A question about a name that came from an answer.
    #[must_use]
    pub fn about(name: Name, kind: Kind) -> Self {
        Question { name, kind }
    }

    /// The PTR question for an address (RFC 1035 §3.5, RFC 3596 §2.5).
    ///
    /// # Errors
    /// None for any address; the type is there because names are built through a checked builder.
    pub fn reverse(address: IpAddr) -> Result<Self, BadName> {
        let name = Name::reverse_from_addr(address.to_canonical()).map_err(|error| BadName::new(&address.to_string(), error))?;
        Ok(Question { name, kind: Kind::Ptr })
    }
}

/// Text that is not a domain name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    name: String,
    reason: String,
}

impl BadName {
    fn new(name: &str, reason: impl fmt::Display) -> Self {
        BadName { name: name.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a domain name: {}", self.name.escape_debug(), self.reason)
    }
}

impl std::error::Error for BadName {}
