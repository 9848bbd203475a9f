//! Whether a server can have a message: SIZE, 8BITMIME, SMTPUTF8, and a sender that can be said.
//!
//! Decided before MAIL, so that a message which must fail costs the server nothing. The content is read only where the
//! envelope says that it may hold what the server has not offered to take.

use stafett_envelope::Envelope;
use stafett_smtp_client::is_speakable;
use stafett_smtp_client::judgement::{self, Judged};
use stafett_smtp_client::session::Session;

use crate::message::Message;
use crate::script::MailFacts;

/// Who of these recipients goes first: those with ASCII addresses, unless the whole message needs SMTPUTF8 anyway. What one recipient
/// needs, such as a copy to an address in UTF-8, is then no affair of the others (RFC 6531 §3.2).
pub fn first_group(envelope: &Envelope, pending: Vec<usize>) -> Vec<usize> {
    if envelope.smtputf8 || !envelope.sender.is_ascii() {
        return pending;
    }
    let plain: Vec<usize> = pending.iter().copied().filter(|number| has_ascii_addresses(envelope, &[*number])).collect();
    if plain.is_empty() { pending } else { plain }
}

/// What this server must be told about the message for these recipients, or why it cannot have it.
pub fn facts(session: &Session, message: &Message, group: &[usize]) -> Result<MailFacts, Judged> {
    let (place, server, envelope) = (&session.place, &session.server, &message.envelope);
    let bytes = message.content.bytes();
    if let Some(limit) = server.size.flatten().filter(|limit| bytes > *limit) {
        return Err(judgement::too_large(place, bytes, limit));
    }
    if !is_speakable(message.sender_for(group)) {
        return Err(judgement::unspeakable_address());
    }
    let readable = |result: std::io::Result<bool>| result.map_err(|error| judgement::unreadable(&error));
    let eight_bit = envelope.eight_bit && server.eight_bit;
    if envelope.eight_bit && !server.eight_bit && !readable(message.content.is_seven_bit())? {
        return Err(judgement::needs_eight_bit(place));
    }
    let utf8 = envelope.smtputf8 || !has_ascii_addresses(envelope, group);
    if utf8 && !server.utf8 {
        if !has_ascii_addresses(envelope, group) || !readable(message.content.has_ascii_header())? {
            return Err(judgement::needs_utf8(place));
        }
        return Ok(MailFacts { bytes, eight_bit, utf8: false });
    }
    Ok(MailFacts { bytes, eight_bit, utf8 })
}

fn has_ascii_addresses(envelope: &Envelope, group: &[usize]) -> bool {
    let mut recipients = group.iter().filter_map(|number| envelope.recipients.get(*number));
    envelope.sender.is_ascii() && recipients.all(|recipient| recipient.address.is_ascii())
}
