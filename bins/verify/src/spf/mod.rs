//! The Sender Policy Framework, RFC 7208: may this host send for that domain?
//!
//! What it does: [`check`] walks the record of the sender's domain, and those that it includes, with the limits of §4.6.4;
//! [`received`] says what came of it in a header field.
//!
//! Security stance: records are text of strangers. Each is read as a whole before anything of it counts, look-ups are counted
//! over all records together, and what they make us say is printable and bounded.
//!
//! How it fails: with a result. Trouble with the DNS is `temperror`, a record that is wrong or goes beyond the limits is
//! `permerror`; nothing of that is ever `pass`.
//!
//! Known limits: of several explanations the one of the record that failed counts, as in §6.2; names are ASCII.

pub mod check;
mod evaluation;
mod expansion;
mod macros;
pub mod received;
mod record;
pub mod rules;
mod terms;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

/// What was found (§2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No record.
    None,
    /// The domain says nothing about this host.
    Neutral,
    /// The host may.
    Pass,
    /// The host may not.
    Fail,
    /// The host probably may not.
    SoftFail,
    /// Nobody could tell now.
    TempError,
    /// The records are wrong.
    PermError,
}

impl Verdict {
    /// Its word in header fields.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Neutral => "neutral",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::SoftFail => "softfail",
            Verdict::TempError => "temperror",
            Verdict::PermError => "permerror",
        }
    }

    /// The verdict of a word.
    pub fn from_word(word: &str) -> Option<Verdict> {
        use Verdict::{Fail, Neutral, None, Pass, PermError, SoftFail, TempError};
        [None, Neutral, Pass, Fail, SoftFail, TempError, PermError].into_iter().find(|verdict| verdict.word() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Whose permission is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The envelope sender's domain.
    MailFrom,
    /// The name that the client gave, for a message without a sender (§2.4).
    Helo,
}

/// Who sends what.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The client.
    pub ip: IpAddr,
    /// What it calls itself.
    pub helo: &'a str,
    /// The envelope sender; empty for none.
    pub sender: &'a str,
    /// Our own name.
    pub receiver: &'a str,
}

impl Question<'_> {
    /// Whose permission is asked for.
    pub fn identity(&self) -> Identity {
        if self.sender.is_empty() { Identity::Helo } else { Identity::MailFrom }
    }

    /// The domain in question.
    pub fn domain(&self) -> &str {
        self.sender.rsplit_once('@').map_or(self.helo, |(_, domain)| domain)
    }

    /// The sender as macros see it (§4.3): without a local part it is that of postmaster.
    pub fn full_sender(&self) -> String {
        match self.sender.rsplit_once('@') {
            Some(("", domain)) => format!("postmaster@{domain}"),
            Some(_) => self.sender.to_owned(),
            None => format!("postmaster@{}", self.helo),
        }
    }
}

/// What was found and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// The domain that was asked.
    pub domain: String,
    /// The mechanism that matched, `default` where none did, or what is wrong.
    pub reason: String,
    /// What the domain wants to be said to whoever failed.
    pub explanation: Option<String>,
}
