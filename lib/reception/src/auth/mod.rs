//! AUTH (RFC 4954): what is offered to whom, and the exchange with a client that logs in.
//!
//! What it does: takes the client's messages, decoded, and asks stafett-auth about them; knows no password longer than a
//! message needs. Before anything is looked at the limits are asked (control/limits), with the account that the client
//! claims; after it was right, with the account that it has.
//!
//! Security stance: without TLS nothing is offered and nothing taken but from the networks of control/authplain. A service
//! that does not answer is 454 and never a yes. No text of an exchange reaches a log but the name, made harmless.
//!
//! How it fails: with a refusal, whose delay the caller keeps.

mod exchange;
mod settings;

use stafett_smtp::{Reply, base64};

pub use exchange::{Exchange, Progress, Wrong, described};
pub use settings::Offered;

use crate::refusal::{Refusal, Subject};

/// What a client that says nothing sensible hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// `*`: it does not want to go on.
    Cancelled,
    /// It is no base64.
    Base64,
}

/// The bytes of a line in an exchange.
///
/// # Errors
/// What it is instead.
pub fn decoded(line: &[u8]) -> Result<Vec<u8>, Unread> {
    match line {
        b"*" => Err(Unread::Cancelled),
        _ => base64::decode(line).ok_or(Unread::Base64),
    }
}

/// A challenge as a reply.
pub fn challenge(message: &[u8]) -> Reply {
    Reply::plain(334, base64::encode(message))
}

impl Unread {
    /// What the client hears.
    pub fn reply(self) -> Reply {
        match self {
            Unread::Cancelled => Reply::new(501, (5, 7, 0), "authentication cancelled"),
            Unread::Base64 => Reply::new(501, (5, 5, 2), "that is no base64"),
        }
    }
}

/// A refusal of an attempt; the claimed account is text of the client.
fn refusal(reply: Reply, rule: impl Into<std::borrow::Cow<'static, str>>, claimed: &str, mechanism: &str, reason: &str) -> Box<Refusal> {
    let name = if claimed.is_empty() { "-".to_owned() } else { crate::client::plain(claimed) };
    let subject = Subject::default().count(format!("account {name} mechanism {mechanism} reason {reason}"));
    Refusal::new(reply, rule, subject)
}

#[cfg(test)]
#[path = "auth_test.rs"]
mod auth_test;
