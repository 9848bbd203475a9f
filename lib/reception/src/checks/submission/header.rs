//! What is changed in the header of a message. Bytes in, patches out.

use std::ops::Range;

use stafett_address::Mailbox;
use stafett_message::header::{Field, addresses, begins_with_field, fields, length};

use super::masks::Masquerades;
use crate::account::Account;
use crate::draft::Patch;

/// What counts for a message.
#[derive(Debug)]
pub struct Rules<'a> {
    /// Which addresses are masked.
    pub masks: Option<&'a Masquerades>,
    /// Who must be its author.
    pub account: Option<&'a Account>,
    /// What it gets where it lacks that.
    pub missing: Option<Missing>,
}

/// Values of fields that a message may lack.
#[derive(Debug)]
pub struct Missing {
    /// Of Date.
    pub date: String,
    /// Of Message-ID.
    pub id: String,
    /// Of From; may be empty.
    pub author: String,
}

/// Why a message is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// An author that is not the account's own.
    NotOwn(String),
    /// From cannot be read.
    Unclear,
    /// There is more than one From.
    Several,
    /// There is no From, and no sender either.
    Nobody,
    /// The header is too long to be looked at.
    TooLong,
}

/// The changes for a message that begins so and has this size in bytes.
pub fn patches(begin: &[u8], size: u64, rules: &Rules<'_>) -> Result<Vec<Patch>, Fault> {
    let header = if begins_with_field(begin) { begin.get(..length(begin)).unwrap_or_default() } else { &[] };
    if header.len() == begin.len() && size > begin.len() as u64 {
        return Err(Fault::TooLong);
    }
    let authors = fields(header).filter(|field| field.is("From")).count();
    if authors > 1 && rules.missing.is_some() {
        return Err(Fault::Several);
    }
    let mut patches: Vec<Patch> = Vec::new();
    let added = added(header, rules)?;
    if !added.is_empty() {
        // what follows was no header, and must not become part of one
        let apart = if header.is_empty() && !begin.is_empty() && !begin.starts_with(b"\r\n") { "\r\n" } else { "" };
        patches.push(Patch { range: 0..0, with: (added + apart).into_bytes() });
    }
    for field in fields(header) {
        if field.is("From") {
            author(&field, rules, &mut patches)?;
        } else if field.is("Sender") || field.is("Reply-To") {
            masked(&field, rules, &mut patches);
        }
    }
    Ok(patches)
}

/// The lines of fields that are missing.
fn added(header: &[u8], rules: &Rules<'_>) -> Result<String, Fault> {
    let Some(missing) = &rules.missing else { return Ok(String::new()) };
    let lacks = |name: &str| !fields(header).any(|field| field.is(name));
    let mut lines = String::new();
    if lacks("Date") {
        lines.push_str(&format!("Date: {}\r\n", missing.date));
    }
    if lacks("Message-ID") {
        lines.push_str(&format!("Message-ID: {}\r\n", missing.id));
    }
    if lacks("From") {
        if missing.author.is_empty() {
            return Err(Fault::Nobody);
        }
        lines.push_str(&format!("From: <{}>\r\n", missing.author));
    }
    Ok(lines)
}

/// Whoever writes is masked, and is the account itself where there is one.
fn author(field: &Field<'_>, rules: &Rules<'_>, patches: &mut Vec<Patch>) -> Result<(), Fault> {
    let Some(account) = rules.account else {
        masked(field, rules, patches);
        return Ok(());
    };
    let own = account.rewrite.as_deref().and_then(|own| Mailbox::from_raw(own).ok());
    let Some(found) = mailboxes(field).filter(|found| !found.is_empty()) else {
        let own = own.ok_or(Fault::Unclear)?;
        patches.push(Patch { range: place(&(field.start()..field.place.end)), with: format!(" <{own}>\r\n").into_bytes() });
        return Ok(());
    };
    for (range, mailbox) in found {
        let mut wanted = mask(&mailbox, rules);
        if !account.may_send_from(&wanted) {
            wanted = own.clone().ok_or_else(|| Fault::NotOwn(wanted.to_string()))?;
        }
        replace(range, &mailbox, &wanted, patches);
    }
    Ok(())
}

/// Addresses that cannot be read stay.
fn masked(field: &Field<'_>, rules: &Rules<'_>, patches: &mut Vec<Patch>) {
    for (range, mailbox) in mailboxes(field).unwrap_or_default() {
        replace(range, &mailbox, &mask(&mailbox, rules), patches);
    }
}

fn mask(mailbox: &Mailbox, rules: &Rules<'_>) -> Mailbox {
    rules.masks.and_then(|masks| masks.of(mailbox)).map_or_else(|| mailbox.clone(), |(_, masked)| masked)
}

fn replace(range: Range<usize>, old: &Mailbox, new: &Mailbox, patches: &mut Vec<Patch>) {
    if old != new {
        patches.push(Patch { range: place(&range), with: new.to_string().into_bytes() });
    }
}

/// The addresses of a field with their places in the message; nothing where one of them is none.
fn mailboxes(field: &Field<'_>) -> Option<Vec<(Range<usize>, Mailbox)>> {
    let read = |place: Range<usize>| {
        let text = std::str::from_utf8(field.value.get(place.clone())?).ok()?;
        let start = field.start() + place.start + (text.len() - text.trim_start().len());
        let mailbox = Mailbox::parse(text.trim()).ok()?;
        Some((start..start + text.trim().len(), mailbox))
    };
    addresses(field.value)?.into_iter().map(read).collect()
}

fn place(range: &Range<usize>) -> Range<u64> {
    range.start as u64..range.end as u64
}
