//! The argument of MAIL FROM and RCPT TO: a path, bracketed or not, and what follows it on the line.
//!
//! Source routes (`<@a,@b:user@c>`, RFC 5321 §4.1.1.3 and appendix C) are checked for syntax and dropped: mail goes to the
//! last domain, the one that is checked. A typed session may leave the brackets out or put blanks before them.

use crate::domain::Domain;
use crate::{Error, Mailbox, domain, local};

/// The longest path taken, in bytes with brackets and source route. RFC 5321 §4.5.3.1.3 asks for 256.
pub const PATH_MAX: usize = 512;

/// What MAIL FROM or RCPT TO names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// `<>`, the sender of bounces.
    Null,
    /// A local part without domain; only `postmaster` has a meaning (RFC 5321 §4.1.1.3).
    Bare(String),
    /// An address.
    Mailbox(Mailbox),
}

impl Path {
    /// Takes a path from the front of a text; gives the rest, which is empty or begins with a blank.
    pub fn take(text: &str) -> Result<(Self, &str), Error> {
        let text = text.trim_start_matches([' ', '\t']);
        let (path, rest) = match text.strip_prefix('<') {
            Some(inside) => take_bracketed(inside)?,
            None => take_address(text)?,
        };
        if text.len() - rest.len() > PATH_MAX {
            return Err(Error::PathTooLong);
        }
        if rest.is_empty() || rest.starts_with([' ', '\t']) {
            Ok((path, rest))
        } else {
            Err(Error::Syntax("forbidden character in address"))
        }
    }

    /// Parses a whole text as a path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match Self::take(text)? {
            (path, rest) if rest.trim_start_matches([' ', '\t']).is_empty() => Ok(path),
            _ => Err(Error::Syntax("text after the address")),
        }
    }
}

fn take_bracketed(inside: &str) -> Result<(Path, &str), Error> {
    if let Some(rest) = inside.strip_prefix('>') {
        return Ok((Path::Null, rest));
    }
    let address = skip_source_route(inside)?;
    let (path, rest) = take_address(address)?;
    let rest = rest.strip_prefix('>').ok_or(Error::Syntax("forbidden character in address, or > missing"))?;
    Ok((path, rest))
}

fn take_address(text: &str) -> Result<(Path, &str), Error> {
    let (local, rest) = local::take(text)?;
    if !rest.starts_with('@') {
        return Ok((Path::Bare(local), rest));
    }
    let (mailbox, rest) = Mailbox::take_domain(local, rest)?;
    Ok((Path::Mailbox(mailbox), rest))
}

/// Skips `@a,@b:`; every hop must be a domain, so that nothing can hide there.
fn skip_source_route(text: &str) -> Result<&str, Error> {
    let mut rest = text;
    while let Some(hop) = rest.strip_prefix('@') {
        let (domain, after) = domain::split(hop);
        Domain::parse(domain)?;
        rest = match after.strip_prefix(':') {
            Some(address) => return Ok(address),
            None => after.strip_prefix(',').ok_or(Error::Syntax("source route without :"))?,
        };
    }
    if rest.len() == text.len() { Ok(text) } else { Err(Error::Syntax("source route without :")) }
}
