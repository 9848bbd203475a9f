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
    /// What was refused: the address or the size, text of the client.
    pub subject: String,
}

impl Refusal {
    /// Puts the three together.
    pub fn new(reply: Reply, rule: impl Into<Cow<'static, str>>, subject: impl Into<String>) -> Box<Self> {
        Box::new(Self { reply, rule: rule.into(), subject: subject.into() })
    }
}
