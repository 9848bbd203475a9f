//! The part after the `@`: a host name or an address literal, always in canonical form.
//!
//! A name is kept in lower case, as A-labels, without the trailing dot; a literal as the address it means. So equality
//! of two values is equality of destinations, and U-labels, full-width dots and capitals cannot dress one name as another.
//! Underscores are let through (real hosts have them); a name whose last label is a number is refused, because resolvers
//! read such names as IPv4 addresses.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Error;

/// The longest domain taken, in bytes (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_MAX: usize = 255;

/// The longest label of a name, in bytes (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;

/// Where mail for an address goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// A host name: lower-case A-labels, no trailing dot.
    Name(String),
    /// An address literal (RFC 5321 §4.1.3).
    Literal(IpAddr),
}

impl Domain {
    /// Parses a whole text as a domain and brings it into canonical form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > DOMAIN_MAX {
            return Err(Error::DomainTooLong);
        }
        match text.strip_prefix('[') {
            Some(rest) => literal(rest),
            None => name(text),
        }
    }

    /// The name, or nothing for a literal.
    pub fn as_name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Literal(_) => None,
        }
    }
}

/// As it stands after the `@` in SMTP.
impl fmt::Display for Domain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Literal(IpAddr::V4(address)) => write!(out, "[{address}]"),
            Self::Literal(IpAddr::V6(address)) => write!(out, "[IPv6:{address}]"),
        }
    }
}

/// Splits a text where its domain ends: the domain (not yet judged) and the rest.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let end = if text.starts_with('[') {
        text.find(']').map_or(text.len(), |close| close + 1)
    } else {
        text.find(|byte: char| !may_stand_in_name(byte)).unwrap_or(text.len())
    };
    text.split_at(end)
}

fn may_stand_in_name(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || matches!(symbol, '.' | '-' | '_') || !symbol.is_ascii()
}

fn literal(after_bracket: &str) -> Result<Domain, Error> {
    let inside = after_bracket.strip_suffix(']').ok_or(Error::Syntax("address literal without ]"))?;
    let address = match strip_tag(inside) {
        Some(six) => six.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        None => inside.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
    };
    address.map(Domain::Literal).ok_or(Error::Syntax("not an IPv4 or IPv6 address literal"))
}

/// Takes `IPv6:` off, in any case (ABNF strings ignore case).
fn strip_tag(inside: &str) -> Option<&str> {
    let (tag, rest) = inside.split_at_checked("IPv6:".len())?;
    tag.eq_ignore_ascii_case("IPv6:").then_some(rest)
}

fn name(text: &str) -> Result<Domain, Error> {
    let ascii = to_ascii(text)?;
    let bare = ascii.strip_suffix('.').unwrap_or(&ascii);
    if bare.len() > DOMAIN_MAX {
        return Err(Error::DomainTooLong);
    }
    bare.split('.').try_for_each(check_label)?;
    if bare.rsplit('.').next().is_some_and(is_number) {
        return Err(Error::Syntax("domain ends in a number"));
    }
    Ok(Domain::Name(bare.to_ascii_lowercase()))
}

/// A-labels for whatever is not ASCII. Plain names, nearly all of them, never touch the tables.
fn to_ascii(text: &str) -> Result<Cow<'_, str>, Error> {
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text));
    }
    idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY)
        .map_err(|_| Error::Syntax("domain is not a valid internationalized name"))
}

fn check_label(label: &str) -> Result<(), Error> {
    if label.len() > LABEL_MAX {
        return Err(Error::DomainTooLong);
    }
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if label.is_empty() {
        Err(Error::Syntax("empty label in domain"))
    } else if label.starts_with('-') || label.ends_with('-') {
        Err(Error::Syntax("label of domain begins or ends with a hyphen"))
    } else if !label.bytes().all(letters) {
        Err(Error::Syntax("forbidden character in domain"))
    } else {
        Ok(())
    }
}

/// Numbers as inet_aton reads them: decimal, or hexadecimal after `0x`.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
