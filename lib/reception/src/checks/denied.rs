//! The rule of a client that somebody in front of us has named; the listener turns all others away itself.

use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::refusal::{Refusal, Subject};

/// Refuses whom control/tcp.smtp.cdb denies.
pub fn check(context: &mut Context<'_, '_>) -> Checked {
    if !context.policy.client.denied {
        return Ok(());
    }
    let reply = Reply::new(554, (5, 7, 1), "sorry, no mail is taken from your address (#5.7.1)");
    Err(Refusal::new(reply, "control/tcp.smtp.cdb", Subject::default()))
}
