//! Mail addresses as SMTP knows them (RFC 5321 §4.1.2, RFC 6531 §3.3): text in, typed values out.
//!
//! What it does: parses paths and mailboxes, strips source routes, and holds every address in one canonical form:
//! the domain in lower case and as A-labels without a trailing dot, the local part quoted only where it must be.
//! Who compares, routes or prints an address does so with that form, so that two programs cannot read one text differently.
//!
//! Security stance: all text comes from strangers. Sizes are capped before anything is kept; control characters never
//! pass; the domain that a check sees is the domain that is routed later, because there is only one.
//!
//! How it fails: with an [`Error`] that says in words what is wrong; nothing panics, nothing is repaired by guessing.
//!
//! Known limits: the syntax of RFC 5322 (comments, groups, display names) is read by [`list`] alone, for what users and admins
//! of this host write, and by [`authors`], for no more than domains. General address literals (`[tag:text]`) are refused, since no
//! tag but `IPv6` was ever registered.

pub mod authors;
mod domain;
mod error;
pub mod list;
mod local;
mod mailbox;
mod path;
mod raw;
mod tokens;

#[cfg(test)]
mod tests;

pub use domain::{DOMAIN_MAX, Domain};
pub use error::Error;
pub use local::{LOCAL_MAX, quote as quoted};
pub use mailbox::Mailbox;
pub use path::{PATH_MAX, Path};
pub use raw::{from_program, to_program};
