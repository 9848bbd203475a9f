//! The text form of an envelope: `key value` lines, each ended by LF.

use crate::{Envelope, Head, LONGEST_ADDRESS, LONGEST_HEAD, MOST_RECIPIENTS, Recipient, Ret};
use std::fmt;

/// An envelope that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line of its text form, from 1; 0 for the whole.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "envelope line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for Error {}

impl Envelope {
    /// Appends the text form to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_facts(out);
        for recipient in &self.recipients {
            recipient.write(out);
        }
    }

    /// Appends the text form without the recipients, for whoever picks those one by one.
    pub fn write_facts(&self, out: &mut Vec<u8>) {
        put(out, "from", &self.sender);
        if self.eight_bit {
            put(out, "body", "8BITMIME");
        }
        if self.smtputf8 {
            put(out, "smtputf8", "yes");
        }
        if self.require_tls {
            put(out, "requiretls", "yes");
        }
        if let Some(ret) = self.ret {
            put(out, "ret", ret.word());
        }
        put_some(out, "envid", self.envid.as_deref());
        if !self.origin.is_empty() {
            put(out, "origin", &self.origin);
        }
        if let Some(uid) = self.uid {
            put(out, "uid", &uid.to_string());
        }
        put_some(out, "hold", self.hold.as_deref());
        for head in &self.head {
            match head {
                Head::Line(line) => put(out, "head", line),
                Head::WithId(before, after) => put(out, "head-id", &format!("{before}\0{after}")),
            }
        }
    }

    /// Reads a text form.
    ///
    /// # Errors
    /// At the first line that is unknown, too long, not text, or out of order.
    pub fn parse(text: &[u8]) -> Result<Envelope, Error> {
        let mut envelope = Envelope::default();
        let mut from_seen = false;
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let fault = |reason| Error { line: index + 1, reason };
            let line = line.strip_suffix(b"\n").ok_or(fault("does not end"))?;
            let line = std::str::from_utf8(line).map_err(|_| fault("is no UTF-8 text"))?;
            let (key, value) = line.split_once(' ').ok_or(fault("has no value"))?;
            if key == "from" && std::mem::replace(&mut from_seen, true) {
                return Err(fault("names a second sender"));
            }
            envelope.take(key, value).map_err(fault)?;
        }
        if from_seen { Ok(envelope) } else { Err(Error { line: 0, reason: "no sender" }) }
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        if key == "head-id" {
            let (before, after) = value.split_once('\0').ok_or("leaves no room for the id")?;
            self.head.push(Head::WithId(clean(before, LONGEST_HEAD)?, clean(after, LONGEST_HEAD)?));
            return Ok(());
        }
        match key {
            "from" => self.sender = clean(value, LONGEST_ADDRESS)?,
            "body" => self.eight_bit = value == "8BITMIME",
            "smtputf8" => self.smtputf8 = value == "yes",
            "requiretls" => self.require_tls = value == "yes",
            "ret" => self.ret = Some(parse_ret(value)?),
            "envid" => self.envid = Some(clean(value, 100)?),
            "origin" => self.origin = clean(value, 600)?,
            "uid" => self.uid = Some(value.parse().map_err(|_| "is no user id")?),
            "hold" => self.hold = Some(clean(value, 998)?),
            "head" => self.head.push(Head::Line(clean(value, LONGEST_HEAD)?)),
            "to" => self.add_recipient(clean(value, LONGEST_ADDRESS)?)?,
            "notify" => self.last_recipient()?.notify = Some(clean(value, 28)?),
            "copy" => self.last_recipient()?.copy = value == "yes",
            "orcpt" => self.last_recipient()?.orcpt = Some(clean(value, 500)?),
            _ => return Err("has an unknown key"),
        }
        Ok(())
    }

    fn add_recipient(&mut self, address: String) -> Result<(), &'static str> {
        if self.recipients.len() >= MOST_RECIPIENTS {
            return Err("is one recipient too many");
        }
        if address.is_empty() {
            return Err("names no recipient");
        }
        self.recipients.push(Recipient::new(address));
        Ok(())
    }

    fn last_recipient(&mut self) -> Result<&mut Recipient, &'static str> {
        self.recipients.last_mut().ok_or("stands before any recipient")
    }
}

impl Recipient {
    /// Appends the text form to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        put(out, "to", &self.address);
        put_some(out, "notify", self.notify.as_deref());
        put_some(out, "orcpt", self.orcpt.as_deref());
        if self.copy {
            put(out, "copy", "yes");
        }
    }
}

fn put(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    out.push(b' ');
    // A value that would break the line is a fault of the writer; the reader refuses it.
    out.extend(value.bytes().map(|byte| if byte == b'\n' { 0x7f } else { byte }));
    out.push(b'\n');
}

fn put_some(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        put(out, key, value);
    }
}

fn parse_ret(value: &str) -> Result<Ret, &'static str> {
    match value {
        "FULL" => Ok(Ret::Full),
        "HDRS" => Ok(Ret::Headers),
        _ => Err("is neither FULL nor HDRS"),
    }
}

fn clean(value: &str, longest: usize) -> Result<String, &'static str> {
    if value.len() > longest {
        return Err("is too long");
    }
    if value.bytes().any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
        return Err("holds a control character");
    }
    Ok(value.to_owned())
}
