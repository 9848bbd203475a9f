//! From a message of qmail to one of ours: envelope, marks, line ends.
//!
//! What: recipients of `local/` get back the address that they came with, for our scheduler rewrites by virtualdomains itself;
//! local parts get the quotes that SMTP wants and qmail's queue has not;
//! `D` becomes a mark of delivery, or of failure where the texts for the bounce name the recipient, so that its sender is told.
//! A line end of the message (LF, or CR and LF) becomes CRLF, as qmail-remote sends it.
//! Security stance: an envelope is given out only if it reads back as it was written. How it fails: with the reason for which the
//! message stays in qmail's queue. Known limits: a CR that is no part of a line end cannot be in our queue, whose lines are
//! strict; a message with one stays where it is.

use crate::qmail::bounce::Failure;
use crate::qmail::letter::{Addressee, Channel, Letter};
use stafett_address::quoted;
use stafett_envelope::{Envelope, MOST_RECIPIENTS, Recipient};
use stafett_queue_store::journal::{Event, Line};
use stafett_route::locals::{Locals, Place};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;
/// What the journal says of a recipient that qmail was done with.
const DONE: &str = "done by qmail before the message was taken over";

/// What is of this host: for qmail, and for the instance.
#[derive(Debug)]
pub struct Here {
    /// By qmail's control files.
    pub theirs: Locals,
    /// By ours; `None` where they are not taken over yet.
    pub ours: Option<Locals>,
}

/// Envelope and journal of a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Converted {
    /// Its envelope.
    pub envelope: Envelope,
    /// What has become of its recipients, in the form of the journal.
    pub journal: String,
}

/// Converts what stands beside the message.
///
/// # Errors
/// Why that cannot be.
pub fn convert(letter: &Letter, number: u64, here: &Here) -> Result<Converted, String> {
    let mut recipients = Vec::new();
    let mut marks = Vec::new();
    for addressee in &letter.recipients {
        recipients.push(as_in_smtp(&address(addressee, here)?));
        marks.push(addressee.done.then_some(Event::Delivered));
    }
    let texts = mark_failures(&letter.failures, &mut recipients, &mut marks)?;
    if recipients.len() > MOST_RECIPIENTS {
        return Err(format!("it has {} recipients; {MOST_RECIPIENTS} are possible", recipients.len()));
    }
    let sender = sender(&text(&letter.sender, "sender")?);
    let envelope = Envelope {
        smtputf8: !sender.is_ascii() || recipients.iter().any(|recipient| !recipient.is_ascii()),
        sender,
        eight_bit: has_eight_bits(&letter.content)?,
        origin: format!("qmail {number}"),
        uid: letter.uid,
        recipients: recipients.into_iter().map(Recipient::new).collect(),
        ..Envelope::default()
    };
    judge(&envelope)?;
    Ok(Converted { envelope, journal: journal(letter, &marks, &texts) })
}

/// Marks those that failed; adds those whose file was removed by qmail-send, because all in it were done. Returns the texts.
fn mark_failures(failures: &[Failure], recipients: &mut Vec<String>, marks: &mut Vec<Option<Event>>) -> Result<Vec<String>, String> {
    let mut texts = vec![DONE.to_owned(); recipients.len()];
    for failure in failures {
        let address = as_in_smtp(&text(&failure.address, "recipient")?);
        let is_it = |index: &usize| marks.get(*index) == Some(&Some(Event::Delivered)) && recipients.get(*index) == Some(&address);
        let found = (0..recipients.len()).find(is_it);
        match found.and_then(|index| marks.get_mut(index).zip(texts.get_mut(index))) {
            Some((mark, words)) => {
                *mark = Some(Event::Failed);
                words.clone_from(&failure.text);
            }
            None => {
                recipients.push(address);
                marks.push(Some(Event::Failed));
                texts.push(failure.text.clone());
            }
        }
    }
    Ok(texts)
}

fn journal(letter: &Letter, marks: &[Option<Event>], texts: &[String]) -> String {
    let mut journal = String::new();
    for (recipient, (mark, text)) in marks.iter().zip(texts).enumerate() {
        let time = if *mark == Some(Event::Failed) { letter.failed_at } else { letter.birth };
        if let Some(event) = *mark {
            Line { time: seconds(time), recipient, event, text: text.clone() }.write(&mut journal);
        }
    }
    journal
}

