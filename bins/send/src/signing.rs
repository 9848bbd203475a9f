//! What stafett-dkim is asked about a bounce: its signatures, and whose a rewritten sender is that it goes to.
//!
//! Runs on the thread of the bounces, so that a service that is slow or away delays nothing else. How it fails: a bounce that
//! should be signed and cannot be waits; one to a rewritten sender that leads nowhere goes out as it is, and its fate is that
//! of any other.

use stafett_address::Mailbox;
use stafett_ask::{Answer, Verdict, ask};
use stafett_control::form::dkim::{Signature, parse_signature};
use stafett_control::{Control, Error, rows};
use stafett_envelope::{Envelope, Head};
use stafett_route::DomainPattern;
use stafett_sys::descriptor;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(30);

/// What the control files say about bounces.
#[derive(Clone, Debug, Default)]
pub struct Signing {
    /// They are signed.
    signs: bool,
    /// The domain of rewritten senders.
    rewritten: Option<String>,
}

impl Signing {
    /// Reads it, for bounces from this address.
    ///
    /// # Errors
    /// When a file does not parse.
    pub fn read(control: &Control, from: &str) -> Result<Signing, Error> {
        let domain = Mailbox::parse(from).ok().and_then(|mailbox| mailbox.domain().as_name().map(str::to_owned)).unwrap_or_default();
        let fits = |pattern: &str| DomainPattern::parse(pattern).is_ok_and(|pattern| pattern.fits(&domain));
        let lines = control.map(&rows::DKIMSIGN)?.unwrap_or_default();
        let line = lines.iter().map(|item| &item.value).find(|(pattern, _)| fits(pattern));
        let signs = line.is_some_and(|(_, rest)| parse_signature(rest) != Ok(Signature::None));
        Ok(Signing { signs, rewritten: control.line(&rows::SRSDOMAIN)? })
    }

    /// Puts the signatures in front, and the address that a rewritten recipient stands for in its place.
    ///
    /// # Errors
    /// Why the bounce must wait.
    pub fn apply(&self, socket: &Path, envelope: &mut Envelope, message: &[u8]) -> Result<(), String> {
        for recipient in &mut envelope.recipients {
            if self.is_rewritten(&recipient.address)
                && let Some(found) = question(socket, &[b"reverse", recipient.address.as_bytes()], None)?.field(0)
            {
                recipient.address = found;
            }
        }
        if !self.signs {
            return Ok(());
        }
        let file = descriptor::in_memory(message).map_err(|error| format!("unable to keep a bounce in memory: {error}"))?;
        let answer = question(socket, &[b"sign"], Some(file.as_fd()))?;
        let lines = (0..answer.fields.len()).filter_map(|index| answer.field(index));
        envelope.head.extend(lines.map(Head::Line));
        Ok(())
    }

    fn is_rewritten(&self, address: &str) -> bool {
        let Some(domain) = &self.rewritten else { return false };
        let tagged = address.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("SRS"));
        tagged && address.rsplit_once('@').is_some_and(|(_, found)| found.eq_ignore_ascii_case(domain))
    }
}

/// An answer that is a yes, or a no for good, which has no fields.
fn question(socket: &Path, words: &[&[u8]], file: Option<BorrowedFd<'_>>) -> Result<Answer, String> {
    match ask(socket, words, file, WITHIN) {
        Ok(answer) if answer.verdict == Verdict::Temporary => Err(format!("stafett-dkim cannot sign now: {}", answer.text)),
        Ok(answer) if answer.verdict == Verdict::Ok => Ok(answer),
        Ok(answer) => Ok(Answer { fields: Vec::new(), ..answer }),
        Err(error) => Err(format!("unable to reach stafett-dkim: {error}")),
    }
}

#[cfg(test)]
#[path = "signing_test.rs"]
mod tests;
