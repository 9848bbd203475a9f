//! A delivery, run as the recipient: what its dot-qmail file says is done.
//!
//! What: the contract of qmail-local(8). The home is judged, the file is found, the loop is looked for, then its lines are
//! carried out one after the other; forwards come last, all in one message.
//! Security stance: this process has the rights of the recipient and no more, so whatever a file of the recipient names,
//! it can do no more than the recipient. What strangers wrote (sender, extension, message) reaches programs in
//! variables and on standard input, never on a command line.
//! How it fails: with a [`Stop`], now or for good, in qmail's words. A step that failed is not undone in the steps before
//! it; the next attempt does those again.

mod carry;
mod content;
mod dotqmail;
mod environment;
mod forward;
mod home;
mod maildir;
mod mbox;
mod program;
mod quota;
#[cfg(test)]
mod tests;

pub use carry::{Done, Prepared, Work, carry_out, land, prepare};
pub use content::Content;
pub use dotqmail::{exists, is_for_anybody};

use crate::apart::is_forsaken;
use stafett_envelope::Envelope;
use stafett_local_users::{Breaks, Owner};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;

/// Why a delivery came to no good end; the text ends with a status code in qmail's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is to be tried again.
    Later(String),
    /// It is to be returned.
    Never(String),
}

/// One message for one recipient.
#[derive(Debug)]
pub struct Delivery {
    /// Whose the local part is.
    pub owner: Owner,
    /// The local part as it stands in the address.
    pub local: String,
    /// The domain.
    pub host: String,
    /// The envelope; its one recipient is this one.
    pub envelope: Envelope,
    /// The message.
    pub content: Content,
    /// What counts where the user has no dot-qmail file.
    pub default_delivery: String,
    /// What divides an extension.
    pub breaks: Breaks,
    /// The instance, where forwards go and programs find it.
    pub root: PathBuf,
    /// Where the outcome is reported, in the process of a service.
    pub report: Option<Rc<OwnedFd>>,
}

impl Delivery {
    /// The address.
    pub fn address(&self) -> String {
        format!("{}@{}", self.local, self.host)
    }

    /// Asked before each step that cannot be undone: a delivery of which nobody hears is tried again, maybe at this moment.
    pub fn is_wanted(&self) -> Result<(), Stop> {
        match &self.report {
            Some(report) if is_forsaken(report.as_fd()) => Err(Stop::Later("Nobody waits for the outcome any more. (#4.3.0)".to_owned())),
            _ => Ok(()),
        }
    }

    /// The line that marks that the message was here, without its end.
    pub fn delivered_to(&self) -> String {
        format!("Delivered-To: {}", self.address())
    }

    /// The line that keeps the sender, without its end.
    pub fn return_path(&self) -> String {
        format!("Return-Path: <{}>", self.envelope.sender)
    }
}
