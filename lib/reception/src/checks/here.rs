//! Is there a mailbox for a recipient of this host? stafett-local is asked, by the same look-up as a delivery.
//!
//! Every client is judged by it, those with RELAYCLIENT as well: a refusal is better than a bounce for them, too.
//! How it fails: without an answer, or where the users cannot be looked up, the client is put off.

use std::time::Duration;

use stafett_address::Mailbox;
use stafett_ask::Verdict;
use stafett_route::Place;
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::refusal::{Refusal, Subject};
use crate::services::Note;

/// How long the look-up may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What decides, in refusals and notes.
const RULE: &str = "control/locals";

/// Refuses whom no user of this host is.
pub fn check(context: &mut Context<'_, '_>, recipient: &Mailbox) -> Checked {
    let locals = &context.policy.settings.locals;
    if locals.are_none() {
        return Ok(());
    }
    let address = recipient.to_string();
    let Place::Here(placed) = locals.place(&address) else { return Ok(()) };
    let question: [&[u8]; 2] = [b"recipient", placed.as_bytes()];
    let reply = match context.services.ask_recipient(&question, PATIENCE) {
        Ok(answer) if answer.verdict == Verdict::Ok => {
            context.services.note(&Note { check: "local", rule: RULE, text: "there is a mailbox" });
            return Ok(());
        }
        Ok(answer) => Reply::from_text(&answer.text),
        Err(error) => {
            context.services.complain(&format!("unable to ask stafett-local: {error}"));
            Reply::new(451, (4, 3, 0), "unable to look up that recipient, try again later")
        }
    };
    Err(Refusal::new(reply, RULE, Subject::to(&address)))
}
