//! DKIM signatures and ARC seals (RFC 6376, RFC 8463, RFC 8617): made, not verified.
//!
//! What it does: finds and reads keys ([`Store`], [`Key`]), takes a message apart as far as signing needs ([`Content`]), and
//! makes the header lines that go in front of it ([`dkim`], [`arc`]). Both canonicalisations are "relaxed", so that blank space
//! that a relay folds or strips breaks nothing.
//!
//! Security stance: a key is read only from a file that nobody but its owner may read, its name leads nowhere but below
//! control/dkim, and no text, error or Debug output holds any part of it. Messages are those of strangers: what is read of
//! them is bounded, and nothing of them but the names of fields that we know gets into a signature.
//!
//! How it fails: with a sentence for the admin, or with a [`Fault`] about a message.
//!
//! Known limits: messages are strict CR LF lines, as queued takes them. Keys are RSA of 2048 bits and more, and Ed25519.

pub mod arc;
pub mod base64;
mod canonical;
mod content;
mod der;
pub mod dkim;
mod fields;
mod key;
mod pem;
mod store;

pub use content::{Content, Fault};
pub use key::{Algorithm, Key};
pub use pem::encode as pem;
pub use store::Store;

/// Who signs: the key, and where its public half is published.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The domain, `d=`.
    pub domain: &'a str,
    /// The selector, `s=`.
    pub selector: &'a str,
    /// The key.
    pub key: &'a Key,
    /// Now, seconds since 1970.
    pub time: u64,
}

#[cfg(test)]
mod tests;
