//! Addresses as qmail's programs pass them among themselves, as arguments, in variables and in descriptor protocols: without
//! the quotes of SMTP. In the queue and between services an address has those that it needs.
//!
//! What has no form in SMTP stays as it is: an address without a domain, the sender of a double bounce (`#@[]`). Of a sender with
//! a place for the recipient (`box-@host-@[]`) the part before the place is converted.

use crate::{Mailbox, local};
use std::borrow::Cow;

/// What a sender with a place for the recipient ends with (qmail-send(8)).
const PLACE: &str = "-@[]";
/// The domain of what is no address of mail.
const NOWHERE: &str = "[]";

/// The form of the queue for an address of a program. One that is in the form of SMTP already stays so.
pub fn from_program(text: &str) -> Cow<'_, str> {
    if let Some(begin) = before_place(text) {
        return with_place(text, begin, from_program(begin));
    }
    match text.rsplit_once('@') {
        Some((local, domain)) if domain != NOWHERE && !local.is_empty() && Mailbox::parse(text).is_err() => {
            Cow::Owned(format!("{}@{domain}", local::quote(local)))
        }
        _ => Cow::Borrowed(text),
    }
}

/// The form of a program for an address of the queue.
pub fn to_program(text: &str) -> Cow<'_, str> {
    if !text.starts_with('"') {
        return Cow::Borrowed(text);
    }
    if let Some(begin) = before_place(text) {
        return with_place(text, begin, to_program(begin));
    }
    Mailbox::parse(text).map_or(Cow::Borrowed(text), |mailbox| Cow::Owned(mailbox.raw()))
}

fn before_place(text: &str) -> Option<&str> {
    text.strip_suffix(PLACE).filter(|begin| begin.contains('@'))
}

fn with_place<'a>(text: &'a str, begin: &str, converted: Cow<'_, str>) -> Cow<'a, str> {
    if converted == begin { Cow::Borrowed(text) } else { Cow::Owned(format!("{converted}{PLACE}")) }
}

#[cfg(test)]
#[path = "raw_test.rs"]
mod raw_test;
