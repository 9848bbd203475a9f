//! Forwards: the message goes into the queue again, with the mark that it was here.
//!
//! How it fails: what stafett-queued refuses for now is put off, what it refuses for good is returned. Whether the message is
//! queued is not known when it does not answer; then it is put off and may come twice.

use super::{Delivery, Stop};
use stafett_address::{Mailbox, from_program};
use stafett_envelope::{Envelope, Recipient};
use stafett_instance::{Instance, Service};
use stafett_wire::injector::{Answer, Injector};
use std::time::Duration;

/// How long stafett-queued may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Queues the message for these addresses; its queue id.
pub fn send(delivery: &Delivery, sender: &str, addresses: &[&[u8]]) -> Result<String, Stop> {
    let envelope = envelope(delivery, sender, addresses)?;
    let instance = Instance::at(&delivery.root).map_err(|error| later(&error.to_string()))?;
    let socket = instance.socket(Service::Queue);
    let mut injector = Injector::connect(&socket, PATIENCE).map_err(|error| later(&format!("stafett-queued does not listen: {error}")))?;
    injector.envelope(&envelope);
    // Header lines of a user's come in the message: queued believes no user who says what stood in front.
    injector.data(format!("{}\r\n", delivery.delivered_to()).as_bytes());
    delivery.content.copy_crlf(&mut |piece| {
        injector.data(piece);
        Ok(())
    })?;
    delivery.is_wanted()?;
    match injector.finish() {
        Ok(Answer::Accepted(id)) => Ok(id),
        Ok(Answer::Temporary(text)) => Err(later(&text)),
        Ok(Answer::Permanent(text)) => Err(Stop::Never(format!("Unable to forward message: {text}. (#5.3.0)"))),
        Err(error) => Err(later(&format!("stafett-queued does not answer: {error}"))),
    }
}

/// What goes on as the same message keeps what its sender asked for; a list is a sender of its own (RFC 3461 section 5.2.7).
/// Success is told of once: when this delivery is done.
fn envelope(delivery: &Delivery, sender: &str, addresses: &[&[u8]]) -> Result<Envelope, Stop> {
    let before = &delivery.envelope;
    let sender = from_program(sender).into_owned();
    let goes_on = sender == before.sender;
    let asked = before.recipients.first().filter(|_| goes_on);
    let asked = asked.map(|asked| Recipient { notify: asked.notify_onward(), ..asked.clone() }).unwrap_or_default();
    let mut recipients = Vec::with_capacity(addresses.len());
    for address in addresses {
        recipients.push(Recipient { address: from_program(text_of(address)?).into_owned(), ..asked.clone() });
    }
    Ok(Envelope {
        sender,
        eight_bit: before.eight_bit,
        smtputf8: before.smtputf8,
        // It is the message that must not travel in clear, whoever sends it on (RFC 8689 section 4).
        require_tls: before.require_tls,
        ret: before.ret.filter(|_| goes_on),
        envid: before.envid.clone().filter(|_| goes_on),
        origin: "local".to_owned(),
        recipients,
        ..Envelope::default()
    })
}

/// The text of an address.
///
/// # Errors
/// When it is none. *Ours*: what can only be a mistake (a path behind a blank, a name in front or behind, brackets) puts the mail off
/// and says so; qmail sends the message there and returns it.
pub fn text_of(address: &[u8]) -> Result<&str, Stop> {
    let text = std::str::from_utf8(address).ok().filter(|text| !text.is_empty() && !text.contains(char::is_control));
    let text = text.ok_or_else(|| no_address(address, "write one address"))?;
    if Mailbox::parse(text).is_ok() {
        return Ok(text);
    }
    // Behind an @ there is no more than a domain, or a further @ of a local part.
    let behind = text.split_once('@').map_or("", |(_, behind)| behind);
    if text.starts_with([' ', '<']) || behind.contains([' ', '<', '>', '(', ')', ',', ';']) {
        return Err(no_address(address, "write the address alone, without blanks, brackets and names"));
    }
    if behind.is_empty() && text.ends_with('/') {
        return Err(no_address(address, "the path of a Maildir begins with / or ./"));
    }
    Ok(text)
}

fn no_address(line: &[u8], advice: &str) -> Stop {
    Stop::Later(format!("Uh-oh: .qmail has \"{}\", which is no address; {advice}. (#4.3.5)", line.escape_ascii()))
}

fn later(why: &str) -> Stop {
    Stop::Later(format!("Unable to forward message: {why}. (#4.3.0)"))
}

#[cfg(test)]
#[path = "forward_test.rs"]
mod forward_test;
