//! The Sender Policy Framework: whether the client may send for the domain of the envelope sender (RFC 7208).
//!
//! What it does: asks stafett-verify at the first recipient that all other rules let pass, once for each sender; what was
//! said counts for all recipients of that sender. From `control/spfbehavior` 1 on a Received-SPF field goes in front.
//!
//! How it fails: where nobody could tell, the client is refused for now from behavior 2 on; behavior 1 never refuses.

use std::time::Duration;

use stafett_address::Mailbox;
use stafett_ask::{Answer, Verdict};
use stafett_envelope::Head;
use stafett_instance::Service;
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::policy::{Policy, Transaction};
use crate::refusal::{Refusal, Subject};
use crate::services::Note;

/// How long to wait; the service itself gives up after 20 seconds (RFC 7208 §4.6.4).
const WITHIN: Duration = Duration::from_secs(25);

/// Trouble with the DNS, or with the service, is refused for now.
const DEFER: u64 = 2;

/// The longest line that is put in front, in bytes (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;

/// What was said of a sender.
#[derive(Clone, Debug)]
pub struct Known {
    ip: String,
    helo: String,
    sender: String,
    /// The word of RFC 7208 §2.6.
    pub verdict: String,
    /// The domain that was asked.
    pub domain: String,
    explanation: String,
    lines: Vec<String>,
}

impl Known {
    /// Whether it was said of this client, by the name that it gives, and sender.
    pub fn is_about(&self, ip: &str, helo: &str, sender: &str) -> bool {
        self.ip == ip && self.helo == helo && self.sender == sender
    }

    fn of(answer: &Answer, ip: &str, helo: &str, sender: &str) -> Option<Known> {
        let lines: Vec<String> = (4..answer.fields.len()).filter_map(|index| answer.field(index)).collect();
        let known = Known {
            ip: ip.to_owned(),
            helo: helo.to_owned(),
            sender: sender.to_owned(),
            verdict: answer.field(0)?,
            domain: answer.field(1)?,
            explanation: answer.field(3)?,
            lines,
        };
        let is_one = answer.verdict == Verdict::Ok && refused_from(&known.verdict).is_some();
        (is_one && are_field(&known.lines)).then_some(known)
    }
}

/// Whether lines can go in front of a message.
pub(super) fn are_field(lines: &[String]) -> bool {
    let plain = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic();
    let begins = lines.first().is_some_and(|line| !line.starts_with([' ', '\t']));
    begins
        && lines.iter().all(|line| line.len() <= LINE_MAX && line.bytes().all(plain))
        && lines.iter().skip(1).all(|line| line.starts_with('\t'))
}

/// Decides about a recipient.
///
/// # Errors
/// The refusal.
pub fn recipient(context: &mut Context<'_, '_>, transaction: &mut Transaction, recipient: &Mailbox) -> Checked {
    let (behavior, rule) = behavior(context.policy);
    if behavior == 0 || context.policy.is_trusted(context.session) {
        return Ok(());
    }
    let refused = |reply| Refusal::new(reply, rule, Subject::to(&recipient.to_string()));
    let Some(known) = known(context, &transaction.envelope.sender) else {
        return if behavior >= DEFER { Err(refused(nobody_tells())) } else { Ok(()) };
    };
    if behavior >= refused_from(&known.verdict).unwrap_or(DEFER) {
        return Err(refused(reply(&known)));
    }
    context.services.note(&Note { check: "spf", rule, text: &format!("{} for {}", known.verdict, known.domain) });
    put_in_front(&mut transaction.envelope.head, known.lines);
    Ok(())
}

/// Once for a message, however many recipients it has.
fn put_in_front(head: &mut Vec<Head>, lines: Vec<String>) {
    let lines: Vec<Head> = lines.into_iter().map(Head::Line).collect();
    if !lines.first().is_some_and(|line| head.contains(line)) {
        head.splice(0..0, lines);
    }
}

/// The number that counts for a client, and what set it.
fn behavior(policy: Policy<'_>) -> (u64, &'static str) {
    match policy.client.spf_behavior {
        _ if policy.client.relay.is_some() || policy.client.ip.is_none() => (0, ""),
        Some(behavior) => (behavior, "rule SPFBEHAVIOR"),
        None => (policy.settings.spf_behavior, "control/spfbehavior"),
    }
}

/// From which number on a verdict is refused, as admins of qmail know it; nothing for a word that is none.
fn refused_from(verdict: &str) -> Option<u64> {
    match verdict {
        "pass" => Some(u64::MAX),
        "temperror" => Some(DEFER),
        "fail" => Some(3),
        "softfail" => Some(4),
        "neutral" => Some(5),
        "none" | "permerror" => Some(6),
        _ => None,
    }
}

/// What is said of a sender: known already, or asked now.
fn known(context: &mut Context<'_, '_>, sender: &str) -> Option<Known> {
    let helo = context.session.greeted.as_ref().map(|greeted| greeted.name.clone()).unwrap_or_default();
    let ip = context.policy.client.address();
    if let Some(known) = context.session.spf.as_ref().filter(|known| known.is_about(&ip, &helo, sender)) {
        return Some(known.clone());
    }
    let question = [&b"spf"[..], ip.as_bytes(), helo.as_bytes(), sender.as_bytes()];
    let known = match context.services.ask(Service::Verify, &question, None, WITHIN) {
        Ok(answer) => Known::of(&answer, &ip, &helo, sender).ok_or(answer.text),
        Err(error) => Err(error.to_string()),
    };
    match known {
        Ok(known) => context.session.spf = Some(known),
        Err(reason) => {
            context.services.complain(&format!("unable to ask stafett-verify about SPF: {reason}"));
            context.session.spf = None;
        }
    }
    context.session.spf.clone()
}

/// The words for a verdict that is refused (RFC 7208 §8, RFC 7372).
fn reply(known: &Known) -> Reply {
    let domain = &known.domain;
    match known.verdict.as_str() {
        "temperror" => Reply::new(451, (4, 4, 3), format!("unable to look up the SPF record of {domain}, try again later")),
        "permerror" => Reply::new(550, (5, 7, 24), format!("the SPF record of {domain} cannot be used")),
        "fail" if !known.explanation.is_empty() => {
            let first = Reply::new(550, (5, 7, 23), format!("SPF fails; {domain} explains:"));
            first.line(known.explanation.clone())
        }
        verdict => Reply::new(550, (5, 7, 23), format!("SPF says {verdict} for your host and the domain {domain}")),
    }
}

fn nobody_tells() -> Reply {
    Reply::new(451, (4, 3, 0), "unable to check SPF now, try again later")
}
