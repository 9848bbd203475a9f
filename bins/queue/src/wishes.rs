//! What the sender wants to hear of the message (RFC 3461), for which qmail-queue's envelope has no place: the variables
//! DSNNOTIFY, DSNORCPT, DSNRET and DSNENVID, and those that smtpd binds to a sender and recipients ([`Bound`]); and by
//! QUEUEREQUIRETLS that it travels under TLS alone (RFC 8689).
//!
//! Variables pass through programs that stand between, such as a scanner that QMAILQUEUE names.
//! Security stance: they are the caller's, who could call queued itself and say the same. How it fails: a value that is none
//! refuses the message for good, for nobody would hear what was wished.

use crate::failure::Failure;
use stafett_envelope::bound::Bound;
use stafett_envelope::wishes::{is_envid, is_notify, is_orcpt};
use stafett_envelope::{Envelope, Recipient, Ret};

/// The wishes; nothing where nothing is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    notify: Option<String>,
    orcpt: Option<String>,
    ret: Option<Ret>,
    envid: Option<String>,
    bound: Option<Bound>,
    require_tls: bool,
}

impl Wishes {
    /// Reads them.
    ///
    /// # Errors
    /// When one cannot be understood.
    pub fn from_environment() -> Result<Wishes, Failure> {
        let variable =
            |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty());
        let bound = Bound::read(variable).map_err(|name| refused(&name, "as stafett-smtpd(8) writes it"))?;
        let own = Wishes::parse(variable("DSNNOTIFY"), variable("DSNORCPT"), variable("DSNRET"), variable("DSNENVID"))?;
        let require_tls = match variable("QUEUEREQUIRETLS").as_deref() {
            None => false,
            Some("yes") => true,
            Some(_) => return Err(refused("QUEUEREQUIRETLS", "yes")),
        };
        Ok(Wishes { bound, require_tls, ..own })
    }

    fn parse(notify: Option<String>, orcpt: Option<String>, ret: Option<String>, envid: Option<String>) -> Result<Wishes, Failure> {
        let notify = notify.map(|words| words.to_ascii_uppercase());
        if notify.as_deref().is_some_and(|words| !is_notify(words)) {
            return Err(refused("DSNNOTIFY", "NEVER, or SUCCESS, FAILURE and DELAY with commas between"));
        }
        if orcpt.as_deref().is_some_and(|name| !is_orcpt(name)) {
            return Err(refused("DSNORCPT", "a type of address, a semicolon, and up to 500 letters of xtext (RFC 3461)"));
        }
        let ret = match ret.map(|word| word.to_ascii_uppercase()).as_deref() {
            None => None,
            Some("FULL") => Some(Ret::Full),
            Some("HDRS") => Some(Ret::Headers),
            Some(_) => return Err(refused("DSNRET", "FULL or HDRS")),
        };
        if envid.as_deref().is_some_and(|name| !is_envid(name)) {
            return Err(refused("DSNENVID", "up to 100 letters of xtext (RFC 3461)"));
        }
        Ok(Wishes { notify, orcpt, ret, envid, ..Wishes::default() })
    }

    /// Writes them into an envelope: for those whom they are bound to, and what is bound to nobody for each recipient.
    pub fn apply(self, envelope: &mut Envelope) {
        envelope.require_tls = self.require_tls;
        if self.bound.is_none_or(|bound| bound.apply(envelope)) {
            envelope.ret = self.ret;
            envelope.envid = self.envid;
        }
        for recipient in &mut envelope.recipients {
            let Recipient { notify, orcpt, .. } = recipient;
            *notify = self.notify.clone().or(notify.take());
            *orcpt = self.orcpt.clone().or(orcpt.take());
        }
    }
}

fn refused(variable: &str, wanted: &str) -> Failure {
    Failure::refused(&format!("501 5.5.4 the variable {variable} must be {wanted}"))
}

#[cfg(test)]
#[path = "wishes_test.rs"]
mod wishes_test;
