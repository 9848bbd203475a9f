//! The text of a bounce: qmail's human words and the machine's report (RFC 3461, 3462, 3464, 6522).
//!
//! Security stance: recipients, replies and headers come from strangers. What is quoted stands in a
//! MIME part of its own whose border cannot occur in it; texts are cut and made printable.
//! How it fails: it does not; a message that cannot be read is returned without its content.

use crate::settings::Bounces;
use crate::verp;
use stafett_envelope::{Envelope, Head, Recipient, Ret};
use stafett_log::safe;
use stafett_message::date;
use stafett_queue_store::Id;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

/// The sender of a double bounce (qmail-send(8)).
pub const DOUBLE: &str = "#@[]";
/// The largest header that is returned, in bytes.
const LARGEST_HEADER: u64 = 64 * 1024;

/// What became of a recipient (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It failed for good.
    Failed,
    /// It was delivered to a host that will not report success itself.
    Relayed,
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
    let returned = Returned::read(original, settings);
    let border = border(original.id, &returned.content);
    let said = |fact: &Fact| fact.recipient.address.is_ascii() && fact.text.is_ascii();
    let report = report_part(original, facts, me, &border);
    let eight_bit = !returned.content.is_ascii() || !to.is_ascii() || !report.is_ascii() || !facts.iter().all(said);
    let mut text = header(original, subject(facts, sender), to, me, settings, &border, eight_bit);
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

fn subject(facts: &[Fact], sender: &str) -> &'static str {
    match (sender, facts.iter().any(|fact| fact.action == Action::Failed)) {
        (DOUBLE, _) => "failure notice (double bounce)",
        (_, true) => "failure notice",
        (_, false) => "delivery notice",
    }
}

fn header(original: &Original<'_>, subject: &str, to: &str, me: &str, settings: &Bounces, border: &str, eight_bit: bool) -> String {
    let now = date(SystemTime::now());
    let id = original.id;
    let encoding = if eight_bit { "8bit" } else { "7bit" };
    format!(
        "Date: {now}\nFrom: {}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{id}.bounce@{me}>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"{border}\"\nContent-Transfer-Encoding: {encoding}\n\n\
         This is a message in MIME format about what became of your mail.\n\n",
        settings.from
    )
}

fn human_part(facts: &[Fact], sender: &str, me: &str, border: &str, eight_bit: bool) -> String {
    let mut text = format!("--{border}\nContent-Type: text/plain; charset=utf-8\n");
    let _ = writeln!(text, "Content-Transfer-Encoding: {}\n", if eight_bit { "8bit" } else { "7bit" });
    let _ = writeln!(text, "Hi. This is the stafett-send program at {me}.");
    if sender == DOUBLE {
        text.push_str("I tried to deliver a bounce message to this address, but the bounce bounced!\n\n");
        text.push_str(&list(facts, Action::Failed));
        return text;
    }
    let (failed, relayed) = (list(facts, Action::Failed), list(facts, Action::Relayed));
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
    text
}

fn list(facts: &[Fact], action: Action) -> String {
    let mut text = String::new();
    for fact in facts.iter().filter(|fact| fact.action == action) {
        let _ = writeln!(text, "<{}>:\n{}\n", fact.recipient.address, fold(&safe(fact.text.as_bytes()).to_string()));
    }
    text
}

fn report_part(original: &Original<'_>, facts: &[Fact], me: &str, border: &str) -> String {
    let utf8 = original.envelope.smtputf8;
    let kind = if utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
    let mut text = String::new();
    if let Some(envid) = &original.envelope.envid {
        let _ = writeln!(text, "Original-Envelope-Id: {}", decode_xtext(envid, utf8));
    }
    let _ = writeln!(text, "Reporting-MTA: dns; {me}\nArrival-Date: {}\nX-Stafett-Queue-ID: {}\n", date(original.id.birth()), original.id);
    for fact in facts {
        text.push_str(&recipient_fields(fact, utf8));
    }
    let encoding = if text.is_ascii() { "" } else { "Content-Transfer-Encoding: 8bit\n" };
    format!("--{border}\nContent-Type: {kind}\n{encoding}\n{text}")
}

