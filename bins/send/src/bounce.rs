//! The text of a bounce: qmail's human words and the machine's report (RFC 3461, 3462, 3464, 6522).
//!
//! Security stance: recipients, replies and headers come from strangers. What is quoted stands in a
//! MIME part of its own whose border cannot occur in it; texts are cut and made printable.
//! How it fails: it does not; a message that cannot be read is returned without its content.

use crate::report::{date_of, fold, report_part};
use crate::returned::Returned;
use crate::settings::Bounces;
use crate::verp;
use stafett_envelope::{Envelope, Recipient};
use stafett_log::safe;
use stafett_message::date;
use stafett_queue_store::Id;
use std::fmt::Write as _;
use std::fs::File;
use std::time::SystemTime;

/// The sender of a double bounce (qmail-send(8)).
pub const DOUBLE: &str = "#@[]";

/// What became of a recipient (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It failed for good.
    Failed,
    /// It was delivered to a host that will not report success itself.
    Relayed,
    /// It was delivered to a user of this host.
    Delivered,
    /// It is late, and still tried.
    Delayed {
        /// Until then, seconds since 1970, if that can be said.
        until: Option<u64>,
    },
}

impl Action {
    fn is_delay(self) -> bool {
        matches!(self, Action::Delayed { .. })
    }
}

/// What the sender is told of a recipient.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Who.
    pub recipient: Recipient,
    /// What became of it.
    pub action: Action,
    /// How or why, in the words of the report.
    pub text: String,
    /// When the last attempt was, seconds since 1970.
    pub time: u64,
}

/// What becomes of the failures of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A bounce from `sender` to `to`.
    Bounce {
        /// Empty, or [`DOUBLE`].
        sender: &'static str,
        /// Whom it is for.
        to: String,
    },
    /// A bounce of a double bounce, or one that nobody wants: it is dropped, and the log says so.
    Discard,
}

/// Who hears of a failure of a message from `sender`.
pub fn fate(sender: &str, settings: &Bounces) -> Fate {
    match (sender, &settings.double_to) {
        (DOUBLE, _) | ("", None) => Fate::Discard,
        ("", Some(to)) => Fate::Bounce { sender: DOUBLE, to: to.clone() },
        (sender, _) => Fate::Bounce { sender: "", to: verp::owner(sender).to_owned() },
    }
}

/// All that a bounce is made from.
#[derive(Debug)]
pub struct Original<'a> {
    /// Its queue id.
    pub id: Id,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// The bytes of the message.
    pub size: u64,
    /// Its file, if it could be opened.
    pub file: Option<&'a File>,
}

/// The bounce: its envelope and its bytes, CRLF lines.
pub fn compose(
    original: &Original<'_>,
    facts: &[Fact],
    sender: &'static str,
    to: &str,
    me: &str,
    settings: &Bounces,
) -> (Envelope, Vec<u8>) {
    let returned = Returned::read(original, has_failed(facts), settings);
    let border = border(original.id, &returned.content);
    let said = |fact: &Fact| fact.recipient.address.is_ascii() && fact.text.is_ascii();
    let report = report_part(original, facts, me, &border);
    let eight_bit = !returned.content.is_ascii() || !to.is_ascii() || !report.is_ascii() || !facts.iter().all(said);
    let mut text = header(original, facts, sender, to, me, settings, &border, eight_bit);
    text.push_str(&human_part(facts, sender, me, &border, eight_bit));
    text.push_str(&report);
    let mut message = text.replace('\n', "\r\n").into_bytes();
    returned.write(&mut message, &border);
    let recipient = Recipient { notify: Some("NEVER".to_owned()).filter(|_| sender.is_empty()), ..Recipient::new(to) };
    let smtputf8 = original.envelope.smtputf8 && eight_bit;
    let envelope = Envelope {
        sender: sender.to_owned(),
        eight_bit,
        smtputf8,
        // RFC 8689 §5: a bounce is as secret as what it is about.
        require_tls: original.envelope.require_tls,
        origin: format!("bounce {}", original.id),
        recipients: vec![recipient],
        ..Envelope::default()
    };
    (envelope, message)
}

