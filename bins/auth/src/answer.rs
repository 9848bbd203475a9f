//! What smtpd is told: K with the account, or D or Z with the reply for the client, the rule, and a word for the log.

use crate::settings::Listed;
use stafett_ask::{Answer, Verdict};
use stafett_control::form::account::Account;

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such account, or it has no verifier for this.
    Unknown,
    /// The password or proof is wrong.
    Wrong,
    /// The message cannot be understood.
    Malformed,
    /// Somebody wants to act for somebody else.
    Other,
    /// The binding to the channel is missing, or another one.
    Binding,
    /// The exchange is too old, or was begun with another process.
    Stale,
    /// The account is locked.
    Locked,
    /// It may not log in from there.
    Network,
    /// Too many wrong passwords came from there.
    Throttled,
    /// Too much is being looked at just now.
    Busy,
    /// Who knows the password does not answer.
    Away,
}

impl Fault {
    /// The word for the log, and the reply. What a stranger could learn from is said to whoever had the right password alone.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Fault::Unknown => ("unknown", WRONG),
            Fault::Wrong => ("wrong", WRONG),
            Fault::Other => ("other-account", WRONG),
            Fault::Binding => ("binding", WRONG),
            Fault::Malformed => ("malformed", "501 5.5.2 that is no message of this mechanism"),
            Fault::Stale => ("stale", "454 4.7.0 this took too long, begin anew"),
            Fault::Locked => ("locked", "525 5.7.13 this account is locked, ask your administrator"),
            Fault::Network => ("network", "535 5.7.0 this account may not be used from your network"),
            Fault::Throttled => ("throttled", "454 4.7.0 too many wrong passwords from your address, come back later"),
            Fault::Busy => ("busy", "454 4.7.0 too many passwords to look at, try again later"),
            Fault::Away => ("away", "454 4.7.0 passwords cannot be looked at now, try again later"),
        }
    }

    /// The answer, with the rule that decided.
    pub fn answer(self, rule: &str) -> Answer {
        let (word, reply) = self.words();
        let verdict = if reply.starts_with('4') { Verdict::Temporary } else { Verdict::Permanent };
        Answer::new(verdict, reply).with(format!("rule={rule}")).with(format!("reason={word}"))
    }
}

const WRONG: &str = "535 5.7.8 authentication credentials invalid";

/// The rule of an account that has no line.
pub const ACCOUNTS: &str = "control/accounts";

/// The rule of an account that has one.
pub fn rule(listed: &Listed) -> String {
    format!("{ACCOUNTS}:{}", listed.line)
}

/// The account.
pub fn yes(account: &Account, rule: &str, me: &str) -> Answer {
    let mut answer = Answer::new(Verdict::Ok, "").with(format!("rule={rule}")).with(format!("account={}", account.name));
    answer = answer.with(if account.is_robot { "role=robot" } else { "role=person" });
    answer = senders(account, me).into_iter().fold(answer, |answer, sender| answer.with(format!("sender={sender}")));
    answer = account.limits.iter().fold(answer, |answer, class| answer.with(format!("class={class}")));
    match &account.rewrite {
        Some(address) => answer.with(format!("rewrite={address}")),
        None => answer,
    }
}

/// What it may send from; where nothing is said, from its name.
fn senders(account: &Account, me: &str) -> Vec<String> {
    match (account.senders.is_empty(), account.name.contains('@')) {
        (false, _) => account.senders.clone(),
        (true, true) => vec![account.name.clone()],
        (true, false) => vec![format!("{}@{}", account.name, me.to_lowercase())],
    }
}
