//! Why a program gives up, and how it says so.

use crate::Log;
use std::fmt;
use std::process::ExitCode;

/// A reason to give up, and the exit code for it, as in all of qmail's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// 100 when the admin must change something first, 111 when it may work at the next try.
    pub code: u8,
    /// A sentence.
    pub text: String,
}

impl Failure {
    /// The admin must change something first.
    pub fn lasting(text: impl fmt::Display) -> Failure {
        Failure { code: 100, text: text.to_string() }
    }

    /// It may work at the next try.
    pub fn temporary(text: impl fmt::Display) -> Failure {
        Failure { code: 111, text: text.to_string() }
    }

    /// A command line that cannot be understood: what is wrong with it, and what would be right.
    pub fn misuse<E: fmt::Display>(usage: impl fmt::Display) -> impl Fn(E) -> Failure {
        move |reason| Failure::lasting(format_args!("{reason}; {usage}"))
    }
}

/// Most reasons are those of the system, which may be gone at the next try.
impl From<String> for Failure {
    fn from(text: String) -> Failure {
        Failure { code: 111, text }
    }
}

impl Log {
    /// The end of a program: its exit code, with the reason told where there is one.
    pub fn end(self, done: Result<ExitCode, Failure>) -> ExitCode {
        done.unwrap_or_else(|failure| {
            self.fatal(&failure.text);
            ExitCode::from(failure.code)
        })
    }
}
