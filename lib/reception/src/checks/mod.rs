//! What the admin may add to the rules of SMTP and of rcpthosts: each check in a file of its own, here their order.
//!
//! A check that its control file does not switch on costs nothing. The cheap ones come first, those that ask another
//! process later, and those that ask another host last.
//!
//! How it fails: the first refusal ends the row. A service that cannot be asked is what the check's control file says for
//! that, and a temporary refusal where it says nothing.

mod badhelo;
pub mod callout;
pub mod denied;
pub mod dmarc;
mod early;
pub mod etrn;
mod here;
pub mod limits;
pub mod looked;
mod macros;
pub mod milter;
pub mod rcptcheck;
pub mod recipients;
pub mod signing;
pub mod spf;
pub mod srs;
pub mod submission;
pub mod tally;

use stafett_address::Mailbox;
use stafett_envelope::Envelope;

use crate::account::Account;
use crate::draft::Draft;
use crate::policy::{Policy, Transaction};
use crate::refusal::Refusal;
use crate::services::Services;
use crate::session::Session;

/// What a check sees.
pub struct Context<'a, 'b> {
    /// The control files and the client.
    pub policy: Policy<'a>,
    /// What has been learnt of this connection.
    pub session: &'b mut Session,
    /// Whom to ask.
    pub services: &'b mut dyn Services,
}

/// A verdict; the refusal is what the client will hear.
pub type Checked = Result<(), Box<Refusal>>;

/// Before the greeting: a refusal ends the connection.
///
/// # Errors
/// The refusal.
pub fn connection(context: &mut Context<'_, '_>) -> Checked {
    denied::check(context)?;
    limits::connection(context)?;
    early::connection(context)?;
    milter::connection(context)
}

/// Before a password is looked at, for the account that the client claims to have.
///
/// # Errors
/// The refusal.
pub fn authentication(context: &mut Context<'_, '_>, account: &str) -> Checked {
    limits::authentication(context, account)
}

/// After the client has proved that it has this account, which it has from here on.
///
/// # Errors
/// The refusal.
pub fn authenticated(context: &mut Context<'_, '_>, account: Account) -> Checked {
    submission::authenticated(context, &account)?;
    limits::authenticated(context, &account)?;
    context.session.account = Some(account);
    Ok(())
}

/// After HELO or EHLO, whose name is in the session.
///
/// # Errors
/// The refusal.
pub fn helo(context: &mut Context<'_, '_>) -> Checked {
    milter::helo(context)
}

/// At MAIL, when its own rules let it pass.
///
/// # Errors
/// The refusal.
pub fn sender(context: &mut Context<'_, '_>, transaction: &mut Transaction) -> Checked {
    submission::sender(context, transaction)?;
    limits::sender(context, transaction)?;
    milter::sender(context, transaction)
}

/// At RCPT, for a recipient that its own rules let pass; `returns` when it is the sender of what we have sent on, and none of
/// those whom mail is accepted for.
///
/// # Errors
/// The refusal.
pub fn recipient(context: &mut Context<'_, '_>, transaction: &mut Transaction, recipient: &Mailbox, returns: bool) -> Checked {
    recipients::bad(context, recipient)?;
    if !returns {
        recipients::valid(context, recipient)?;
    }
    here::check(context, recipient)?;
    badhelo::recipient(context, recipient)?;
    looked::recipient(context, transaction, recipient)?;
    rcptcheck::check(context, transaction, recipient)?;
    spf::recipient(context, transaction, recipient)?;
    limits::recipient(context, transaction, recipient)?;
    if !returns {
        callout::check(context, recipient)?;
    }
    milter::recipient(context, recipient)
}

/// After RCPT was refused, by these checks or by the rules before them.
pub fn refused(context: &mut Context<'_, '_>, transaction: &Transaction, refusal: &Refusal) {
    limits::refused(context, transaction, refusal);
}

/// After a message was queued for so many recipients.
pub fn accepted(context: &mut Context<'_, '_>, recipients: usize) {
    limits::accepted(context, recipients);
}

/// When the connection is over.
pub fn end(context: &mut Context<'_, '_>) {
    limits::give_back(context);
}

/// Whether [`message`] wants to see a message whole; otherwise it goes to the queue as it comes.
pub fn wants_message(policy: Policy<'_>, session: &Session, envelope: &Envelope) -> bool {
    submission::wants_message(policy, session)
        || dmarc::wants_message(policy)
        || milter::wants_message(&policy)
        || signing::wants_message(policy, session, envelope)
}

/// At the end of the message, before it is queued. What it changes in the draft is queued.
///
/// # Errors
/// The refusal.
pub fn message(context: &mut Context<'_, '_>, draft: &mut Draft) -> Checked {
    // what others see, judge and sign is the message as it goes out
    submission::message(context, draft)?;
    dmarc::message(context, draft)?;
    milter::message(context, draft)?;
    // the last: it covers all that the others have changed
    signing::message(context, draft)
}
