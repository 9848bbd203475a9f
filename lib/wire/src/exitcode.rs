//! The exit codes of qmail-queue(8): the published table of whoever stands in its place, read and written here alone.
//!
//! What: the encoder serves stafett-queue, the decoder serves smtpd where QMAILQUEUE names a program. 11 to 40 are
//! permanent, every other code but 0 is temporary. With [`CUSTOM`] the program has written a text of its own on
//! descriptor [`CUSTOM_DESCRIPTOR`]: `D` or `Z` and the words.
//! Security stance: a program's words are cut and made printable; an unknown code is never success.
//! How it fails: not at all; what makes no sense is a temporary failure.

use crate::injector::Answer;

/// Queued.
pub const OK: i32 = 0;
/// An address is too long.
pub const ADDRESS_TOO_LONG: i32 = 11;
/// Refused for good.
pub const REFUSED: i32 = 31;
/// Out of memory.
pub const MEMORY: i32 = 51;
/// Gave up waiting.
pub const TIMEOUT: i32 = 52;
/// A write failed, or the disk is full.
pub const WRITE: i32 = 53;
/// The message or the envelope could not be read.
pub const READ: i32 = 54;
/// The configuration cannot be used.
pub const CONFIGURATION: i32 = 55;
/// The queue is not here.
pub const HOME: i32 = 61;
/// Refused for now.
pub const NOT_NOW: i32 = 71;
/// Nobody listens at the queue's socket.
pub const CONNECTION: i32 = 74;
/// The program has a fault.
pub const BUG: i32 = 81;
/// The reason stands on [`CUSTOM_DESCRIPTOR`].
pub const CUSTOM: i32 = 82;
/// The envelope breaks its format.
pub const ENVELOPE: i32 = 91;
/// The program could not be executed.
pub const NOT_EXECUTED: i32 = 120;

/// Where the text of [`CUSTOM`] is written.
pub const CUSTOM_DESCRIPTOR: i32 = 6;

/// The longest text of [`CUSTOM`], in bytes with its letter.
pub const LONGEST_TEXT: usize = 255;

/// Every code with a meaning of its own, and the SMTP reply for it.
const TABLE: &[(i32, &str)] = &[
    (ADDRESS_TOO_LONG, "553 5.1.3 an address is too long for the queue"),
    (REFUSED, "554 5.3.0 the queue refuses this message"),
    (MEMORY, "451 4.3.0 the queue is out of memory"),
    (TIMEOUT, "451 4.3.0 the queue timed out"),
    (WRITE, "452 4.3.1 the queue cannot write, or its disk is full"),
    (READ, "451 4.3.0 the queue cannot read the message"),
    (CONFIGURATION, "451 4.3.5 the queue has no usable configuration"),
    (56, "451 4.4.1 the queue has no network"),
    (HOME, "451 4.3.5 the queue has lost its home"),
    (62, "451 4.3.5 the queue has lost its directory"),
    (63, "451 4.3.0 the queue cannot make its files"),
    (64, "451 4.3.0 the queue cannot make its files"),
    (65, "451 4.3.0 the queue cannot make its files"),
    (66, "451 4.3.0 the queue cannot make its files"),
    (NOT_NOW, "451 4.3.0 the queue refuses this message for now"),
    (72, "451 4.4.1 the connection to the queue timed out"),
    (73, "451 4.4.1 the connection to the queue was refused"),
    (CONNECTION, "451 4.4.2 the connection to the queue failed"),
    (BUG, "451 4.3.0 the queue program has a fault"),
    (CUSTOM, "451 4.3.0 the queue refuses without a reason"),
    (ENVELOPE, "451 4.3.0 the queue does not understand the envelope"),
    (NOT_EXECUTED, "451 4.3.5 the queue program cannot be executed"),
];

/// What a program's exit code and, with [`CUSTOM`], its text mean. `id` is what an accepted message is called.
pub fn decode(code: i32, text: &[u8], id: &str) -> Answer {
    if code == OK {
        return Answer::Accepted(id.to_owned());
    }
    if let (CUSTOM, Some(answer)) = (code, decode_text(text)) {
        return answer;
    }
    let known = TABLE.iter().find(|(known, _)| *known == code).map(|(_, reply)| (*reply).to_owned());
    if (11..=40).contains(&code) {
        Answer::Permanent(known.unwrap_or_else(|| format!("554 5.3.0 the queue refuses this message (code {code})")))
    } else {
        Answer::Temporary(known.unwrap_or_else(|| format!("451 4.3.0 the queue failed (code {code})")))
    }
}

/// The exit code for queued's answer, for callers that read no text.
pub fn encode(answer: &Answer) -> i32 {
    match answer {
        Answer::Accepted(_) => OK,
        Answer::Permanent(_) => REFUSED,
        Answer::Temporary(text) if text.starts_with("452 4.3.1") => WRITE,
        Answer::Temporary(_) => NOT_NOW,
    }
}

/// The text of [`CUSTOM`] for queued's answer; none for an accepted message.
pub fn encode_text(answer: &Answer) -> Option<Vec<u8>> {
    let mut text = match answer {
        Answer::Accepted(_) => return None,
        other => other.encode(),
    };
    text.truncate(LONGEST_TEXT);
    Some(text)
}

/// The words may begin with codes of their own (`Z452 4.3.1 …`); otherwise they get general ones.
fn decode_text(text: &[u8]) -> Option<Answer> {
    let text = text.get(..text.len().min(LONGEST_TEXT))?;
    let (letter, words) = text.split_first().filter(|(_, words)| words.len() >= 2)?;
    let words: String = words.iter().map(|byte| printable(*byte)).collect();
    let words = words.trim_end();
    match letter {
        b'D' if has_code(words, '5') => Some(Answer::Permanent(words.to_owned())),
        b'Z' if has_code(words, '4') => Some(Answer::Temporary(words.to_owned())),
        b'D' => Some(Answer::Permanent(format!("554 5.3.0 {words}"))),
        b'Z' => Some(Answer::Temporary(format!("451 4.3.0 {words}"))),
        _ => None,
    }
}

/// Whether words begin like `452 4.`.
fn has_code(words: &str, class: char) -> bool {
    let mut characters = words.chars();
    characters.next() == Some(class)
        && characters.by_ref().take(2).filter(char::is_ascii_digit).count() == 2
        && characters.next() == Some(' ')
        && characters.next() == Some(class)
        && characters.next() == Some('.')
}

fn printable(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '?' }
}

#[cfg(test)]
#[path = "exitcode_test.rs"]
mod exitcode_test;
