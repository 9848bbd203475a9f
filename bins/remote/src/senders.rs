//! The sender that another host is told: that of the message, or one of ours that leads back to it (SRS).
//!
//! What it does: for recipients in `control/srsforward` it has stafett-dkim make an address at `control/srsdomain` of the sender.
//! The queue keeps the sender itself, so that our own bounces need no way back, and recipients of this host and of other domains
//! see who has written.
//!
//! Security stance: the secrets are in stafett-dkim, which lets this program ask for new addresses and for nothing else.
//!
//! How it fails: where the address cannot be had, those recipients wait; the others get their mail.

use std::path::PathBuf;
use std::time::Duration;

use stafett_address::Mailbox;
use stafett_ask::{Verdict, ask};
use stafett_control::{Control, Error, Setting, rows};
use stafett_envelope::Envelope;
use stafett_instance::{Instance, Service};
use stafett_route::{DomainPattern, Listed, Locals, Place, RcptHosts};

const WITHIN: Duration = Duration::from_secs(20);
/// The pattern of every domain that is not ours.
const ALL: &str = "*";

/// Whose senders are rewritten, and who does it.
#[derive(Debug)]
pub struct Senders {
    socket: PathBuf,
    rules: Option<Rules>,
}

#[derive(Debug)]
struct Rules {
    /// The domain of rewritten senders.
    ours: String,
    forward: Vec<DomainPattern>,
    /// What stands in rcpthosts, where all other domains are meant.
    all_but: Option<RcptHosts>,
    keep: Vec<DomainPattern>,
    /// Whose senders are users of this host.
    locals: Locals,
}

/// A sender that some of the recipients are to see.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// The sender.
    pub sender: String,
    /// The numbers of those recipients.
    pub recipients: Vec<usize>,
}

/// Why the sender that some of the recipients should see cannot be had now.
#[derive(Debug)]
pub struct Unknown {
    /// In words.
    pub reason: String,
    /// The numbers of those recipients.
    pub recipients: Vec<usize>,
}

impl Senders {
    /// Reads srsdomain, srsforward and srskeep, and what says whose domains are ours.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(instance: &Instance, control: &Control) -> Result<Senders, Error> {
        Ok(Senders { socket: instance.socket(Service::Dkim), rules: Rules::read(control)? })
    }

    /// The sender that recipients of this message are to see in place of its own.
    ///
    /// # Errors
    /// Why it cannot be had, and for whom.
    pub fn rewrite(&self, envelope: &Envelope) -> Result<Rewritten, Unknown> {
        let Some(rules) = self.rules.as_ref().filter(|rules| rules.rewrite(&envelope.sender)) else { return Ok(Rewritten::default()) };
        let (mut recipients, mut broken) = (Vec::new(), None);
        for (number, recipient) in envelope.recipients.iter().enumerate() {
            match rules.forward_to(&recipient.address) {
                Ok(true) => recipients.push(number),
                Ok(false) => {}
                Err(reason) => {
                    broken = Some(reason);
                    recipients.push(number);
                }
            }
        }
        if let Some(reason) = broken {
            return Err(Unknown { reason, recipients });
        }
        if recipients.is_empty() {
            return Ok(Rewritten::default());
        }
        match self.ask(&envelope.sender) {
            Ok(sender) => Ok(Rewritten { sender, recipients }),
            Err(reason) => Err(Unknown { reason, recipients }),
        }
    }

    fn ask(&self, sender: &str) -> Result<String, String> {
        match ask(&self.socket, &[b"forward", sender.as_bytes()], None, WITHIN) {
            Ok(answer) if answer.verdict == Verdict::Ok => {
                let address = answer.field(0).filter(|address| Mailbox::parse(address).is_ok());
                address.ok_or_else(|| "stafett-dkim gave no address".to_owned())
            }
            Ok(answer) => Err(format!("stafett-dkim says: {}", answer.text)),
            Err(error) => Err(format!("unable to reach stafett-dkim: {error}")),
        }
    }
}

impl Rules {
    fn read(control: &Control) -> Result<Option<Rules>, Error> {
        let (Some(ours), Some(lines)) = (control.line(&rows::SRSDOMAIN)?, control.list(&rows::SRSFORWARD)?) else { return Ok(None) };
        let is_all = lines.iter().any(|item| item.value == ALL);
        let lines = lines.iter().filter(|item| item.value != ALL);
        let forward = lines.map(|item| pattern(&rows::SRSFORWARD, item.line, &item.value)).collect::<Result<_, Error>>()?;
        let kept = control.list(&rows::SRSKEEP)?.unwrap_or_default();
        Ok(Some(Rules {
            ours,
            forward,
            all_but: if is_all { Some(RcptHosts::read(control)?) } else { None },
            keep: kept.iter().map(|item| pattern(&rows::SRSKEEP, item.line, &item.value)).collect::<Result<_, Error>>()?,
            locals: Locals::read(control)?,
        }))
    }

    /// Whether a sender is one of others.
    fn rewrite(&self, sender: &str) -> bool {
        // no address at all: a bounce, the word for one of a bounce, or what only this host can read
        let Ok(mailbox) = Mailbox::parse(sender) else { return false };
        let Some(domain) = mailbox.domain().as_name() else { return false };
        let is_kept = domain.eq_ignore_ascii_case(&self.ours) || self.keep.iter().any(|pattern| pattern.fits(domain));
        !is_kept && matches!(self.locals.place(sender), Place::Elsewhere(_))
    }

    /// Whether mail goes on to that recipient with another sender.
    fn forward_to(&self, recipient: &str) -> Result<bool, String> {
        let Ok(mailbox) = Mailbox::parse(recipient) else { return Ok(false) };
        let Some(domain) = mailbox.domain().as_name() else { return Ok(false) };
        if self.forward.iter().any(|pattern| pattern.fits(domain)) {
            return Ok(true);
        }
        let Some(hosts) = &self.all_but else { return Ok(false) };
        match hosts.look_up(mailbox.domain()) {
            Ok(listed) => Ok(listed == Listed::Nowhere && !domain.eq_ignore_ascii_case(&self.ours)),
            Err(error) => Err(format!("unable to read control/morercpthosts.cdb: {error}")),
        }
    }
}

fn pattern(row: &'static Setting, line: usize, text: &str) -> Result<DomainPattern, Error> {
    let fault = |reason| Error { file: format!("control/{}", row.name), line, reason: format!("unable to use \"{text}\": {reason}") };
    DomainPattern::parse(text).map_err(|reason| fault(reason.to_string()))
}

#[cfg(test)]
#[path = "senders_test.rs"]
mod senders_test;
