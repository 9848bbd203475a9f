//! control/limits and control/greylist: how much a client has done lately, and whether mail has come back. Asked of
//! stafett-limit, one question for each connection, MAIL and RCPT that a line may be about.
//!
//! What it does: a message counts from MAIL on, a recipient from RCPT on; what comes to nothing is given back with the next
//! MAIL or at the end. Greylisting is for clients that have neither RELAYCLIENT nor an account.
//!
//! How it fails: without an answer mail is refused for now, unless the files that the question was about say `away pass`.

use std::os::fd::AsFd;
use std::time::Duration;

use stafett_address::Mailbox;
use stafett_ask::{Answer, Verdict};
use stafett_control::form::limits::{Per, What};
use stafett_control::form::who::Client;
use stafett_instance::Service;
use stafett_smtp::Reply;

use super::tally::{Limits, Owed};
use super::{Checked, Context};
use crate::account::Account;
use crate::policy::Transaction;
use crate::refusal::{Refusal, Subject};
use crate::services::Note;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a question is about.
struct Question<'a> {
    verb: &'static str,
    fields: Vec<String>,
    /// Whether limits, and whether the greylist is asked.
    about: (bool, bool),
    /// Whether the open connection is to be counted.
    open: bool,
    subject: Subject,
    limits: &'a Limits,
}

/// Before the greeting.
///
/// # Errors
/// The refusal, which ends the connection.
pub fn connection(context: &mut Context<'_, '_>) -> Checked {
    let limits = &context.policy.settings.limits;
    let client = client(context);
    let open = limits.count_open(&client, false);
    if !open && !limits.touch(&client, What::Connections, |_| 0) && !limits.count_refusals(&client) {
        return Ok(());
    }
    ask(context, Question { verb: "connection", fields: Vec::new(), about: (true, false), open, subject: Subject::default(), limits })
}

/// Before a password is looked at; the account is what the client claims.
///
/// # Errors
/// The refusal.
pub fn authentication(context: &mut Context<'_, '_>, account: &str) -> Checked {
    let limits = &context.policy.settings.limits;
    context.session.tally.attempts += 1;
    let attempts = context.session.tally.attempts;
    if !limits.know_accounts(&Client { account: Some(account), ..client(context) }) {
        return Ok(());
    }
    let fields = vec![format!("account={account}"), format!("number={attempts}")];
    ask(context, Question { verb: "authentication", fields, about: (true, false), open: false, subject: Subject::default(), limits })
}

/// After the password was right. Only now a connection counts for the account: nobody uses up what belongs to another one by
/// a claim.
///
/// # Errors
/// The refusal.
pub fn authenticated(context: &mut Context<'_, '_>, account: &Account) -> Checked {
    let limits = &context.policy.settings.limits;
    let proved = Client { account: Some(&account.name), classes: &account.classes, ..client(context) };
    let open = limits.count_open(&proved, true);
    // that it is locked nobody hears before
    if !limits.know_accounts(&proved) {
        return Ok(());
    }
    let fields = named(account).collect();
    let subject = Subject::default().count(format!("account {} reason limit", account.name));
    ask(context, Question { verb: "login", fields, about: (true, false), open, subject, limits })
}

/// At MAIL.
///
/// # Errors
/// The refusal.
pub fn sender(context: &mut Context<'_, '_>, transaction: &Transaction) -> Checked {
    give_back(context);
    barred(context)?;
    let limits = &context.policy.settings.limits;
    let client = client(context);
    let number = context.session.tally.messages + 1;
    let counts = limits.touch(&client, What::Messages, |_| number);
    if !counts && !limits.count_refusals(&client) && !limits.know_accounts(&client) {
        return Ok(());
    }
    let sender = &transaction.envelope.sender;
    let fields = vec![format!("sender={sender}"), format!("number={number}")];
    let subject = Subject::from(sender);
    ask(context, Question { verb: "message", fields, about: (true, false), open: false, subject, limits })?;
    context.session.tally.owed = Some(Owed { sender: sender.clone(), messages: u32::from(counts), recipients: 0 });
    Ok(())
}

/// At RCPT, when nothing else speaks against it.
///
/// # Errors
/// The refusal.
pub fn recipient(context: &mut Context<'_, '_>, transaction: &Transaction, recipient: &Mailbox) -> Checked {
    barred(context)?;
    let limits = &context.policy.settings.limits;
    let client = client(context);
    let (sender, address) = (transaction.envelope.sender.to_lowercase(), recipient.to_string());
    let recipient = address.to_lowercase();
    let number = u32::try_from(transaction.envelope.recipients.len() + 1).unwrap_or(u32::MAX);
    let (in_all, is_free) = (context.session.tally.recipients + 1, client.relay || client.account.is_some());
    let counts = limits.touch(&client, What::Recipients, |rule| if rule.per == Per::Message { number } else { in_all });
    let grey = !is_free && limits.grey.as_ref().is_some_and(|grey| grey.concerns(&client, &sender, &recipient));
    if counts || grey {
        let mut fields = vec![format!("sender={sender}"), format!("recipient={recipient}"), format!("number={number}")];
        fields.push(format!("recipients={in_all}"));
        fields.extend(grey.then(|| "grey=1".to_owned()));
        let subject = Subject::to(&address);
        ask(context, Question { verb: "recipient", fields, about: (counts, grey), open: false, subject, limits })?;
    }
    let tally = &mut context.session.tally;
    tally.recipients = in_all;
    if counts {
        tally.owed.get_or_insert(Owed { sender, messages: 0, recipients: 0 }).recipients += 1;
    }
    Ok(())
}

