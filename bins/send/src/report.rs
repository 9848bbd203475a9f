//! The part of a bounce that machines read (RFC 3464), and the words that it shares with the part for people.
//!
//! Security stance: replies and parameters come from strangers; each becomes a printable line of its own field.

use crate::bounce::{Action, Fact, Original};
use stafett_log::safe;
use stafett_message::date;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// The part with its border in front.
pub(crate) fn report_part(original: &Original<'_>, facts: &[Fact], me: &str, border: &str) -> String {
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
    let (action, status) = match fact.action {
        Action::Failed => ("failed", status(&shown)),
        Action::Relayed => ("relayed", "2.0.0".to_owned()),
        Action::Delivered => ("delivered", "2.0.0".to_owned()),
        Action::Delayed { .. } => ("delayed", delay_status(&shown)),
    };
    let _ = writeln!(text, "Final-Recipient: {kind};{address}\nAction: {action}\nStatus: {status}");
    if let Some(said) = diagnostic {
        let _ = writeln!(text, "Diagnostic-Code: smtp; {}", fold(&said));
    }
    let _ = writeln!(text, "Last-Attempt-Date: {}", date_of(fact.time));
    if let Action::Delayed { until: Some(until) } = fact.action {
        let _ = writeln!(text, "Will-Retry-Until: {}", date_of(until));
    }
    text.push('\n');
    text
}

/// The enhanced status code of a failure: what the text holds, or the general permanent one (RFC 3463).
fn status(text: &str) -> String {
    // A failure is permanent whatever the last reply was: too old is 4.4.7 seen by us as final.
    code(text).map_or_else(|| "5.0.0".to_owned(), |code| if code.starts_with('4') { "5.4.7".to_owned() } else { code.to_owned() })
}

/// That of a delay, whatever a host says that mixes up the classes.
fn delay_status(text: &str) -> String {
    code(text).filter(|code| code.starts_with('4')).unwrap_or("4.0.0").to_owned()
}

/// The first enhanced status code of a failure, permanent or not, in a text.
fn code(text: &str) -> Option<&str> {
    let is_code = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        let digits = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        matches!(&parts[..], [class, subject, detail] if (*class == "5" || *class == "4") && digits(subject) && digits(detail))
    };
    text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '#' | '/' | '-')).find(is_code)
}

/// Breaks a long line into several that begin with a blank (RFC 5322 section 2.2.3).
pub(crate) fn fold(text: &str) -> String {
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

/// The date of so many seconds since 1970.
pub(crate) fn date_of(seconds: u64) -> String {
    date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
