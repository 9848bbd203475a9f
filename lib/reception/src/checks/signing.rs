//! Signatures and seals in front of messages: DKIM for what our own clients send, ARC for mail of others that goes on.
//!
//! What it does: gives the whole message to stafett-dkim, after every other check and every change, and puts the lines that come
//! back in front. Of what our clients send, a message whose From field `control/dkimsign` does not name goes on without.
//!
//! How it fails: where `control/dkimsign` or `control/arcseal` is about a message and the service does not answer, the message is
//! refused for now: nothing goes out without the signature that it should have.

use std::time::Duration;

use stafett_address::Mailbox;
use stafett_ask::{Answer, Verdict};
use stafett_control::{Control, Error, rows};
use stafett_envelope::Envelope;
use stafett_instance::Service;
use stafett_message::header;
use stafett_route::{DomainPattern, Signed};
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::client::Signs;
use crate::draft::Draft;
use crate::policy::Policy;
use crate::refusal::{Refusal, Subject};
use crate::services::Note;
use crate::session::Session;
use crate::settings::pattern;

/// How long to wait; a message of 100 MB takes a second.
const WITHIN: Duration = Duration::from_secs(45);
/// The longest line of a header field, in bytes (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;
/// Where the header must be over for smtpd to judge it; a longer one is for the service.
const HEADER_MOST: usize = 64 * 1024;
/// The fields that the service may make.
const FIELDS: [&str; 4] = ["DKIM-Signature: ", "ARC-Seal: ", "ARC-Message-Signature: ", "ARC-Authentication-Results: "];

/// What the control files say.
#[derive(Debug, Default)]
pub struct Rules {
    /// Whose mail is signed, of clients that may send to anywhere.
    signs: Signed,
    /// For which recipients mail of others is sealed, each with its line.
    seals: Vec<(DomainPattern, usize)>,
}

impl Rules {
    /// Reads them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Rules, Error> {
        let lines = control.map(&rows::ARCSEAL)?.unwrap_or_default();
        let seals = lines.iter().map(|item| Ok((pattern(&rows::ARCSEAL, item.line, &item.value.0)?, item.line)));
        Ok(Rules { signs: Signed::read(control)?, seals: seals.collect::<Result<_, Error>>()? })
    }

    /// The domain of a recipient for whom it is sealed, and the line that says so.
    fn seal(&self, envelope: &Envelope) -> Option<(String, usize)> {
        if self.seals.is_empty() {
            return None;
        }
        envelope.recipients.iter().find_map(|recipient| {
            let mailbox = Mailbox::parse(&recipient.address).ok()?;
            let domain = mailbox.domain().as_name()?;
            let (_, line) = self.seals.iter().find(|(pattern, _)| pattern.fits(domain))?;
            Some((domain.to_owned(), *line))
        })
    }
}

/// What is wanted for a message.
enum Wanted {
    /// Which of them: all, or those of what begins here.
    Signatures(Signs),
    Seal(String, usize),
}

impl Wanted {
    fn rule(&self) -> String {
        match self {
            Wanted::Signatures(_) => "control/dkimsign".to_owned(),
            Wanted::Seal(_, line) => format!("control/arcseal:{line}"),
        }
    }
}

/// Whether a message is signed or sealed.
pub fn wants_message(policy: Policy<'_>, session: &Session, envelope: &Envelope) -> bool {
    wanted(policy, session, envelope).is_some()
}

fn wanted(policy: Policy<'_>, session: &Session, envelope: &Envelope) -> Option<Wanted> {
    let rules = &policy.settings.signing;
    if policy.is_trusted(session) {
        let signs = policy.client.signs;
        return (signs != Signs::None && !rules.signs.is_empty()).then_some(Wanted::Signatures(signs));
    }
    rules.seal(envelope).map(|(domain, line)| Wanted::Seal(domain, line))
}

/// Signs or seals a message.
///
/// # Errors
/// The refusal.
pub fn message(context: &mut Context<'_, '_>, draft: &mut Draft) -> Checked {
    if draft.discarded.is_some() {
        return Ok(());
    }
    let Some(wanted) = wanted(context.policy, context.session, &draft.envelope) else { return Ok(()) };
    if let Wanted::Signatures(signs) = wanted
        && !concerns(&context.policy.settings.signing.signs, signs, draft)
    {
        context.services.note(&Note { check: "signing", rule: &wanted.rule(), text: "nothing to sign" });
        return Ok(());
    }
    let mut question: Vec<&[u8]> = match &wanted {
        Wanted::Signatures(Signs::Own) => vec![b"local"],
        Wanted::Signatures(_) => vec![b"sign"],
        Wanted::Seal(domain, _) => vec![b"seal", domain.as_bytes()],
    };
    question.extend(draft.front.iter().map(String::as_bytes));
    let lines = match context.services.ask(Service::Dkim, &question, Some(draft.descriptor()), WITHIN) {
        Ok(answer) if answer.verdict == Verdict::Permanent => return Err(refused(draft, &wanted, never(&answer.text))),
        Ok(answer) => lines(&answer).ok_or(answer.text),
        Err(error) => Err(error.to_string()),
    };
    match lines {
        Ok(lines) => {
            let text = if lines.is_empty() { "nothing to sign".to_owned() } else { format!("{} lines in front", lines.len()) };
            context.services.note(&Note { check: "signing", rule: &wanted.rule(), text: &text });
            draft.front.splice(0..0, lines);
            Ok(())
        }
        Err(reason) => {
            context.services.complain(&format!("unable to have stafett-dkim sign a message: {reason}"));
            Err(refused(draft, &wanted, later()))
        }
    }
}

/// Whether the service has a say about a message, as far as that can be told without it.
fn concerns(rules: &Signed, signs: Signs, draft: &Draft) -> bool {
    let Ok(begin) = draft.begin(HEADER_MOST) else { return true };
    if header::length(&begin) == begin.len() && draft.size() > begin.len() as u64 {
        return true;
    }
    let has = |name: &str| header::fields(&begin).any(|field| field.is(name));
    let from = header::fields(&begin).filter(|field| field.is("From")).map(|field| field.value);
    rules.concerns(from) && !(signs == Signs::Own && has("Received"))
}

/// The lines of an answer, if they are what it may be.
fn lines(answer: &Answer) -> Option<Vec<String>> {
    let lines: Vec<String> = (0..answer.fields.len()).filter_map(|index| answer.field(index)).collect();
    let plain = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic();
    let is_line = |line: &String| {
        let begins = line.starts_with('\t') || FIELDS.iter().any(|field| line.starts_with(field));
        begins && line.len() <= LINE_MAX && line.bytes().all(plain)
    };
    let is_good = answer.verdict == Verdict::Ok && lines.iter().all(is_line) && !lines.first().is_some_and(|line| line.starts_with('\t'));
    is_good.then_some(lines)
}

fn refused(draft: &Draft, wanted: &Wanted, reply: Reply) -> Box<Refusal> {
    let recipients = &draft.envelope.recipients;
    let first = recipients.first().map(|recipient| recipient.address.clone());
    let subject = Subject { to: first, ..Subject::from(&draft.envelope.sender) }.count(format!("recipients {}", recipients.len()));
    Refusal::new(reply, wanted.rule(), subject)
}

fn later() -> Reply {
    Reply::new(451, (4, 3, 0), "unable to sign the message now, try again later")
}

fn never(reason: &str) -> Reply {
    Reply::new(550, (5, 6, 0), format!("the message cannot be signed: {reason}"))
}
