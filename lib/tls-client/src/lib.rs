//! TLS towards other hosts: handshakes over a socket that is connected already, and what makes a certificate good enough.
//!
//! What it does: [`Client`] holds what is dear (authorities, our own certificates, sessions to resume) and makes a
//! [`Stream`] of a socket; [`Trust`] says what the other side's certificate must show, [`Distrust`] why it does not.
//!
//! Security stance: the peer is hostile. A certificate is judged inside the handshake, before anything of ours but the
//! handshake has been sent; a session is resumed only under the very terms under which it was made. TLS 1.2 and 1.3 with
//! forward secrecy and authenticated ciphers, nothing older.
//!
//! How it fails: [`Refusal`], in words; a handshake ends at its deadline, however the peer drips.
//!
//! Known limits: no revocation lists. Names are taken from the alternative names of a certificate, never from its common
//! name. Sessions live in the memory of one process.

mod client;
mod material;
mod stream;
mod trust;
mod verifier;

pub use client::Client;
pub use material::{Authorities, Identity};
pub use stream::{Facts, Refusal, Stream};
pub use trust::{Distrust, Record, Trust};
