//! Whether a server can have a message: SIZE, 8BITMIME, SMTPUTF8, and a sender that can be said.
//!
//! Decided before MAIL, so that a message which must fail costs the server nothing. The content is read only where the
//! envelope says that it may hold what the server has not offered to take.

use stafett_envelope::Envelope;
use stafett_smtp_client::is_speakable;
use stafett_smtp_client::judgement::{self, Judged};
use stafett_smtp_client::session::Session;

use crate::script::MailFacts;
use crate::transaction::Message;

/// What this server must be told about the message, or why it cannot have it.
pub fn facts(session: &Session, message: &Message) -> Result<MailFacts, Judged> {
    let (place, server, envelope) = (&session.place, &session.server, &message.envelope);
    let bytes = message.content.bytes();
    if let Some(limit) = server.size.flatten().filter(|limit| bytes > *limit) {
        return Err(judgement::too_large(place, bytes, limit));
    }
    if !is_speakable(&envelope.sender) {
        return Err(judgement::unspeakable_address());
    }
    let readable = |result: std::io::Result<bool>| result.map_err(|error| judgement::unreadable(&error));
    let eight_bit = envelope.eight_bit && server.eight_bit;
    if envelope.eight_bit && !server.eight_bit && !readable(message.content.is_seven_bit())? {
        return Err(judgement::needs_eight_bit(place));
    }
    let utf8 = envelope.smtputf8 || !has_ascii_addresses(envelope);
    if utf8 && !server.utf8 {
        if !has_ascii_addresses(envelope) || !readable(message.content.has_ascii_header())? {
            return Err(judgement::needs_utf8(place));
        }
        return Ok(MailFacts { bytes, eight_bit, utf8: false });
    }
    Ok(MailFacts { bytes, eight_bit, utf8 })
}

fn has_ascii_addresses(envelope: &Envelope) -> bool {
    envelope.sender.is_ascii() && envelope.recipients.iter().all(|recipient| recipient.address.is_ascii())
}
