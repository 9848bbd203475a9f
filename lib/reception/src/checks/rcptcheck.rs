//! RCPTCHECK: a program of the admin that judges each recipient, as with qmail's patches of that name.
//!
//! The program has the variables of the connection and SENDER, RECIPIENT and HELO; its exit code is the verdict: 0 and 112
//! accept, 100 refuses, 111 refuses for now, 113 says that the recipient is over its limit. Clients with RELAYCLIENT are
//! not judged by it.
//! Security stance: what strangers chose reaches the program as an address in SMTP's form, quoted where it must be, and as a
//! name in which every odd character is `?`.
//! How it fails: any other end, and a program that cannot be run or takes too long, is a temporary refusal.

use std::time::Duration;

use stafett_address::Mailbox;
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::client::plain;
use crate::policy::Transaction;
use crate::refusal::{Refusal, Subject};
use crate::services::Note;

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets the program judge.
pub fn check(context: &mut Context<'_, '_>, transaction: &Transaction, recipient: &Mailbox) -> Checked {
    let client = context.policy.client;
    let is_trusted = context.policy.is_trusted(context.session);
    let Some(program) = client.rcptcheck.as_deref().filter(|_| !is_trusted) else { return Ok(()) };
    let address = recipient.to_string();
    let mut environment = client.environment.clone();
    let helo = context.session.greeted.as_ref().map(|greeted| plain(&greeted.name)).unwrap_or_default();
    for (name, value) in [("SENDER", transaction.envelope.sender.as_str()), ("RECIPIENT", address.as_str()), ("HELO", helo.as_str())] {
        environment.set(name, value);
    }
    let reply = match context.services.run(program, &environment, PATIENCE) {
        Ok(0 | 112) => {
            context.services.note(&Note { check: "rcptcheck", rule: "rule RCPTCHECK", text: "accepted" });
            return Ok(());
        }
        Ok(100) => Reply::new(550, (5, 1, 1), "sorry, no mailbox here by that name (#5.1.1)"),
        Ok(111) => later(),
        Ok(113) => Reply::new(452, (4, 2, 2), "sorry, that recipient is over its limit, try again later (#4.2.2)"),
        Ok(code) => {
            context.services.complain(&format!("unable to use the verdict of {program} (RCPTCHECK): it exits {code}"));
            later()
        }
        Err(error) => {
            context.services.complain(&format!("unable to run {program} (RCPTCHECK): {error}"));
            later()
        }
    };
    Err(Refusal::new(reply, "rule RCPTCHECK", Subject::to(&address)))
}

fn later() -> Reply {
    Reply::new(451, (4, 3, 0), "unable to judge that recipient, try again later")
}
