//! A refusal: what the client hears, and which file and line made it so.

use std::borrow::Cow;

use stafett_smtp::Reply;

/// Why a command was refused by a rule of the admin.
#[derive(Debug)]
pub struct Refusal {
    /// What the client hears.
    pub reply: Reply,
    /// What decided: `control/FILE`, `control/FILE:LINE`, `rule VARIABLE`, or a word of stafett-smtpd(8).
    pub rule: Cow<'static, str>,
    /// What was refused.
    pub subject: Subject,
}

/// What a refusal is about, in words of the client.
#[derive(Debug, Default)]
pub struct Subject {
    /// The sender.
    pub from: String,
    /// The recipient, or the first of a message.
    pub to: Option<String>,
    /// What is counted, in our words: `bytes 5000`, `recipients 3`.
    pub count: Option<String>,
}

impl Refusal {
    /// Puts the three together.
    pub fn new(reply: Reply, rule: impl Into<Cow<'static, str>>, subject: Subject) -> Box<Self> {
        Box::new(Self { reply, rule: rule.into(), subject })
    }
}

impl Subject {
    /// A sender.
    pub fn from(sender: impl Into<String>) -> Self {
        Self { from: sender.into(), ..Self::default() }
    }

    /// A recipient, whose sender will be filled in by the one who knows it.
    pub fn to(recipient: &str) -> Self {
        Self { to: Some(recipient.to_owned()), ..Self::default() }
    }

    /// With a count.
    pub fn count(self, count: String) -> Self {
        Self { count: Some(count), ..self }
    }
}
