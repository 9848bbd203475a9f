//! What the client calls itself: control/badhelo. The refusal comes at RCPT, where clients expect it and the log can name
//! sender and recipient.

use stafett_address::Mailbox;
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::badhelo::Parties;
use crate::refusal::{Refusal, Subject};
use crate::services::Note;

/// Refuses recipients of a client whose name is listed.
///
/// # Errors
/// The refusal.
pub fn recipient(context: &mut Context<'_, '_>, recipient: &Mailbox) -> Checked {
    let (settings, client) = (context.policy.settings, context.policy.client);
    let spares = context.policy.is_trusted(context.session) || settings.signs.badhelo.is_empty();
    let Some(greeted) = context.session.greeted.as_ref().filter(|_| !spares) else { return Ok(()) };
    let our_domain = settings.local_ip_host.to_string();
    let own_names = [settings.me.as_str(), our_domain.as_str()];
    let parties = Parties { own_names: &own_names, own_ip: client.local_ip, client_ip: client.ip };
    match settings.signs.badhelo.line_of(&greeted.name, parties) {
        None => {
            context.services.note(&Note { check: "badhelo", rule: "", text: &greeted.name });
            Ok(())
        }
        Some(line) => {
            let reply = Reply::new(553, (5, 7, 1), "sorry, the name in your HELO is in my badhelo list (#5.7.1)");
            Err(Refusal::new(reply, format!("control/badhelo:{line}"), Subject::to(&recipient.to_string())))
        }
    }
}
