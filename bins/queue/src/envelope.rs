//! The envelope as qmail's programs write it: `F`, the sender, NUL, for each recipient `T`, the
//! address, NUL, and one NUL more (qmail-queue(8)).

use crate::failure::Failure;
use crate::source::Source;
use stafett_address::from_program;
use stafett_envelope::{Envelope, LONGEST_ADDRESS, MOST_RECIPIENTS, Recipient};
use stafett_wire::exitcode;
use stafett_wire::injector::LARGEST_ENVELOPE;

/// Reads an envelope to its last NUL. An end of file before it means that the caller gave up:
/// nothing is to be queued.
pub fn read(source: &Source) -> Result<Envelope, Failure> {
    let mut parser = Parser::default();
    let mut space = vec![0; 16 * 1024];
    while let Some(piece) = source.read(&mut space)? {
        if parser.take(piece)? {
            return Ok(parser.envelope);
        }
    }
    Err(Failure::new(exitcode::READ, "the envelope ends early, so nothing was queued"))
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Sender,
    Between,
    Recipient,
}

#[derive(Debug, Default)]
struct Parser {
    state: State,
    field: Vec<u8>,
    size: usize,
    envelope: Envelope,
}

impl Parser {
    /// Takes the next bytes. Returns whether the envelope has come to its end; what follows is not
    /// looked at.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        for &byte in bytes {
            match (self.state, byte) {
                (State::Start, b'F') => self.state = State::Sender,
                (State::Between, b'T') => self.state = State::Recipient,
                (State::Between, 0) => return Ok(true),
                (State::Start | State::Between, _) => {
                    return Err(Failure::new(
                        exitcode::ENVELOPE,
                        "the envelope is not F, sender, NUL, then T, recipient, NUL for each, then NUL",
                    ));
                }
                (State::Sender | State::Recipient, 0) => self.end_field()?,
                (State::Sender | State::Recipient, _) => self.push(byte)?,
            }
        }
        Ok(false)
    }

    fn push(&mut self, byte: u8) -> Result<(), Failure> {
        self.size += 1;
        if self.field.len() >= LONGEST_ADDRESS {
            return Err(Failure::new(exitcode::ADDRESS_TOO_LONG, format!("an address has more than {LONGEST_ADDRESS} bytes")));
        }
        self.field.push(byte);
        Ok(())
    }

    fn end_field(&mut self) -> Result<(), Failure> {
        let address = readable(std::mem::take(&mut self.field))?;
        self.envelope.smtputf8 |= !address.is_ascii();
        if self.state == State::Sender {
            self.envelope.sender = address;
        } else {
            self.add_recipient(address)?;
        }
        self.state = State::Between;
        Ok(())
    }

    fn add_recipient(&mut self, address: String) -> Result<(), Failure> {
        if address.is_empty() {
            return Err(Failure::refused("553 5.1.3 a recipient's address is empty"));
        }
        // "to ", the address and LF in the text form.
        self.size += 4;
        if self.envelope.recipients.len() >= MOST_RECIPIENTS || self.size + 4 * LONGEST_ADDRESS > LARGEST_ENVELOPE {
            return Err(Failure::refused("552 5.5.3 too many recipients"));
        }
        self.envelope.recipients.push(Recipient::new(address));
        Ok(())
    }
}

/// An address as text: UTF-8 (RFC 6531) without control characters, in the quotes that SMTP needs and programs leave out.
fn readable(bytes: Vec<u8>) -> Result<String, Failure> {
    let text = String::from_utf8(bytes).map_err(|_| Failure::refused("553 5.1.3 an address is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(Failure::refused("553 5.1.3 an address holds a control character"));
    }
    Ok(from_program(&text).into_owned())
}

#[cfg(test)]
#[path = "envelope_test.rs"]
mod envelope_test;