fn recipient_fields(fact: &Fact, utf8: bool) -> String {
    let mut text = String::new();
    if let Some((kind, address)) = fact.recipient.orcpt.as_deref().and_then(|orcpt| orcpt.split_once(';')) {
        let _ = writeln!(text, "Original-Recipient: {kind};{}", decode_xtext(address, utf8));
    }
    let address = &fact.recipient.address;
    let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
    let shown = safe(fact.text.as_bytes()).to_string();
    let diagnostic = shown.split_once("Remote host said: ").map(|(_, said)| said.trim_end_matches('/').to_owned());
    let last = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(fact.time);
    let (action, status) = match fact.action {
        Action::Failed => ("failed", status(&shown)),
        Action::Relayed => ("relayed", "2.0.0".to_owned()),
    };
    let _ = writeln!(text, "Final-Recipient: {kind};{address}\nAction: {action}\nStatus: {status}");
    if let Some(said) = diagnostic {
        let _ = writeln!(text, "Diagnostic-Code: smtp; {}", fold(&said));
    }
    let _ = writeln!(text, "Last-Attempt-Date: {}\n", date(last));
    text
}

/// The enhanced status code that a text holds, or the general permanent one (RFC 3463).
fn status(text: &str) -> String {
    let is_code = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        let digits = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        matches!(&parts[..], [class, subject, detail] if (*class == "5" || *class == "4") && digits(subject) && digits(detail))
    };
    let found = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '#' | '/' | '-')).find(is_code);
    // A failure is permanent whatever the last reply was: too old is 4.4.7 seen by us as final.
    found.map_or_else(|| "5.0.0".to_owned(), |code| if code.starts_with('4') { "5.4.7".to_owned() } else { code.to_owned() })
}

/// Breaks a long line into several that begin with a blank (RFC 5322 section 2.2.3).
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + word.len() > 70 {
            out.push_str("\n ");
            column = 1;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

/// xtext back to text, printable only (RFC 3461 section 4); what is not ASCII has a place in a report for SMTPUTF8 alone.
fn decode_xtext(text: &str, utf8: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, pair) {
            (b'+', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    let decoded = safe(&bytes).to_string();
    if utf8 { decoded } else { decoded.replace(|symbol: char| !symbol.is_ascii(), "_") }
}

/// The lines that go in front of the message at delivery.
fn trace(envelope: &Envelope) -> Vec<u8> {
    let lines = envelope.head.iter().filter_map(|head| if let Head::Line(line) = head { Some(line) } else { None });
    lines.flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
}

/// The third part: the original, or its header.
struct Returned {
    content: Vec<u8>,
    whole: bool,
    global: bool,
}

impl Returned {
    fn read(original: &Original<'_>, settings: &Bounces) -> Returned {
        let asked = original.envelope.ret != Some(Ret::Headers);
        let whole = asked && original.size <= settings.max_bytes;
        let length = if whole { original.size } else { original.size.min(LARGEST_HEADER) };
        let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = original.file.is_some_and(|file| file.read_exact_at(&mut content, 0).is_ok());
        if !read {
            content.clear();
        }
        let mut content = [trace(original.envelope), content].concat();
        if !whole {
            let end = content.windows(4).position(|four| four == b"\r\n\r\n").map_or(content.len(), |at| at + 2);
            content.truncate(end);
            // A header that was cut in the middle of a line ends with its last whole line.
            let last = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            content.truncate(last);
        }
        Returned { content, whole, global: original.envelope.smtputf8 }
    }

    fn write(&self, out: &mut Vec<u8>, border: &str) {
        let kind = match (self.whole, self.global) {
            (true, false) => "message/rfc822",
            (true, true) => "message/global",
            (false, false) => "text/rfc822-headers",
            (false, true) => "message/global-headers",
        };
        let encoding = if self.content.is_ascii() { "7bit" } else { "8bit" };
        out.extend_from_slice(format!("--{border}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
        out.extend_from_slice(&self.content);
        out.extend_from_slice(format!("\r\n--{border}--\r\n").as_bytes());
    }
}
