//! control/badrcptto and control/validrcptto: the admin's own lists of recipients.
//!
//! badrcptto refuses whoever it lists, from every client. validrcptto, once it exists, is the list of all recipients that
//! there are; it binds clients that came in by rcpthosts alone, and the postmaster of this host is never missing
//! (RFC 5321 §4.5.1).
//! How it fails: a compiled table that breaks while it is asked is a temporary refusal.

use stafett_address::Mailbox;
use stafett_control::{Control, Error, Setting, compiled, rows};
use stafett_route::recipients::{Listed, Place, RecipientList};
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::refusal::{Refusal, Subject};
use crate::services::Note;
use crate::settings::fault;

/// Both lists.
#[derive(Debug, Default)]
pub struct Lists {
    bad: RecipientList,
    /// Nothing when every recipient in rcpthosts counts as being there.
    valid: Option<RecipientList>,
}

impl Lists {
    /// Reads badrcptto, validrcptto and validrcptto.cdb.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let bad = list(control, &rows::BADRCPTTO)?.unwrap_or_default();
        let mut valid = list(control, &rows::VALIDRCPTTO)?;
        if let Some(path) = control.compiled(&rows::VALIDRCPTTO_CDB)? {
            let table = compiled::open(&path).map_err(|reason| fault(rows::VALIDRCPTTO_CDB.name, 0, "the table", reason))?;
            valid.get_or_insert_default().set_table(Some(table));
        }
        Ok(Lists { bad, valid })
    }
}

fn list(control: &Control, row: &Setting) -> Result<Option<RecipientList>, Error> {
    let Some(items) = control.list(row)? else { return Ok(None) };
    let mut list = RecipientList::default();
    for item in items {
        list.insert(item.line, &item.value).map_err(|reason| fault(row.name, item.line, &item.value, reason))?;
    }
    Ok(Some(list))
}

/// Refuses whom badrcptto lists.
pub fn bad(context: &mut Context<'_, '_>, recipient: &Mailbox) -> Checked {
    match context.policy.settings.recipients.bad.look_up(recipient) {
        Ok(Listed::Yes(place)) => Err(refuse(recipient, rule("badrcptto", place))),
        Ok(Listed::Not(place)) => {
            context.services.note(&Note { check: "badrcptto", rule: &rule("badrcptto", place), text: "excepted" });
            Ok(())
        }
        Ok(Listed::Nowhere) => Ok(()),
        Err(_) => Err(later(recipient, "control/badrcptto")),
    }
}

/// Refuses whom validrcptto does not list.
pub fn valid(context: &mut Context<'_, '_>, recipient: &Mailbox) -> Checked {
    let policy = context.policy;
    let Some(valid) = &policy.settings.recipients.valid else { return Ok(()) };
    if policy.is_trusted(context.session) || is_our_postmaster(recipient, &policy.settings.me) {
        return Ok(());
    }
    match valid.look_up(recipient) {
        Ok(Listed::Yes(place)) => {
            context.services.note(&Note { check: "validrcptto", rule: &rule("validrcptto", place), text: "listed" });
            Ok(())
        }
        Ok(Listed::Not(place)) => Err(refuse(recipient, rule("validrcptto", place))),
        Ok(Listed::Nowhere) => Err(refuse(recipient, "control/validrcptto".to_owned())),
        Err(error) => {
            context.services.complain(&format!("unable to look into control/validrcptto.cdb: {error}"));
            Err(later(recipient, "control/validrcptto.cdb"))
        }
    }
}

fn is_our_postmaster(recipient: &Mailbox, me: &str) -> bool {
    recipient.local().eq_ignore_ascii_case("postmaster") && recipient.domain().as_name().is_some_and(|name| name.eq_ignore_ascii_case(me))
}

fn rule(file: &str, place: Place) -> String {
    match place {
        Place::Line(line) => format!("control/{file}:{line}"),
        Place::Table => format!("control/{file}.cdb"),
    }
}

/// The words are the same whatever the reason: they tell nothing but that mail does not go there.
fn refuse(recipient: &Mailbox, rule: String) -> Box<Refusal> {
    let reply = Reply::new(550, (5, 1, 1), "sorry, no mailbox here by that name (#5.1.1)");
    Refusal::new(reply, rule, Subject::to(&recipient.to_string()))
}

fn later(recipient: &Mailbox, rule: &'static str) -> Box<Refusal> {
    let reply = Reply::new(451, (4, 3, 0), "unable to look up that recipient, try again later");
    Refusal::new(reply, rule, Subject::to(&recipient.to_string()))
}
