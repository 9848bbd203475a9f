//! What is to be delivered, and what its sender wants of the way.

use stafett_envelope::Envelope;
use stafett_smtp_client::tls::Secrecy;

use crate::content::Content;
use crate::script::reverse_path;
use crate::senders::Rewritten;

/// What is to be delivered.
#[derive(Debug)]
pub struct Message {
    /// Sender, recipients and their parameters.
    pub envelope: Envelope,
    /// What some of the recipients see in place of the sender.
    pub rewritten: Rewritten,
    /// The bytes after DATA.
    pub content: Content,
}

impl Message {
    /// Those of these recipients who see the same sender as the first.
    pub fn with_one_sender(&self, pending: Vec<usize>) -> Vec<usize> {
        let is_other = |number: &usize| self.rewritten.recipients.contains(number);
        let of_first = pending.first().is_some_and(is_other);
        pending.into_iter().filter(|number| is_other(number) == of_first).collect()
    }

    /// The sender that these recipients see, who all see the same.
    pub fn sender_for(&self, group: &[usize]) -> &str {
        let is_other = group.first().is_some_and(|number| self.rewritten.recipients.contains(number));
        if is_other { &self.rewritten.sender } else { &self.envelope.sender }
    }

    /// What its sender wants of the way (RFC 8689). A bounce that cannot have it goes without (§5).
    pub fn secrecy(&self) -> Secrecy {
        let is_bounce = reverse_path(&self.envelope.sender).is_empty();
        if self.envelope.require_tls && !is_bounce { Secrecy::Required } else { Secrecy::Usual }
    }

    /// Whether its header waives what destinations publish about TLS; a message that requires TLS cannot (RFC 8689 §3).
    pub fn waives_tls(&self) -> bool {
        // What cannot be read now fails when it is sent.
        !self.envelope.require_tls && self.content.waives_tls().unwrap_or(false)
    }
}