/// Words that do not occur in the content; its writer may have guessed the id.
fn border(id: Id, content: &[u8]) -> String {
    let mut border = format!("{id}/stafett");
    while content.windows(border.len()).any(|words| words == border.as_bytes()) {
        border.push('+');
    }
    border
}

fn has_failed(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| fact.action == Action::Failed)
}

fn subject(facts: &[Fact], sender: &str) -> &'static str {
    match sender {
        DOUBLE => "failure notice (double bounce)",
        _ if has_failed(facts) => "failure notice",
        _ if facts.iter().any(|fact| fact.action.is_delay()) => "delay notice",
        _ => "delivery notice",
    }
}

#[allow(clippy::too_many_arguments, reason = "a header has that many parts")]
fn header(
    original: &Original<'_>,
    facts: &[Fact],
    sender: &str,
    to: &str,
    me: &str,
    settings: &Bounces,
    border: &str,
    eight_bit: bool,
) -> String {
    let now = date(SystemTime::now());
    let subject = subject(facts, sender);
    // One message may have several bounces: of its delay, then of its failure.
    let kind = if has_failed(facts) { "bounce" } else { "notice" };
    let (id, last) = (original.id, facts.iter().map(|fact| fact.time).max().unwrap_or_default());
    let encoding = if eight_bit { "8bit" } else { "7bit" };
    format!(
        "Date: {now}\nFrom: {}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{id}.{kind}.{last}@{me}>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"{border}\"\nContent-Transfer-Encoding: {encoding}\n\n\
         This is a message in MIME format about what became of your mail.\n\n",
        settings.from
    )
}

/// The first words are those of a bounce (QSBMF) only where something has failed, and only what has failed stands in angle
/// brackets with a colon behind: managers of mailing lists take both for failures, and would unsubscribe whoever is named so.
fn human_part(facts: &[Fact], sender: &str, me: &str, border: &str, eight_bit: bool) -> String {
    let mut text = format!("--{border}\nContent-Type: text/plain; charset=utf-8\n");
    let _ = writeln!(text, "Content-Transfer-Encoding: {}\n", if eight_bit { "8bit" } else { "7bit" });
    let failed = list(facts, |action| action == Action::Failed);
    let relayed = list(facts, |action| action == Action::Relayed);
    let delivered = list(facts, |action| action == Action::Delivered);
    let delayed = list(facts, Action::is_delay);
    let greeting = if failed.is_empty() { "This is a notice of" } else { "Hi. This is" };
    let _ = writeln!(text, "{greeting} the stafett-send program at {me}.");
    if sender == DOUBLE {
        text.push_str("I tried to deliver a bounce message to this address, but the bounce bounced!\n\n");
        text.push_str(&failed);
        return text;
    }
    if !failed.is_empty() {
        text.push_str("I'm afraid I wasn't able to deliver your message to the following addresses.\n");
        text.push_str("This is a permanent error; I've given up. Sorry it didn't work out.\n\n");
        text.push_str(&failed);
    }
    if !relayed.is_empty() {
        text.push_str("Your message was passed on for the following addresses to a host that sends no\n");
        text.push_str("delivery notices itself. You asked to be told; this is all that can be known here.\n\n");
        text.push_str(&relayed);
    }
    if !delivered.is_empty() {
        text.push_str("Your message was delivered to the following addresses. You asked to be told.\n\n");
        text.push_str(&delivered);
    }
    if !delayed.is_empty() {
        text.push_str("I haven't been able to deliver your message to the following addresses yet.\n");
        text.push_str("This is a warning only; I'm still trying. You don't have to send it again.\n\n");
        text.push_str(&delayed);
    }
    text
}

fn list(facts: &[Fact], is_listed: impl Fn(Action) -> bool) -> String {
    let mut text = String::new();
    for fact in facts.iter().filter(|fact| is_listed(fact.action)) {
        let (address, why) = (&fact.recipient.address, fold(&safe(fact.text.as_bytes()).to_string()));
        let _ = match fact.action {
            Action::Failed => writeln!(text, "<{address}>:\n{why}"),
            _ => writeln!(text, "To {address}\n{why}"),
        };
        if let Action::Delayed { until: Some(until) } = fact.action {
            let _ = writeln!(text, "I'll keep trying until {}.", date_of(until));
        }
        text.push('\n');
    }
    text
}
