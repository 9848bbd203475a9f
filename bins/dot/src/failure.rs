//! Why a program of a dot-qmail file did not do its work, and whether that may change (qmail-command(8)).

use std::fmt;

/// A reason and its exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    reason: String,
}

impl Failure {
    /// It will not get better: the message is returned.
    pub fn permanent(reason: impl fmt::Display) -> Failure {
        Failure { code: 100, reason: reason.to_string() }
    }

    /// It may: the message is put off.
    pub fn temporary(reason: impl fmt::Display) -> Failure {
        Failure { code: 111, reason: reason.to_string() }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
