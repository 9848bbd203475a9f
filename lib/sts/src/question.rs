//! The question for a domain's policy, and its answer.
//!
//! `policy DOMAIN` is answered K with a text for people and the fields mode, id, max_age, what is wrong (empty, or a result
//! type of RFC 8460 §4.3) and the patterns, each a field. Mode `none` also stands for a domain that has no policy.
//! `failed DOMAIN` says that a host did not keep the policy, so that a new one is looked for (RFC 8461 §5.1).

use std::io;
use std::path::Path;
use std::time::Duration;

use stafett_ask::{Answer, Verdict, ask};

use crate::policy::{Mode, Policy};

/// Verb of the question for a policy.
pub const POLICY: &str = "policy";
/// Verb of the message that a policy was not kept.
pub const FAILED: &str = "failed";
/// Fields before the patterns.
const FIXED: usize = 4;

/// What is known about a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The policy; of mode none where there is none.
    pub policy: Policy,
    /// Its id; empty where there is no policy.
    pub id: String,
    /// What is wrong, as a result type of RFC 8460 §4.3, where a policy is announced and cannot be had.
    pub trouble: Option<String>,
    /// All of it for people.
    pub text: String,
}

impl Known {
    /// No policy, with the reason.
    pub fn nothing(text: impl Into<String>) -> Known {
        let policy = Policy { mode: Mode::None, max_age: 0, mx: Vec::new() };
        Known { policy, id: String::new(), trouble: None, text: text.into() }
    }

    /// Asks the service at `socket`.
    ///
    /// # Errors
    /// When it does not answer within that time, or does not say what it knows.
    pub fn about(domain: &str, socket: &Path, within: Duration) -> io::Result<Known> {
        let answer = ask(socket, &[POLICY.as_bytes(), domain.as_bytes()], None, within)?;
        Known::from_answer(&answer).ok_or_else(|| io::Error::other(answer.text))
    }

    /// The answer that says this.
    pub fn answer(&self) -> Answer {
        let fixed = Answer::new(Verdict::Ok, self.text.clone()).with(self.policy.mode.word()).with(self.id.clone());
        let fixed = fixed.with(self.policy.max_age.to_string()).with(self.trouble.clone().unwrap_or_default());
        self.policy.mx.iter().fold(fixed, |answer, pattern| answer.with(pattern.clone()))
    }

    /// What an answer says; nothing where it says that it cannot tell.
    pub fn from_answer(answer: &Answer) -> Option<Known> {
        let mode = answer.field(0).filter(|_| answer.verdict == Verdict::Ok).and_then(|word| Mode::from_word(&word))?;
        let max_age = answer.field(2)?.parse().ok()?;
        let mx = (FIXED..answer.fields.len()).filter_map(|index| answer.field(index)).collect();
        let trouble = answer.field(3).filter(|trouble| !trouble.is_empty());
        Some(Known { policy: Policy { mode, max_age, mx }, id: answer.field(1)?, trouble, text: answer.text.clone() })
    }
}

/// Tells the service at `socket` that a host did not keep the policy of a domain.
///
/// # Errors
/// When it does not answer within that time.
pub fn tell_of_failure(domain: &str, socket: &Path, within: Duration) -> io::Result<()> {
    ask(socket, &[FAILED.as_bytes(), domain.as_bytes()], None, within).map(drop)
}
