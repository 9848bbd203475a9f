//! Signatures of mail that begins on this host: what its programs give to the queue.
//!
//! stafett-dkim decides by the From field, and signs nothing that bears a Received field: that has come from elsewhere and is only
//! passed on, whoever its author says he is. It is not asked about what it would not sign, which need not wait for it. smtpd and
//! send have asked about theirs.
//!
//! How it fails: a message whose signature cannot be had is refused for now.

use crate::LOG;
use crate::pool::Shared;
use stafett_ask::{Verdict, ask};
use stafett_envelope::{Envelope, Head};
use stafett_message::header;
use stafett_queue_store::Draft;
use stafett_route::Signed;
use stafett_wire::injector::Answer;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

/// Where the header must be over to be judged here, in bytes; a longer one is for the service.
const HEADER_MOST: u64 = 64 * 1024;
/// How long to wait; whoever asks has a thread of its own.
const WITHIN: Duration = Duration::from_secs(45);

/// Puts the signatures on top.
///
/// # Errors
/// The answer to whoever brought the message.
pub fn sign(shared: &Shared, rules: &Signed, envelope: &mut Envelope, draft: &mut Draft<'_>) -> Result<(), Answer> {
    let file = draft.reader().map_err(|error| later(&format!("unable to read a message: {error}")))?;
    if !concerns(rules, &file) {
        return Ok(());
    }
    match ask(&shared.dkim, &[b"local"], Some(file.as_fd()), WITHIN) {
        Ok(answer) if answer.verdict == Verdict::Ok => {
            let lines = (0..answer.fields.len()).filter_map(|index| answer.field(index)).map(Head::Line);
            envelope.head.splice(0..0, lines);
            Ok(())
        }
        Ok(answer) if answer.verdict == Verdict::Permanent => {
            Err(Answer::Permanent(format!("554 5.6.0 queue: the message cannot be signed: {}", answer.text)))
        }
        Ok(answer) => Err(later(&answer.text)),
        Err(error) => Err(later(&error.to_string())),
    }
}

/// Whether the service has a say about a message, as far as that can be told without it.
fn concerns(rules: &Signed, file: &File) -> bool {
    let mut begin = Vec::new();
    // Its own offset counts for nobody else: the service reads at explicit ones.
    if file.take(HEADER_MOST).read_to_end(&mut begin).is_err() {
        return true;
    }
    if header::length(&begin) == begin.len() && begin.len() as u64 == HEADER_MOST {
        return true;
    }
    let from = header::fields(&begin).filter(|field| field.is("From")).map(|field| field.value);
    rules.concerns(from) && !header::fields(&begin).any(|field| field.is("Received"))
}

fn later(reason: &str) -> Answer {
    LOG.error(format_args!("unable to have stafett-dkim sign a message of this host: {reason}; it was refused for now"));
    Answer::Temporary("451 4.3.0 unable to sign the message now".to_owned())
}
