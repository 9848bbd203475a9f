//! Mail of those whom we know: whose accounts may be used where, which senders they may name, and what their messages lack
//! (RFC 6409).
//!
//! What it does: an account sends from its own addresses, in the envelope and in From, or has others replaced by one of its
//! own where control/accounts says so. Senders of automatic mail are masked (control/masquerade). On a port for submission,
//! and for whoever has an account, a missing Date, Message-ID or From is added. The message is changed before others judge
//! or sign it.
//!
//! Security stance: a From that can be read in more than one way is refused to an account, because somebody else might be
//! shown as the author. Nothing of strangers is changed.
//!
//! How it fails: an address that is not the account's own is refused for good; a message that cannot be changed is refused
//! for now.

mod header;
mod masks;

pub use masks::Masquerades;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use stafett_address::Mailbox;
use stafett_smtp::Reply;

use self::header::{Fault, Missing, Rules};
use super::{Checked, Context};
use crate::account::Account;
use crate::draft::Draft;
use crate::policy::{Policy, Transaction};
use crate::refusal::{Refusal, Subject};
use crate::services::Note;
use crate::session::Session;

/// The longest header that is looked at, in bytes.
const HEADER_MAX: usize = 1024 * 1024;

/// Makes the Message-IDs of this process differ.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Before an account is taken for the client's: a port may be for people or for robots alone.
///
/// # Errors
/// The refusal.
pub fn authenticated(context: &Context<'_, '_>, account: &Account) -> Checked {
    match context.policy.client.submission.and_then(|submission| submission.role) {
        Some(role) if role != account.role => {
            let reply = Reply::new(535, (5, 7, 1), format!("an account of a {} may not be used at this port", account.role.word()));
            Err(Refusal::new(reply, "rule SUBMISSION", Subject::default()))
        }
        _ => Ok(()),
    }
}

/// At MAIL: masks the sender, and holds an account to its own.
///
/// # Errors
/// The refusal.
pub fn sender(context: &mut Context<'_, '_>, transaction: &mut Transaction) -> Checked {
    let sender = &mut transaction.envelope.sender;
    // the empty one is nobody's, and is needed for notices
    let Some(mut mailbox) = Some(&*sender).filter(|sender| !sender.is_empty()).and_then(|sender| Mailbox::parse(sender).ok()) else {
        return Ok(());
    };
    if let Some((line, masked)) = masks(context.policy, context.session).and_then(|masks| masks.of(&mailbox)) {
        let (rule, text) = (format!("control/masquerade:{line}"), format!("the sender becomes {masked}"));
        context.services.note(&Note { check: "masquerade", rule: &rule, text: &text });
        mailbox = masked;
    }
    if let Some(account) = context.session.account.as_ref().filter(|account| !account.may_send_from(&mailbox)) {
        let rule = format!("account {}", account.name);
        let Some(own) = account.rewrite.as_deref().and_then(|own| Mailbox::from_raw(own).ok()) else {
            let reply = Reply::new(553, (5, 7, 1), format!("sorry, your account may not send from {mailbox} (#5.7.1)"));
            return Err(Refusal::new(reply, rule, Subject::from(sender.as_str())));
        };
        let text = format!("it may not send from {mailbox}; the sender becomes {own}");
        context.services.note(&Note { check: "account", rule: &rule, text: &text });
        mailbox = own;
    }
    *sender = mailbox.to_string();
    Ok(())
}

/// Whether messages of this client may have to be changed.
pub fn wants_message(policy: Policy<'_>, session: &Session) -> bool {
    completes(policy, session) || masks(policy, session).is_some()
}

/// At the end of the message.
///
/// # Errors
/// The refusal.
pub fn message(context: &mut Context<'_, '_>, draft: &mut Draft) -> Checked {
    let (policy, session) = (context.policy, &*context.session);
    if !wants_message(policy, session) {
        return Ok(());
    }
    let rule = session.account.as_ref().map_or_else(|| "rule SUBMISSION".to_owned(), |account| format!("account {}", account.name));
    let refused = |draft: &Draft, reply| {
        let to = draft.envelope.recipients.first().map(|one| one.address.clone());
        Err(Refusal::new(reply, rule, Subject { to, ..Subject::from(&draft.envelope.sender) }))
    };
    let missing = completes(policy, session).then(|| supplements(policy, draft));
    let rules = Rules { masks: masks(policy, session), account: session.account.as_ref(), missing };
    let done = draft.begin(HEADER_MAX).map(|begin| header::patches(&begin, draft.size(), &rules));
    match done {
        Ok(Ok(patches)) if patches.is_empty() => Ok(()),
        Ok(Ok(patches)) => match draft.change(&patches, None) {
            Ok(()) => Ok(()),
            Err(error) => {
                context.services.complain(&format!("unable to change the header of a message: {error}"));
                refused(draft, Reply::new(451, (4, 3, 0), "the message cannot be changed as it must be, try again later"))
            }
        },
        Ok(Err(fault)) => refused(draft, reply(&fault)),
        Err(error) => {
            context.services.complain(&format!("unable to read the header of a message: {error}"));
            refused(draft, Reply::new(451, (4, 3, 0), "the message cannot be read, try again later"))
        }
    }
}

/// Whether what a message lacks is added.
fn completes(policy: Policy<'_>, session: &Session) -> bool {
    policy.client.submission.is_some() || session.account.is_some()
}

/// The masks that count for a client, if there are any.
fn masks<'a>(policy: Policy<'a>, session: &Session) -> Option<&'a Masquerades> {
    let masks = &policy.settings.masquerades;
    (!masks.is_empty() && (policy.client.masquerade || policy.is_trusted(session))).then_some(masks)
}

/// What a message gets that has no such fields (RFC 6409 §8).
fn supplements(policy: Policy<'_>, draft: &Draft) -> Missing {
    let now = SystemTime::now();
    let micros = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Missing {
        date: stafett_message::date(now),
        id: format!("<{micros}.{}.{number}@{}>", std::process::id(), policy.settings.me),
        author: draft.envelope.sender.clone(),
    }
}

fn reply(fault: &Fault) -> Reply {
    match fault {
        Fault::NotOwn(address) => Reply::new(550, (5, 7, 1), format!("sorry, your account may not write mail as {address} (#5.7.1)")),
        Fault::Unclear => Reply::new(550, (5, 6, 0), "the From field cannot be read, or in more than one way (#5.6.0)"),
        Fault::Several => Reply::new(550, (5, 6, 0), "the message has more than one From field (#5.6.0)"),
        Fault::Nobody => Reply::new(550, (5, 6, 0), "the message has no From field (#5.6.0)"),
        Fault::TooLong => Reply::new(552, (5, 3, 4), "the header of the message is too long (#5.3.4)"),
    }
}

#[cfg(test)]
#[path = "../submission_test.rs"]
mod tests;
