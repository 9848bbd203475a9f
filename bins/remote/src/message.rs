//! What is to be delivered, and what its sender wants of the way.

use stafett_envelope::Envelope;
use stafett_smtp_client::tls::Secrecy;

use crate::content::Content;
use crate::script::reverse_path;

/// What is to be delivered.
#[derive(Debug)]
pub struct Message {
    /// Sender, recipients and their parameters.
    pub envelope: Envelope,
    /// The bytes after DATA.
    pub content: Content,
}

impl Message {
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