/// The address by which our scheduler finds the way that qmail found.
fn address(addressee: &Addressee, here: &Here) -> Result<String, String> {
    let address = text(&addressee.address, "recipient")?;
    let came = match addressee.channel {
        Channel::Remote => return Ok(address),
        Channel::Unsorted if !matches!(here.theirs.place(&address), Place::Here(_)) => return Ok(address),
        Channel::Unsorted => Some(address.clone()),
        Channel::Local => as_it_came(&address, &here.theirs),
    };
    match came {
        Some(came) if addressee.done || here.ours.as_ref().is_none_or(|ours| matches!(ours.place(&came), Place::Here(_))) => Ok(came),
        _ if addressee.done => Ok(address),
        Some(came) => Err(format!(
            "{came} is of this host for qmail, but not for the instance; add the service local and its domain to control/locals or virtualdomains"
        )),
        None => Err(format!(
            "{address} was of this host when qmail sorted it, but its control/locals and virtualdomains do not say so any more"
        )),
    }
}

/// What was rewritten to this address by virtualdomains, or the address itself where nothing was.
fn as_it_came(address: &str, theirs: &Locals) -> Option<String> {
    let becomes_it = |came: &str| matches!(theirs.place(came), Place::Here(here) if here == address);
    if becomes_it(address) {
        return Some(address.to_owned());
    }
    let dashes = address.rsplit_once('@').map_or(0, |(local, _)| local.len());
    let ends = address.match_indices('-').map(|(at, _)| at).filter(|at| *at < dashes);
    ends.filter_map(|at| address.get(at + 1..)).find(|came| becomes_it(came)).map(str::to_owned)
}

/// An address as SMTP says it: a local part that is no word gets quotes.
fn as_in_smtp(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() => format!("{}@{domain}", quoted(local)),
        _ => address.to_owned(),
    }
}

/// A sender too, unless it is one of those that are no addresses: the empty one, that of a double bounce, and VERP with its mark.
fn sender(sender: &str) -> String {
    match sender.strip_suffix("-@[]") {
        Some(base) => format!("{}-@[]", as_in_smtp(base)),
        None if sender == "#@[]" => sender.to_owned(),
        None => as_in_smtp(sender),
    }
}

fn text(bytes: &[u8], what: &str) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("its {what} \"{}\" is no UTF-8 text", bytes.escape_ascii()))
}

/// Whether what we write is what we will read.
fn judge(envelope: &Envelope) -> Result<(), String> {
    let mut written = Vec::new();
    envelope.write(&mut written);
    match Envelope::parse(&written) {
        Ok(read) if read == *envelope => Ok(()),
        Ok(_) => Err("its envelope holds a line end".to_owned()),
        Err(error) => Err(format!("our {error}")),
    }
}

/// Seconds since 1970.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Goes through a message with its line ends made CRLF.
///
/// # Errors
/// When it cannot be read, holds a CR that is no part of a line end, or `take` fails.
pub fn each_piece(message: &File, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), String> {
    let failed = |error: io::Error| format!("unable to copy it: {error}");
    let (mut piece, mut at, mut lines) = (vec![0; PIECE], 0, Lines::default());
    loop {
        let count = message.read_at(&mut piece, at).map_err(failed)?;
        at += count as u64;
        let converted = match piece.get(..count).filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => lines.take(bytes)?,
            None => return take(lines.end()?).map_err(failed),
        };
        take(&converted).map_err(failed)?;
    }
}

fn has_eight_bits(message: &File) -> Result<bool, String> {
    let mut found = false;
    each_piece(message, |bytes| {
        found |= !bytes.is_ascii();
        Ok(())
    })?;
    Ok(found)
}

/// The state between two pieces.
#[derive(Debug, Default)]
struct Lines {
    after_cr: bool,
    in_line: bool,
}

const BARE_CR: &str = "it holds a CR that is no part of a line end, which our queue does not take, because servers read it in different ways; \
                       to have it delivered as it is start qmail-send alone, else take the CR out of its file in mess/ and drain again";

impl Lines {
    fn take(&mut self, piece: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::with_capacity(piece.len() + piece.len() / 16);
        for &byte in piece {
            if self.after_cr && byte != b'\n' {
                return Err(BARE_CR.to_owned());
            }
            if byte == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(byte);
            self.after_cr = byte == b'\r';
            self.in_line = byte != b'\n';
        }
        Ok(out)
    }

    fn end(&self) -> Result<&'static [u8], String> {
        match (self.after_cr, self.in_line) {
            (true, _) => Err(BARE_CR.to_owned()),
            (_, true) => Ok(b"\r\n"),
            _ => Ok(b""),
        }
    }
}

#[cfg(test)]
#[path = "convert_test.rs"]
mod convert_test;
