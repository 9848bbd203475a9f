//! What can be wrong with an address, in words fit for an SMTP reply.
//!
//! The words never repeat the peer's text, so they are safe in a reply and in a log line.

use std::fmt;

/// Why a text is no address that we handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text breaks the grammar of RFC 5321 §4.1.2; the words say where.
    Syntax(&'static str),
    /// The local part is longer than [`crate::LOCAL_MAX`] bytes.
    LocalTooLong,
    /// The domain is longer than [`crate::DOMAIN_MAX`] bytes, or one of its labels than 63.
    DomainTooLong,
    /// The whole path is longer than [`crate::PATH_MAX`] bytes.
    PathTooLong,
    /// The text has no domain although one is needed.
    NoDomain,
    /// The text holds bytes that are not UTF-8.
    NotUtf8,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Syntax(words) => words,
            Self::LocalTooLong => "local part too long",
            Self::DomainTooLong => "domain too long",
            Self::PathTooLong => "path too long",
            Self::NoDomain => "address without a domain",
            Self::NotUtf8 => "address is not UTF-8",
        })
    }
}

impl std::error::Error for Error {}
