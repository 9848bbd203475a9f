//! Mail filters (control/milters): asked by stafett-milter, which speaks their protocol; here are its questions and what
//! its answers mean.
//!
//! What it does: at the connection a child of stafett-milter is given a line to this session, and is told of each step on
//! it. Filters are asked last at every step, so they see nothing that was refused anyway. The answer about a message says
//! what to change in it.
//!
//! Security stance: nothing that a filter says is parsed here but for what stafett-milter made of it, and that is judged
//! like the words of a client: an address is an address or the message is refused, a patch fits the message or it is.
//!
//! How it fails: where stafett-milter is away, mail is refused for now, unless every filter of this client may be away.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::time::Duration;

use stafett_address::{Mailbox, Path};
use stafett_ask::{Answer, Heard, Line, Verdict};
use stafett_control::form::milter::{Away, Milter};
use stafett_control::{Control, Error, Item, rows};
use stafett_envelope::{Recipient, Ret};
use stafett_instance::Service;
use stafett_smtp::Reply;

use super::{Checked, Context, macros};
use crate::draft::{Discarded, Draft, Patch};
use crate::policy::{Policy, Transaction};
use crate::refusal::{Refusal, Subject};
use crate::services::Note;

/// How long stafett-milter may take beside the filters.
const OWN_TIME: Duration = Duration::from_secs(5);
/// The reason of a hold that is kept, in characters.
const REASON_MAX: usize = 200;

/// The lines of control/milters.
#[derive(Clone, Debug, Default)]
pub struct Milters(Vec<Item<Milter>>);

/// What is known of a session's filters.
#[derive(Debug, Default)]
pub struct State {
    line: Option<Line>,
    /// Whether stafett-milter was there and is not any more, or never was.
    lost: bool,
    transactions: u64,
    /// How long an answer about a step, and about a message, may take.
    patience: (Duration, Duration),
    /// Whether mail passes when stafett-milter is away.
    optional: bool,
}

impl State {
    /// Whether mail is refused, because stafett-milter was lost.
    fn refuses(&self) -> bool {
        self.lost && !self.optional
    }
}

impl Milters {
    /// Reads the file.
    ///
    /// # Errors
    /// When a line does not parse.
    pub fn read(control: &Control) -> Result<Milters, Error> {
        let file = || format!("control/{}", rows::MILTERS.name);
        let parse = |item: Item<String>| match Milter::parse(&item.value) {
            Ok(value) => Ok(Item { line: item.line, value }),
            Err(reason) => Err(Error { file: file(), line: item.line, reason }),
        };
        control.list(&rows::MILTERS)?.unwrap_or_default().into_iter().map(parse).collect::<Result<_, _>>().map(Milters)
    }

    /// Those that see a client.
    fn of<'a>(&'a self, policy: &Policy<'a>) -> impl Iterator<Item = &'a Milter> {
        let (ip, relay) = (policy.client.ip, policy.client.relay.is_some());
        self.0.iter().map(|item| &item.value).filter(move |milter| !milter.skips_client(ip, relay))
    }
}

/// Whether a filter sees this client's messages.
pub fn wants_message(policy: &Policy<'_>) -> bool {
    policy.settings.milters.of(policy).next().is_some()
}

/// At the connection.
pub fn connection(context: &mut Context<'_, '_>) -> Checked {
    context.session.milter = State::default();
    if !wants_message(&context.policy) {
        return Ok(());
    }
    if context.services.explains() {
        context.services.note(&Note { check: "mail filters", rule: "control/milters", text: "they would be asked; here they are not" });
        return Ok(());
    }
    let milters = &context.policy.settings.milters;
    let sum = |time: fn(&Milter) -> Duration| milters.of(&context.policy).map(time).sum::<Duration>() + OWN_TIME;
    // Connecting has a wait of its own.
    let state = State {
        patience: (2 * sum(|milter| milter.timeout), sum(|milter| milter.message)),
        optional: milters.of(&context.policy).all(|milter| milter.away == Away::Accept),
        ..State::default()
    };
    context.session.milter = state;
    match hand_over(context) {
        Ok(line) => context.session.milter.line = Some(line),
        Err(error) => return lost(context, &error, Subject::default()).map_err(at_connection),
    }
    let client = context.policy.client;
    let value = |name: &str| client.environment.value(name).unwrap_or_default();
    let text = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
    let (ip, local_ip) = (text(client.ip), text(client.local_ip));
    let relay: &[u8] = if client.relay.is_some() { b"relay" } else { b"" };
    let (port, local_port) = (value("TCPREMOTEPORT"), value("TCPLOCALPORT"));
    let question = [b"connect", client.host.as_bytes(), ip.as_bytes(), port, local_ip.as_bytes(), local_port, relay];
    tell(context, &question, Subject::default()).map_err(at_connection)
}

