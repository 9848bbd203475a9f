//! The way back from rewritten senders (SRS): at RCPT an address at `control/srsdomain` becomes the sender that it was made from.
//! stafett-remote has made it, when it sent mail of others on.
//!
//! Security stance: the address at RCPT is anybody's word. It leads on only if stafett-dkim, which has the secrets, says that
//! this host has made it and when; without an answer nobody is let through. It is for bounces: whoever is not trusted and names
//! a sender is refused, and so is an address behind it that would have other hosts relay.
//!
//! How it fails: where the service does not answer, with a temporary refusal.

use std::time::Duration;

use stafett_address::{Domain, Mailbox};
use stafett_ask::Verdict;
use stafett_control::{Control, Error, rows};
use stafett_instance::Service;
use stafett_smtp::Reply;

use crate::policy::{self, Policy};
use crate::refusal::{Refusal, Subject};
use crate::services::{Note, Services};
use crate::settings::fault;

const WITHIN: Duration = Duration::from_secs(20);
/// What a rewritten address begins with.
const TAGS: [&str; 2] = ["SRS0", "SRS1"];

/// What the control files say.
#[derive(Debug, Default)]
pub struct Rules {
    /// The domain of rewritten senders.
    domain: Option<Domain>,
}

impl Rules {
    /// Reads them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Rules, Error> {
        let row = &rows::SRSDOMAIN;
        let domain = control.line(row)?.map(|name| Domain::parse(&name).map_err(|reason| fault(row.name, 1, &name, reason)));
        Ok(Rules { domain: domain.transpose()? })
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
