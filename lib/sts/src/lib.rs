//! What a domain promises about TLS at its mail exchangers (MTA-STS, RFC 8461), and what is told about sessions with them
//! (TLSRPT, RFC 8460).
//!
//! What it does: [`policy`] reads policies, [`record`] the TXT records that announce them, [`names`] compares mail exchangers
//! with what a policy lists; [`question`] and [`count`] are what stafett-mtasts and stafett-tlsrpt are asked and told. No I/O
//! but one question to a service of this instance.
//!
//! Security stance: policies and records are written by strangers; every length and number is bounded, and what is kept of
//! them is printable ASCII alone.
//!
//! How it fails: a policy or record that is none is an error with a sentence; a service that does not answer is an
//! `io::Error`, and nothing may be concluded from it.

pub mod count;
pub mod names;
pub mod policy;
pub mod question;
pub mod record;
#[cfg(test)]
mod tests;

pub use count::{Count, Kind};
pub use policy::{Mode, Policy};
pub use question::Known;