/// At HELO.
pub fn helo(context: &mut Context<'_, '_>) -> Checked {
    let Some(name) = context.session.greeted.as_ref().map(|greeted| greeted.name.clone()) else { return Ok(()) };
    let macros = macros::of_tls(context.session);
    let question: Vec<&[u8]> = [&b"helo"[..], name.as_bytes()].into_iter().chain(macros.iter().map(String::as_bytes)).collect();
    tell(context, &question, Subject::default())
}

/// At MAIL.
pub fn sender(context: &mut Context<'_, '_>, transaction: &Transaction) -> Checked {
    let envelope = &transaction.envelope;
    context.session.milter.transactions += 1;
    // There is no queue id yet; this is what joins a filter's log with ours, which tells the process.
    let tag = format!("{}.{}", std::process::id(), context.session.milter.transactions);
    let ret = envelope.ret.map(|ret| if ret == Ret::Full { "RET=FULL" } else { "RET=HDRS" });
    let envid = envelope.envid.as_ref().map(|envid| format!("ENVID={envid}"));
    let (eight_bit, utf8) = (envelope.eight_bit.then_some("BODY=8BITMIME"), envelope.smtputf8.then_some("SMTPUTF8"));
    let parameters = [eight_bit, utf8, envelope.require_tls.then_some("REQUIRETLS"), ret, envid.as_deref()];
    let macros = macros::of_account(context.session);
    let question = ["mail", &tag, &envelope.sender].into_iter().chain(parameters.into_iter().flatten());
    let question: Vec<&[u8]> = question.chain(macros.iter().map(String::as_str)).map(str::as_bytes).collect();
    tell(context, &question, Subject::from(&envelope.sender))
}

/// At RCPT.
pub fn recipient(context: &mut Context<'_, '_>, recipient: &Mailbox) -> Checked {
    let address = recipient.to_string();
    tell(context, &[b"rcpt", address.as_bytes()], Subject::to(&address))
}

/// At the end of the message.
pub fn message(context: &mut Context<'_, '_>, draft: &mut Draft) -> Checked {
    if !context.session.milter.refuses() && context.session.milter.line.is_none() {
        return Ok(());
    }
    let subject =
        || Subject { to: draft.envelope.recipients.first().map(|one| one.address.clone()), ..Subject::from(&draft.envelope.sender) };
    let question: Vec<&[u8]> = std::iter::once(&b"message"[..]).chain(draft.front.iter().map(String::as_bytes)).collect();
    let within = context.session.milter.patience.1;
    let asked = match &mut context.session.milter.line {
        Some(line) => line.ask(&question, Some(draft.descriptor()), within),
        None => Err(io::ErrorKind::NotConnected.into()),
    };
    let Heard { what: answer, descriptor } = match asked {
        Ok(heard) => heard,
        Err(error) => {
            let subject = subject();
            return self::lost(context, &error, subject);
        }
    };
    judged(&answer, subject())?;
    apply(draft, &answer, descriptor.map(File::from)).map_err(|reason| {
        context.services.complain(&format!("unable to do what a mail filter wants of a message: {reason}"));
        Refusal::new(unavailable(), "control/milters", Subject::from(&draft.envelope.sender))
    })
}

fn hand_over(context: &mut Context<'_, '_>) -> io::Result<Line> {
    let (ours, theirs) = stafett_sys::socket::pair(stafett_sys::socket::Style::Packets)?;
    context.services.hand_over(Service::Milter, theirs.as_fd(), OWN_TIME)?;
    Ok(Line::new(ours))
}

/// Tells of a step; without filters it costs nothing.
fn tell(context: &mut Context<'_, '_>, question: &[&[u8]], subject: Subject) -> Checked {
    let refuses = context.session.milter.refuses();
    let State { line, patience, .. } = &mut context.session.milter;
    match line {
        None if refuses => Err(refused(subject)),
        None => Ok(()),
        Some(line) => match line.ask(question, None, patience.0) {
            Ok(heard) => judged(&heard.what, subject),
            Err(error) => self::lost(context, &error, subject),
        },
    }
}

fn lost(context: &mut Context<'_, '_>, error: &io::Error, subject: Subject) -> Checked {
    context.services.complain(&format!("unable to ask stafett-milter: {error}"));
    let state = &mut context.session.milter;
    state.line = None;
    state.lost = true;
    if state.optional { Ok(()) } else { Err(refused(subject)) }
}

fn refused(subject: Subject) -> Box<Refusal> {
    Refusal::new(unavailable(), "control/milters", subject)
}

fn unavailable() -> Reply {
    Reply::new(451, (4, 3, 0), "the mail filters cannot be asked, try again later")
}

