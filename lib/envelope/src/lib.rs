//! The envelope of a message and its text form.
//!
//! What: sender, recipients, their ESMTP and DSN parameters, where the message came from, and the
//! header lines to put in front at delivery. The text form, one `key value` line each, is the same
//! on the wire to queued, in the queue file (stafett-queue(5)) and in an order to remote.
//! Security stance: [`Envelope::parse`] is given bytes of other processes; sizes are capped and a
//! value can hold no control character, so nothing can add a line. How it fails: [`Error`] names
//! the line. Known limits: addresses are UTF-8 (RFC 6531); other 8-bit bytes are refused.

pub mod bound;
mod text;
pub mod wishes;

pub use text::Error;

/// An address's bytes at most (as in qmail-queue; RFC 5321 allows 256 in a path).
pub const LONGEST_ADDRESS: usize = 1003;
/// A header line's bytes at most (RFC 5322 section 2.1.1).
pub const LONGEST_HEAD: usize = 998;
/// Recipients of one envelope at most.
pub const MOST_RECIPIENTS: usize = 100_000;

/// What delivers a message, apart from its content (RFC 5321 section 2.3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path without brackets; empty for a bounce, `#@[]` for a double bounce.
    pub sender: String,
    /// The content may hold bytes above 127 (RFC 6152, BODY=8BITMIME).
    pub eight_bit: bool,
    /// The message needs SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// It may travel under TLS alone, to hosts that keep to that too (RFC 8689, REQUIRETLS).
    pub require_tls: bool,
    /// What a bounce should return (RFC 3461 section 4.3).
    pub ret: Option<Ret>,
    /// The sender's name for this transaction, in xtext as received (RFC 3461 section 4.4).
    pub envid: Option<String>,
    /// Where it came from, one line for the log: `smtp 192.0.2.1 helo.example`, `local`, `bounce`.
    pub origin: String,
    /// The user that injected it, as the kernel told queued.
    pub uid: Option<u32>,
    /// It is to be held, and why: filed where nothing is delivered until the admin releases it.
    pub hold: Option<String>,
    /// Header lines to put in front at delivery, in order.
    pub head: Vec<Head>,
    /// Whom it is for.
    pub recipients: Vec<Recipient>,
}

/// One physical header line without its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// As it stands. A line that continues a field starts with blank space.
    Line(String),
    /// A line that holds the queue id, which only queued knows, between these two.
    WithId(String, String),
}

/// RET of RFC 3461.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// The whole message.
    Full,
    /// Its header alone.
    Headers,
}

/// One forward-path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The address without brackets.
    pub address: String,
    /// NOTIFY as received: `NEVER` or a list of `SUCCESS,FAILURE,DELAY` (RFC 3461 section 4.1).
    pub notify: Option<String>,
    /// ORCPT as received: type, `;`, xtext (RFC 3461 section 4.2).
    pub orcpt: Option<String>,
    /// A copy of control/taps: whatever becomes of it, nobody is told, not even where the sender is a bounce.
    pub copy: bool,
}

impl Recipient {
    /// A recipient without parameters.
    pub fn new(address: impl Into<String>) -> Recipient {
        Recipient { address: address.into(), ..Recipient::default() }
    }

    /// Whether its sender wants to hear of a failure (RFC 3461 section 5.2.2: the default is yes).
    pub fn notify_failure(&self) -> bool {
        self.notify.is_none() || self.notify_names("FAILURE")
    }

    /// Whether its sender wants to hear of success (RFC 3461 section 4.1).
    pub fn notify_success(&self) -> bool {
        self.notify_names("SUCCESS")
    }

    /// Whether its sender lets us tell of delay (RFC 3461 section 4.1: without NOTIFY it does).
    pub fn notify_delay(&self) -> bool {
        self.notify.is_none() || self.notify_names("DELAY")
    }

    /// NOTIFY for who gets the message from this recipient, whose delivery has told of success (RFC 3461 section 5.2.7).
    pub fn notify_onward(&self) -> Option<String> {
        let list = self.notify.as_deref()?;
        let rest: Vec<&str> = list.split(',').filter(|one| !one.eq_ignore_ascii_case("SUCCESS")).collect();
        Some(if rest.is_empty() { "NEVER".to_owned() } else { rest.join(",") })
    }

    fn notify_names(&self, word: &str) -> bool {
        self.notify.as_deref().is_some_and(|list| list.split(',').any(|one| one.eq_ignore_ascii_case(word)))
    }
}

impl Ret {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Ret::Full => "FULL",
            Ret::Headers => "HDRS",
        }
    }
}

impl Envelope {
    /// Puts the queue id where [`Head::WithId`] left room for it.
    pub fn put_id(&mut self, id: &str) {
        for head in &mut self.head {
            if let Head::WithId(before, after) = head {
                *head = Head::Line(format!("{before}{id}{after}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
