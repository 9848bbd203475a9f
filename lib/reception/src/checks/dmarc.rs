//! Who a message is really from: DKIM, ARC and DMARC (RFC 6376, RFC 8617, RFC 9989).
//!
//! What it does: gives the whole message to stafett-verify, which says what signatures and policies are worth. From
//! `control/dmarcbehavior` 1 on its results go in front and results of others in our name go out (RFC 8601 §5).
//!
//! Mail that fails is refused or held from 3 or 4 on, where the author's domain asks for that.
//!
//! How it fails: where nobody could tell, the message is refused for now from behavior 2 on; behavior 1 never refuses, but
//! for a message whose forged results cannot be removed.

use std::ops::Range;
use std::time::Duration;

use stafett_ask::{Answer, Verdict};
use stafett_instance::Service;
use stafett_smtp::Reply;

use super::spf::are_field;
use super::{Checked, Context};
use crate::draft::Draft;
use crate::policy::Policy;
use crate::refusal::{Refusal, Subject};
use crate::services::Note;

/// How long to wait; the service itself gives up after 40 seconds.
const WITHIN: Duration = Duration::from_secs(45);
/// Undecided messages are refused for now.
const DEFER: u64 = 2;
/// Mail that its author's domain wants refused is.
const FOLLOW: u64 = 3;
/// Mail that it wants set apart is held in the queue.
const HOLD: u64 = 4;

/// What was said of a message.
struct Told {
    verdict: String,
    published: String,
    wanted: String,
    domain: String,
    forged: Vec<Range<u64>>,
    lines: Vec<String>,
}

/// Whether messages of a client are looked at.
pub fn wants_message(policy: Policy<'_>) -> bool {
    behavior(policy).0 > 0
}

/// Decides about a message.
///
/// # Errors
/// The refusal.
pub fn message(context: &mut Context<'_, '_>, draft: &mut Draft) -> Checked {
    let (behavior, rule) = behavior(context.policy);
    if behavior == 0 || context.policy.is_trusted(context.session) {
        return Ok(());
    }
    let subject = subject(draft);
    let refused = |reply| Err(Refusal::new(reply, rule, subject));
    match ask(context, draft) {
        Ok(told) => {
            if let Err(error) = draft.cut(&told.forged) {
                context.services.complain(&format!("unable to remove forged results from a message: {error}"));
                return refused(nobody_tells());
            }
            draft.front.splice(0..0, told.lines.iter().cloned());
            if let Some(reply) = reply(&told, behavior) {
                return refused(reply);
            }
            if is_held(&told, behavior) {
                draft.envelope.hold = Some(format!("{rule} not authenticated as being from {} (DMARC p=quarantine)", told.domain));
            }
            let Told { verdict, published, domain, .. } = &told;
            context.services.note(&Note { check: "dmarc", rule, text: &format!("{verdict} for {domain}, whose policy is {published}") });
            Ok(())
        }
        Err(No::Never(reason)) => refused(Reply::new(550, (5, 7, 1), reason)),
        Err(No::Now) if behavior >= DEFER => refused(nobody_tells()),
        Err(No::Now) => Ok(()),
    }
}

/// The number that counts for a client, and what set it.
fn behavior(policy: Policy<'_>) -> (u64, &'static str) {
    match policy.client.dmarc_behavior {
        _ if policy.client.relay.is_some() || policy.client.ip.is_none() => (0, ""),
        Some(behavior) => (behavior, "rule DMARCBEHAVIOR"),
        None => (policy.settings.dmarc_behavior, "control/dmarcbehavior"),
    }
}

/// Why nothing was told.
enum No {
    /// The service does not answer, or does not know now; the log says why.
    Now,
    /// The message is refused by the service; its words.
    Never(String),
}

fn ask(context: &mut Context<'_, '_>, draft: &Draft) -> Result<Told, No> {
    let sender = draft.envelope.sender.as_str();
    let helo = context.session.greeted.as_ref().map(|greeted| greeted.name.clone()).unwrap_or_default();
    let ip = context.policy.client.address();
    let known = context.session.spf.as_ref().filter(|known| known.is_about(&ip, &helo, sender));
    let (spf, domain) = known.map_or(("", ""), |known| (known.verdict.as_str(), known.domain.as_str()));
    let question = [&b"message"[..], ip.as_bytes(), helo.as_bytes(), sender.as_bytes(), spf.as_bytes(), domain.as_bytes()];
    let told = match context.services.ask(Service::Verify, &question, Some(draft.descriptor()), WITHIN) {
        Ok(answer) if answer.verdict == Verdict::Permanent => return Err(No::Never(answer.text)),
        Ok(answer) => told(&answer, draft.size()).ok_or(answer.text),
        Err(error) => Err(error.to_string()),
    };
    told.map_err(|reason| {
        context.services.complain(&format!("unable to have stafett-verify judge a message: {reason}"));
        No::Now
    })
}

fn told(answer: &Answer, size: u64) -> Option<Told> {
    let range = |text: &str| {
        let (from, to) = text.split_once('-')?;
        Some(from.parse().ok()?..to.parse().ok().filter(|to| *to <= size)?)
    };
    let told = Told {
        verdict: answer.field(0)?,
        published: answer.field(1)?,
        wanted: answer.field(2)?,
        domain: answer.field(3)?,
        forged: answer.field(5)?.split_whitespace().map(range).collect::<Option<_>>()?,
        lines: (6..answer.fields.len()).filter_map(|index| answer.field(index)).collect(),
    };
    let is_one = answer.verdict == Verdict::Ok && ["none", "pass", "fail", "permerror", "temperror"].contains(&told.verdict.as_str());
    (is_one && are_field(&told.lines)).then_some(told)
}

fn reply(told: &Told, behavior: u64) -> Option<Reply> {
    let domain = &told.domain;
    match (told.verdict.as_str(), told.wanted.as_str()) {
        ("fail", "reject") if behavior >= FOLLOW => {
            let words = format!("this message is not authenticated as being from {domain}, which asks for its refusal (DMARC p=reject)");
            Some(Reply::new(550, (5, 7, 1), words))
        }
        ("temperror", _) if behavior >= DEFER => {
            Some(Reply::new(451, (4, 4, 3), format!("unable to tell now whether this message is from {domain} (DMARC), try again later")))
        }
        _ => None,
    }
}

fn is_held(told: &Told, behavior: u64) -> bool {
    behavior >= HOLD && told.verdict == "fail" && told.wanted == "quarantine"
}

fn nobody_tells() -> Reply {
    Reply::new(451, (4, 3, 0), "unable to authenticate the message now, try again later")
}

fn subject(draft: &Draft) -> Subject {
    let recipients = &draft.envelope.recipients;
    let first = recipients.first().map(|recipient| recipient.address.clone());
    Subject { to: first, ..Subject::from(&draft.envelope.sender) }.count(format!("recipients {}", recipients.len()))
}