/// A recipient was refused; when that was one too many, the client hears so from its next command on.
pub fn refused(context: &mut Context<'_, '_>, transaction: &Transaction, refusal: &Refusal) {
    let limits = &context.policy.settings.limits;
    if refusal.reply.code() < 500 || context.session.tally.barred.is_some() || !limits.count_refusals(&client(context)) {
        return;
    }
    context.session.tally.refusals += 1;
    let sender = &transaction.envelope.sender;
    let fields = vec![format!("sender={sender}"), format!("number={}", context.session.tally.refusals)];
    let question = Question { verb: "refused", fields, about: (true, false), open: false, subject: Subject::from(sender), limits };
    context.session.tally.barred = ask(context, question).err();
}

/// A message was accepted with so many recipients.
pub fn accepted(context: &mut Context<'_, '_>, recipients: usize) {
    let tally = &mut context.session.tally;
    tally.messages = tally.messages.saturating_add(1);
    if let Some(owed) = &mut tally.owed {
        owed.messages = 0;
        owed.recipients = owed.recipients.saturating_sub(u32::try_from(recipients).unwrap_or(u32::MAX));
    }
}

/// What was counted and not accepted is as if it had never been.
pub fn give_back(context: &mut Context<'_, '_>) {
    let Some(Owed { sender, messages, recipients }) = context.session.tally.owed.take() else { return };
    if messages == 0 && recipients == 0 {
        return;
    }
    let limits = &context.policy.settings.limits;
    let fields = vec![format!("sender={sender}"), format!("number={messages}"), format!("recipients={recipients}")];
    let question = Question { verb: "back", fields, about: (true, false), open: false, subject: Subject::default(), limits };
    // a count too high is on the safe side, and that the service is away was said before
    let _ = ask(context, question);
}

/// Asks, and makes a refusal of the answer.
fn ask(context: &mut Context<'_, '_>, question: Question<'_>) -> Checked {
    let (read, write) = match question.open && !context.services.explains() {
        true => stafett_sys::descriptor::pipe().map_or((None, None), |(read, write)| (Some(read), Some(write))),
        false => (None, None),
    };
    let fields = with_client(context, &question);
    let mut packet: Vec<&[u8]> = vec![question.verb.as_bytes()];
    packet.extend(fields.iter().map(String::as_bytes));
    let answer = context.services.ask(Service::Limit, &packet, read.as_ref().map(AsFd::as_fd), PATIENCE);
    match answer {
        Ok(Answer { verdict: Verdict::Ok, .. }) => {
            context.session.tally.ends.extend(write);
            context.services.note(&Note { check: "limits", rule: "", text: "within limits and greylist" });
            Ok(())
        }
        Ok(answer) => match answer.field(0) {
            Some(rule) => Err(Refusal::new(Reply::from_text(&answer.text), rule, question.subject)),
            None => unanswered(context, question, &answer.text),
        },
        Err(error) => unanswered(context, question, &error.to_string()),
    }
}

fn unanswered(context: &mut Context<'_, '_>, question: Question<'_>, reason: &str) -> Checked {
    let (limits, grey) = question.about;
    let rules = question.limits;
    let pass = (!limits || rules.away) && (!grey || rules.grey.as_ref().is_some_and(|grey| grey.away));
    let (result, fate) = if pass { ("passes", "away pass") } else { ("is refused for now", "no away pass") };
    context.services.complain(&format!("unable to ask stafett-limit: {reason}; what was to be counted {result} ({fate})"));
    if pass {
        return Ok(());
    }
    let rule = if limits { "control/limits" } else { "control/greylist" };
    let code = if question.verb == "connection" { 421 } else { 451 };
    Err(Refusal::new(Reply::new(code, (4, 3, 0), "limits cannot be looked up, try again later"), rule, question.subject))
}

fn with_client(context: &Context<'_, '_>, question: &Question<'_>) -> Vec<String> {
    let mut fields = Vec::with_capacity(question.fields.len() + 4);
    fields.extend(context.policy.client.ip.map(|ip| format!("ip={ip}")));
    fields.extend(context.policy.relays(context.session).then(|| "relay=1".to_owned()));
    fields.extend(context.session.account.iter().flat_map(named));
    fields.extend(context.services.explains().then(|| "dry=1".to_owned()));
    fields.extend(question.fields.iter().cloned());
    fields
}

/// What a question says of an account.
fn named(account: &Account) -> impl Iterator<Item = String> + '_ {
    std::iter::once(format!("account={}", account.name)).chain(account.classes.iter().map(|class| format!("class={class}")))
}

fn barred(context: &Context<'_, '_>) -> Checked {
    match &context.session.tally.barred {
        Some(refusal) => Err(Refusal::new(refusal.reply.clone(), refusal.rule.clone(), Subject::default())),
        None => Ok(()),
    }
}

fn client<'a>(context: &'a Context<'_, '_>) -> Client<'a> {
    context.policy.who(context.session)
}
