//! Senders of mail that goes on to where SPF would take us for a forger, and the way back to them (SRS).
//!
//! What it does: at RCPT an address at `control/srsdomain` becomes the sender that it was made from; at the end of a message for
//! somebody in `control/srsforward` the sender is rewritten.
//!
//! Security stance: the address at RCPT is anybody's word. It leads on only if stafett-dkim, which has the secrets, says that
//! this host has made it and when; without an answer nobody is let through. It is for bounces: whoever is not trusted and names
//! a sender is refused, and so is an address behind it that would have other hosts relay.
//!
//! How it fails: where the service does not answer, with a temporary refusal.

use std::time::Duration;

use stafett_address::{Domain, Mailbox};
use stafett_ask::Verdict;
use stafett_control::{Control, Error, Setting, rows};
use stafett_envelope::Envelope;
use stafett_instance::Service;
use stafett_route::DomainPattern;
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::draft::Draft;
use crate::policy::{self, Policy};
use crate::refusal::{Refusal, Subject};
use crate::services::{Note, Services};
use crate::settings::{fault, pattern};

const WITHIN: Duration = Duration::from_secs(20);
/// What a rewritten address begins with.
const TAGS: [&str; 2] = ["SRS0", "SRS1"];

/// What the control files say.
#[derive(Debug, Default)]
pub struct Rules {
    /// The domain of rewritten senders.
    domain: Option<Domain>,
    forward: Vec<(DomainPattern, usize)>,
    keep: Vec<(DomainPattern, usize)>,
}

impl Rules {
    /// Reads them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Rules, Error> {
        let row = &rows::SRSDOMAIN;
        let domain = control.line(row)?.map(|name| Domain::parse(&name).map_err(|reason| fault(row.name, 1, &name, reason)));
        Ok(Rules { domain: domain.transpose()?, forward: patterns(control, &rows::SRSFORWARD)?, keep: patterns(control, &rows::SRSKEEP)? })
    }

    /// The line that has the sender of a message rewritten.
    fn rewrites(&self, envelope: &Envelope) -> Option<usize> {
        let ours = self.domain.as_ref()?;
        if self.forward.is_empty() || envelope.sender.is_empty() {
            return None;
        }
        let sender = Mailbox::parse(&envelope.sender).ok()?;
        let domain = sender.domain().as_name()?;
        if sender.domain() == ours || line_for(&self.keep, domain).is_some() {
            return None;
        }
        envelope.recipients.iter().find_map(|recipient| {
            let mailbox = Mailbox::parse(&recipient.address).ok()?;
            line_for(&self.forward, mailbox.domain().as_name()?)
        })
    }
}

fn patterns(control: &Control, row: &'static Setting) -> Result<Vec<(DomainPattern, usize)>, Error> {
    let lines = control.list(row)?.unwrap_or_default();
    lines.iter().map(|item| Ok((pattern(row, item.line, &item.value)?, item.line))).collect()
}

fn line_for(patterns: &[(DomainPattern, usize)], domain: &str) -> Option<usize> {
    patterns.iter().find(|(pattern, _)| pattern.fits(domain)).map(|(_, line)| *line)
}

/// Whether the sender of a message is rewritten.
pub fn wants_message(policy: Policy<'_>, envelope: &Envelope) -> bool {
    policy.settings.srs.rewrites(envelope).is_some()
}

/// Rewrites the sender of a message.
///
/// # Errors
/// The refusal.
pub fn message(context: &mut Context<'_, '_>, draft: &mut Draft) -> Checked {
    let Some(line) = context.policy.settings.srs.rewrites(&draft.envelope).filter(|_| draft.discarded.is_none()) else { return Ok(()) };
    let rule = format!("control/srsforward:{line}");
    let question = [&b"forward"[..], draft.envelope.sender.as_bytes()];
    let rewritten = match context.services.ask(Service::Dkim, &question, None, WITHIN) {
        Ok(answer) if answer.verdict == Verdict::Ok => address(answer.field(0)).ok_or("an answer without an address".to_owned()),
        Ok(answer) => Err(answer.text),
        Err(error) => Err(error.to_string()),
    };
    match rewritten {
        Ok(sender) => {
            context.services.note(&Note { check: "srs", rule: &rule, text: &format!("the sender becomes {sender}") });
            draft.envelope.sender = sender.to_string();
            Ok(())
        }
        Err(reason) => {
            context.services.complain(&format!("unable to have stafett-dkim rewrite a sender: {reason}"));
            Err(Refusal::new(later(), rule, Subject::from(&draft.envelope.sender)))
        }
    }
}

/// For a recipient that is a rewritten sender of ours, the address that it stands for. `is_open` says that the way back is open
/// to this transaction: it carries a bounce, or comes from somebody who may send to anywhere.
///
/// # Errors
/// The refusal.
pub fn reverse(
    policy: Policy<'_>,
    recipient: &Mailbox,
    is_open: bool,
    services: &mut dyn Services,
) -> Result<Option<Mailbox>, Box<Refusal>> {
    let ours = policy.settings.srs.domain.as_ref();
    let tagged = recipient.local().get(..4).is_some_and(|begin| TAGS.iter().any(|tag| begin.eq_ignore_ascii_case(tag)));
    if !tagged || ours != Some(recipient.domain()) {
        return Ok(None);
    }
    let shown = recipient.to_string();
    let refused = |reply| Err(Refusal::new(reply, "control/srsdomain", Subject::to(&shown)));
    if !is_open {
        return refused(for_bounces());
    }
    let reason = match services.ask(Service::Dkim, &[b"reverse", shown.as_bytes()], None, WITHIN) {
        Ok(answer) if answer.verdict == Verdict::Permanent => return refused(unknown(&answer.text)),
        Ok(answer) => match address(answer.field(0)).filter(|_| answer.verdict == Verdict::Ok) {
            Some(found) if policy::is_routed(&found) => return Err(policy::routed(&shown)),
            Some(found) => {
                services.note(&Note { check: "srs", rule: "control/srsdomain", text: &format!("it stands for {found}") });
                return Ok(Some(found));
            }
            None => answer.text,
        },
        Err(error) => error.to_string(),
    };
    services.complain(&format!("unable to ask stafett-dkim for a rewritten sender: {reason}"));
    refused(later())
}

fn address(field: Option<String>) -> Option<Mailbox> {
    field.and_then(|text| Mailbox::parse(&text).ok())
}

fn unknown(reason: &str) -> Reply {
    Reply::new(550, (5, 1, 1), format!("sorry, that rewritten address {reason} (#5.1.1)"))
}

fn for_bounces() -> Reply {
    Reply::new(550, (5, 7, 1), "sorry, that rewritten address takes bounces alone (#5.7.1)")
}

fn later() -> Reply {
    Reply::new(451, (4, 3, 0), "unable to look up that address now, try again later")
}
