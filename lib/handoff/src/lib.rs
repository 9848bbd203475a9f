//! Birth by handoff: one process per client, forked from a resident parent.
//!
//! What: the parent's loop. A caller sends one packet with one descriptor and a few netstrings: a
//! tag of its choice, then what the service needs to know. The parent forks; the child serves that
//! conversation and exits, or stays a moment for the next one of the same client, if the service
//! says what makes two clients the same ([`Service::key`]). The parent answers `S` tag pid when the
//! conversation has started, `E` tag status when it has ended, `Z` tag text when there is no child.
//! The caller's half is [`Client`].
//! Security stance: only the users that the program names may call (SO_PEERCRED); a child inherits
//! the parent's sandbox and holds no descriptor but its conversation, the lifeline, and the link on
//! which it may get the next one; it never serves two clients.
//! How it fails: a caller that breaks the protocol loses its connection; a fork that fails is a
//! `Z` answer. Control files that have changed are read before the next birth.
//! Known limits: on TERM the parent refuses what it has not begun with [`ENDING`] and waits
//! [`LINGER`] for its children, which the lifeline tells to end at their next pause; those in the
//! middle of a message finish on their own after that.

mod children;
mod client;
mod parent;

pub use client::{Answer, Client, ENDING};
pub use parent::{Conversation, Parent, Service};

/// How long a parent that was told to end waits for its children.
pub const LINGER: std::time::Duration = std::time::Duration::from_secs(2);

/// Strings of one handoff at most.
pub const MOST_STRINGS: usize = 256;

/// The bytes of a handoff's packet at most.
pub const LARGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
