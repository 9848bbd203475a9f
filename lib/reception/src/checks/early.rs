//! Clients that do not wait for the greeting: GREETDELAY and control/greetdelay. RFC 5321 §3.1 has the server speak first.

use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::refusal::{Refusal, Subject};

/// Refuses a client that has spoken while it was made to wait.
///
/// # Errors
/// The refusal.
pub fn connection(context: &mut Context<'_, '_>) -> Checked {
    if !context.session.is_early || context.policy.greet_delay().is_zero() {
        return Ok(());
    }
    let rule = if context.policy.client.greet_delay.is_some() { "rule GREETDELAY" } else { "control/greetdelay" };
    let reply = Reply::new(554, (5, 7, 1), "you must wait for the greeting (#5.7.1)");
    Err(Refusal::new(reply, rule, Subject::default()))
}
