//! Why a program for admins gives up.

use std::fmt;

/// A reason to give up, and the exit code for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// 100 when the admin must change something first, 111 when the system refused.
    pub code: u8,
    /// A sentence.
    pub text: String,
}

impl Failure {
    /// The admin must change something first.
    pub fn lasting(text: impl fmt::Display) -> Failure {
        Failure { code: 100, text: text.to_string() }
    }

    /// The system refused: it may work at the next try.
    pub fn system(text: impl fmt::Display) -> Failure {
        Failure { code: 111, text: text.to_string() }
    }
}