fn judged(answer: &Answer, subject: Subject) -> Checked {
    if answer.verdict == Verdict::Ok {
        return Ok(());
    }
    let mut lines = answer.text.split('\n');
    let first = Reply::from_text(lines.next().unwrap_or_default());
    let reply = lines.fold(first, |reply, line| reply.line(line.to_owned()));
    Err(Refusal::new(reply, rule(answer.field(0)), subject))
}

fn rule(named: Option<String>) -> String {
    named.filter(|rule| rule.starts_with("control/milters")).unwrap_or_else(|| "control/milters".to_owned())
}

/// RFC 5321 §3.1: a server that does not greet says 554, or 421 and hangs up.
fn at_connection(mut refusal: Box<Refusal>) -> Box<Refusal> {
    let code = if refusal.reply.code() < 500 { 421 } else { 554 };
    refusal.reply = refusal.reply.with_code(code);
    refusal
}

fn apply(draft: &mut Draft, answer: &Answer, body: Option<File>) -> Result<(), String> {
    let (mut patches, mut tail) = (Vec::new(), None);
    let recipients = draft.envelope.recipients.clone();
    for field in &answer.fields {
        let (letter, value) = field.split_first().ok_or("an empty field")?;
        if *letter == b'P' {
            patches.push(patch(value)?);
            continue;
        }
        let value = std::str::from_utf8(value).map_err(|_| "a field that is no UTF-8 text")?;
        match letter {
            b'X' => draft.discarded = Some(Discarded { rule: rule(Some(value.to_owned())) }),
            b'Q' => draft.envelope.hold = Some(value.chars().filter(|symbol| !symbol.is_control()).take(REASON_MAX).collect()),
            b'F' => draft.envelope.sender = sender_of(value)?,
            b'A' => add(draft, value)?,
            b'R' => remove(draft, value),
            b'B' => tail = Some(value.parse::<u64>().map_err(|_| "a body at no place")?),
            _ => return Err(format!("an unknown field {}", letter.escape_ascii())),
        }
    }
    if draft.envelope.recipients.is_empty() && draft.discarded.is_none() {
        draft.discarded = Some(Discarded { rule: "control/milters".to_owned() });
        // for the log
        draft.envelope.recipients = recipients;
    }
    let body = match (tail, body) {
        (Some(from), Some(file)) => Some((from, file)),
        (None, _) => None,
        (Some(_), None) => return Err("a new body that did not come".to_owned()),
    };
    if patches.is_empty() && body.is_none() {
        return Ok(());
    }
    draft.change(&patches, body.as_ref().map(|(from, file)| (*from, file))).map_err(|error| error.to_string())
}

/// `START END:BYTES`
fn patch(value: &[u8]) -> Result<Patch, String> {
    let colon = value.iter().position(|byte| *byte == b':').ok_or("a patch without its bytes")?;
    let (place, with) = value.split_at(colon);
    let number = |text: &str| text.parse::<u64>().map_err(|_| "a patch at no place".to_owned());
    let (start, end) = std::str::from_utf8(place).ok().and_then(|place| place.split_once(' ')).ok_or("a patch at no place")?;
    Ok(Patch { range: Range { start: number(start)?, end: number(end)? }, with: with.get(1..).unwrap_or_default().to_vec() })
}

fn sender_of(address: &str) -> Result<String, String> {
    match Path::parse(&format!("<{address}>")) {
        Ok(Path::Null) => Ok(String::new()),
        Ok(Path::Mailbox(mailbox)) => Ok(mailbox.to_string()),
        Ok(Path::Bare(_)) => Err(format!("the sender {address} has no domain")),
        Err(error) => Err(format!("the sender {address}: {error}")),
    }
}

/// A recipient and its parameters, with NUL between.
fn add(draft: &mut Draft, value: &str) -> Result<(), String> {
    let mut parts = value.split('\0');
    let address = parts.next().unwrap_or_default();
    let mailbox = Mailbox::parse(address).map_err(|error| format!("the recipient {address}: {error}"))?;
    draft.envelope.smtputf8 |= !mailbox.is_ascii();
    let mut recipient = Recipient::new(mailbox.to_string());
    if draft.envelope.recipients.iter().any(|known| known.address == recipient.address) {
        return Ok(());
    }
    if parts.any(|part| part.eq_ignore_ascii_case("NOTIFY=NEVER")) {
        recipient.notify = Some("NEVER".to_owned());
    }
    draft.envelope.recipients.push(recipient);
    Ok(())
}

fn remove(draft: &mut Draft, address: &str) {
    let canonical = Mailbox::parse(address).map_or_else(|_| address.to_owned(), |mailbox| mailbox.to_string());
    draft.envelope.recipients.retain(|known| !known.address.eq_ignore_ascii_case(&canonical));
}

#[cfg(test)]
#[path = "milter_test.rs"]
mod tests;
