//! Why a message was not injected.

use std::fmt;

/// A message that was not queued.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    reason: String,
}

impl Failure {
    /// It cannot be sent as it stands (100).
    pub fn permanent(reason: impl fmt::Display) -> Failure {
        Failure { code: 100, reason: reason.to_string() }
    }

    /// It may be tried again (111).
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
