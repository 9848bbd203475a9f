//! What a sender asked to be told, as variables for a program that takes a message by qmail-queue's protocol, whose envelope
//! has no place for it.
//!
//! What: [`variables`] has them for smtpd, [`Bound::read`] reads them in stafett-queue, which that program runs at its end. The
//! wishes are bound to the sender and the recipients whom they are about, so that a message of the program's own, which
//! inherits the variables, has none of them.
//! Security stance: values are the client's; an address is in xtext that leaves nothing but letters, digits and `@ . _ - +`, all
//! others are in the form of [`crate::wishes`]. How it fails: a value that cannot be passed on so is left out.
//! Known limits: another message from the same sender to the same recipient cannot be told from the first one.

use crate::wishes::{is_envid, is_notify, is_orcpt};
use crate::{Envelope, Recipient};
use std::collections::HashMap;
use std::fmt::Write;

/// The bytes of all variables at most: they may take a part of the system's room for arguments and variables.
pub const ROOM: usize = 256 * 1024;

/// The wishes of one message for those whom it is from and for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bound {
    sender: String,
    recipients: HashMap<String, Wishes>,
    smtputf8: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    notify: Option<String>,
    orcpt: Option<String>,
}

/// The variables for this message in at most so many bytes, and how many recipients there was no room for. `name` gives an address
/// as the queue will have it when it has gone through a program.
pub fn variables(envelope: &Envelope, most: usize, name: impl Fn(&str) -> String) -> (Vec<(String, String)>, usize) {
    let is_wished = |recipient: &&Recipient| recipient.notify.is_some() || recipient.orcpt.is_some();
    let of_message = of_message(envelope);
    let listed: Vec<_> = envelope.recipients.iter().filter(|one| !of_message.is_empty() || is_wished(one)).collect();
    if listed.is_empty() {
        return (Vec::new(), 0);
    }
    let mut all = vec![("DSNSENDER".to_owned(), xtext(&name(&envelope.sender)))];
    all.extend(of_message);
    let mut taken = room(&all);
    for (index, recipient) in listed.iter().enumerate() {
        let own = of_recipient(recipient, index + 1, xtext(&name(&recipient.address)));
        taken += room(&own);
        if taken > most {
            return (all, listed.len() - index);
        }
        all.extend(own);
    }
    (all, 0)
}

fn of_message(envelope: &Envelope) -> Vec<(String, String)> {
    let ret = envelope.ret.map(|ret| ret.word().to_owned());
    let envid = envelope.envid.clone().filter(|envid| is_envid(envid));
    let smtputf8 = envelope.smtputf8.then(|| "1".to_owned());
    let all = [("DSNRET", ret), ("DSNENVID", envid), ("SMTPUTF8", smtputf8)];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn of_recipient(recipient: &Recipient, number: usize, address: String) -> Vec<(String, String)> {
    let notify = recipient.notify.clone().filter(|words| is_notify(words));
    let orcpt = recipient.orcpt.as_deref().map(in_ascii).filter(|name| is_orcpt(name));
    let all = [("DSNRECIPIENT", Some(address)), ("DSNNOTIFY", notify), ("DSNORCPT", orcpt)];
    all.into_iter().filter_map(|(name, value)| Some((format!("{name}{number}"), value?))).collect()
}

/// The room that variables take, with the end of each and its place in the table.
fn room(variables: &[(String, String)]) -> usize {
    variables.iter().map(|(name, value)| name.len() + value.len() + 2 + size_of::<usize>()).sum()
}

impl Bound {
    /// Reads them; `None` where the variables are not bound to anybody.
    ///
    /// # Errors
    /// With the name of a variable that cannot be understood.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Bound>, String> {
        let address = |name: &str| match variable(name) {
            Some(text) => from_xtext(&text).map(Some).ok_or(name.to_owned()),
            None => Ok(None),
        };
        let checked = |name: String, is_sound: fn(&str) -> bool| match variable(&name) {
            Some(value) if !is_sound(&value) => Err(name),
            value => Ok(value),
        };
        let mut bound = Bound { smtputf8: variable("SMTPUTF8").as_deref() == Some("1"), ..Bound::default() };
        for number in 1.. {
            let Some(recipient) = address(&format!("DSNRECIPIENT{number}"))? else { break };
            let notify = checked(format!("DSNNOTIFY{number}"), is_notify)?;
            let orcpt = checked(format!("DSNORCPT{number}"), is_orcpt)?;
            bound.recipients.entry(recipient).or_insert(Wishes { notify, orcpt });
        }
        if bound.recipients.is_empty() {
            return Ok(None);
        }
        bound.sender = address("DSNSENDER")?.unwrap_or_default();
        Ok(Some(bound))
    }

    /// Writes them into an envelope. Returns whether it is the one that they are about: from that sender, and for one of those
    /// recipients at least.
    pub fn apply(&self, envelope: &mut Envelope) -> bool {
        let mut is_meant = false;
        if envelope.sender != self.sender {
            return is_meant;
        }
        for recipient in &mut envelope.recipients {
            if let Some(wishes) = self.recipients.get(&recipient.address) {
                recipient.notify.clone_from(&wishes.notify);
                recipient.orcpt.clone_from(&wishes.orcpt);
                is_meant = true;
            }
        }
        envelope.smtputf8 |= is_meant && self.smtputf8;
        is_meant
    }
}

/// An address in xtext (RFC 3461 section 4) that means nothing to a shell.
fn xtext(address: &str) -> String {
    let mut text = String::with_capacity(address.len());
    for byte in address.bytes() {
        if byte.is_ascii_alphanumeric() || b"@._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "+{byte:02X}");
        }
    }
    text
}

fn from_xtext(text: &str) -> Option<String> {
    let mut parts = text.split('+');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().filter(|address| !address.chars().any(char::is_control))
}

/// An original recipient of type utf-8 as RFC 6533 section 3 writes it where there is ASCII alone.
fn in_ascii(orcpt: &str) -> String {
    let plain = |letter: char| if letter.is_ascii() { letter.to_string() } else { format!("\\x{{{:X}}}", u32::from(letter)) };
    orcpt.chars().map(plain).collect()
}

#[cfg(test)]
#[path = "bound_test.rs"]
mod bound_test;
