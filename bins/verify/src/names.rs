//! What is asked of the DNS, without saying who answers: the resolver, or a table in a test.
//!
//! What there is none of is an empty list, whether the name exists or not: neither SPF nor DMARC makes a difference between
//! the two. How it fails: [`Trouble`] where nobody could tell, which both call a temporary error.

use std::fmt;
use std::net::IpAddr;

/// The longest name, in bytes, without the dot at its end (RFC 1035 §2.3.4).
pub const NAME_MAX: usize = 253;
/// The longest label, in bytes.
const LABEL_MAX: usize = 63;

/// Nobody could tell; a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An answer: what there is, or that nobody could tell.
pub type Found<T> = Result<Vec<T>, Trouble>;

/// Which addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A records.
    Four,
    /// AAAA records.
    Six,
}

impl Family {
    /// That of an address.
    pub fn of(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::Four } else { Family::Six }
    }
}

/// Whoever answers. Names have no dot at their end.
pub trait Names: Sync {
    /// TXT records, the strings of each joined (RFC 7208 §3.3).
    fn texts(&self, name: &str) -> Found<Vec<u8>>;

    /// TXT records of many names, as much at once as can be; answers in the order of the names.
    fn texts_of_all(&self, names: &[String]) -> Vec<Found<Vec<u8>>> {
        names.iter().map(|name| self.texts(name)).collect()
    }

    /// Addresses.
    fn addresses(&self, name: &str, family: Family) -> Found<IpAddr>;

    /// The hosts of MX records, the preferred first; the null MX (RFC 7505) is the empty name.
    fn exchanges(&self, name: &str) -> Found<String>;

    /// The names of an address, in lower case.
    fn pointers(&self, ip: IpAddr) -> Found<String>;
}

/// Whether the DNS can be asked for a name at all.
pub fn can_be_asked(name: &str) -> bool {
    let fits = |label: &str| !label.is_empty() && label.len() <= LABEL_MAX;
    name.len() <= NAME_MAX && name.is_ascii() && name.split('.').all(fits)
}

/// A name as the DNS knows it: lower case, A-labels (RFC 5890), no dot at its end; what cannot be converted stays, and
/// can then not be asked for.
pub fn canonical(name: &str) -> String {
    let bare = bare(name);
    let ascii = if bare.is_ascii() { None } else { idna::domain_to_ascii(bare).ok() };
    ascii.unwrap_or_else(|| bare.to_lowercase())
}

/// A name without the dot at its end.
pub fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
