//! What is kept of a password: enough to tell whether one is right, and nothing to log in with.
//!
//! What it does: two kinds of verifiers, each one word of a line of control/accounts. [`Argon2id`] tells whether a password
//! that came in the clear is right; [`Scram`] lets a client prove that it knows the password without sending it (RFC 5802,
//! RFC 7677). A password is brought into one form first ([`prepared`], RFC 4013).
//!
//! Security stance: comparisons take the same time wherever two values differ. What a line asks for in time and memory is
//! bounded. Whoever reads a verifier can try passwords against it, so the file is a secret; with that of SCRAM one could
//! also pass for the server, not for the client.
//!
//! How it fails: with a sentence for a word that is no verifier, and with "wrong" for a password that cannot be one.
//!
//! Known limits: passwords are not wiped from memory that is given back.

mod argon;
mod random;
mod scram;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use argon::{Argon2id, Workplace};
pub use random::random;
pub use scram::{Key, Scram, digest, mac, same};

/// The longest password, in bytes.
pub const LONGEST: usize = 1024;

/// A verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// For passwords in the clear.
    Argon2id(Argon2id),
    /// For proofs.
    Scram(Scram),
}

impl Verifier {
    /// Reads a word.
    ///
    /// # Errors
    /// A sentence that names no secret.
    pub fn parse(word: &str) -> Result<Verifier, String> {
        let unknown = || "a verifier is neither $argon2id$ nor $scram-sha-256$; use stafett-passwd to set the password".to_owned();
        match word.strip_prefix('$').and_then(|rest| rest.split_once('$')) {
            Some(("argon2id", rest)) => Argon2id::parse(rest).map(Verifier::Argon2id),
            Some(("scram-sha-256", rest)) => Scram::parse(rest).map(Verifier::Scram),
            _ => Err(unknown()),
        }
    }
}

/// The form of a password in which it is compared (SASLprep); nothing where it cannot be one.
pub fn prepared(password: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(password).ok().filter(|text| text.len() <= LONGEST)?;
    stringprep::saslprep(text).ok().filter(|text| !text.is_empty())
}

/// base64 without padding, as the words of verifiers have it.
fn bare(bytes: &[u8]) -> String {
    stafett_smtp::base64::encode(bytes).trim_end_matches('=').to_owned()
}

fn from_bare(text: &str) -> Option<Vec<u8>> {
    let padding = (4 - text.len() % 4) % 4;
    stafett_smtp::base64::decode(format!("{text}{}", "=".repeat(padding)).as_bytes())
}
