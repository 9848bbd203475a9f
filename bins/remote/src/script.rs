//! The commands of one transaction as text, in the order in which they are said.
//!
//! Security stance: an address goes into a command line only if it cannot end its path (`is_speakable` is asked before), so
//! no address of a local user can add a parameter or a command.

use stafett_envelope::{Envelope, Recipient};
use stafett_smtp::ehlo::Capabilities;

/// Commands one after the other in one buffer, so that they can be written at once or one by one.
#[derive(Debug, Default)]
pub struct Script {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Some command has a parameter that the server might refuse.
    pub has_parameters: bool,
}

impl Script {
    /// Adds a command line.
    pub fn say(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.extend_from_slice(part.as_bytes());
        }
        self.text.extend_from_slice(b"\r\n");
        self.ends.push(self.text.len());
    }

    /// All commands, for one write.
    pub fn all(&self) -> &[u8] {
        &self.text
    }

    /// The command of that number, from 0.
    pub fn line(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(number).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }
}

/// What goes into MAIL beside the sender.
#[derive(Clone, Copy, Debug)]
pub struct MailFacts {
    /// Bytes of the message, for SIZE (RFC 1870).
    pub bytes: u64,
    /// BODY=8BITMIME is to be said.
    pub eight_bit: bool,
    /// SMTPUTF8 is to be said.
    pub utf8: bool,
}

/// The parameters of MAIL that this server understands.
pub fn mail_parameters(envelope: &Envelope, facts: MailFacts, server: &Capabilities) -> String {
    let mut text = String::new();
    if server.size.is_some() {
        text.push_str(&format!(" SIZE={}", facts.bytes));
    }
    if facts.eight_bit {
        text.push_str(" BODY=8BITMIME");
    }
    if facts.utf8 {
        text.push_str(" SMTPUTF8");
    }
    if envelope.require_tls && server.require_tls {
        text.push_str(" REQUIRETLS");
    }
    if server.dsn {
        if let Some(ret) = envelope.ret {
            text.push_str(&format!(" RET={}", ret.word()));
        }
        if let Some(envid) = envelope.envid.as_deref().filter(|envid| is_parameter(envid)) {
            text.push_str(&format!(" ENVID={envid}"));
        }
    }
    text
}

/// The parameters of RCPT that this server understands (RFC 3461).
pub fn recipient_parameters(recipient: &Recipient, server: &Capabilities) -> String {
    let mut text = String::new();
    if server.dsn {
        if let Some(notify) = recipient.notify.as_deref().filter(|notify| is_parameter(notify)) {
            text.push_str(&format!(" NOTIFY={notify}"));
        }
        if let Some(orcpt) = recipient.orcpt.as_deref().filter(|orcpt| is_parameter(orcpt)) {
            text.push_str(&format!(" ORCPT={orcpt}"));
        }
    }
    text
}

/// The reverse-path as other servers know it: the sender of double bounces is a private word of the queue.
pub fn reverse_path(sender: &str) -> &str {
    if sender == "#@[]" { "" } else { sender }
}

/// Whether a DSN parameter can stand in a command line: printable, no blank. One that cannot is left out.
fn is_parameter(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
