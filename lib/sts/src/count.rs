//! What stafett-tlsrpt is told of a session: `count` and the fields of [`Count`].

use std::io;
use std::path::Path;
use std::time::Duration;

use stafett_ask::{Verdict, ask};

/// Verb of the message.
pub const COUNT: &str = "count";
/// Fields of the message, its verb included.
const FIELDS: usize = 10;
/// The longest text of a field but the policy's, in bytes.
const LONGEST: usize = 253;
/// The longest policy, in bytes, and the longest list of mail exchangers.
const LONGEST_POLICY: usize = 6 * 1024;

/// Which kind of policy a session was judged by (RFC 8460 §4.4, policy-type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// TLSA records (RFC 7672).
    Tlsa,
    /// MTA-STS.
    Sts,
    /// None.
    None,
}

/// One session, or one that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Count {
    /// The domain that mail was for.
    pub domain: String,
    /// By which kind of policy the session was judged.
    pub kind: Kind,
    /// The policy, a line each.
    pub policy: Vec<String>,
    /// The mail exchangers that an MTA-STS policy lists.
    pub patterns: Vec<String>,
    /// The result type of a failure (RFC 8460 §4.3); empty after success.
    pub result: String,
    /// Our address in that session.
    pub from: String,
    /// The mail exchanger's name.
    pub host: String,
    /// Its address.
    pub address: String,
    /// More words about a failure.
    pub words: String,
}

impl Kind {
    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Tlsa => "tlsa",
            Kind::Sts => "sts",
            Kind::None => "no-policy-found",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Kind> {
        [Kind::Tlsa, Kind::Sts, Kind::None].into_iter().find(|kind| kind.word() == word)
    }
}

impl Count {
    /// The message's fields, its verb first.
    pub fn fields(&self) -> [String; FIELDS] {
        let text = |text: &String| text.clone();
        [
            COUNT.to_owned(),
            text(&self.domain),
            self.kind.word().to_owned(),
            self.policy.join("\n"),
            self.patterns.join("\n"),
            text(&self.result),
            text(&self.from),
            text(&self.host),
            text(&self.address),
            text(&self.words),
        ]
    }

    /// Reads the fields. What is too long is cut, what is not printable becomes `?`: all of it is quoted in reports.
    pub fn from_fields(fields: &[Vec<u8>]) -> Option<Count> {
        let [_, domain, kind, policy, patterns, result, from, host, address, words] = fields else { return None };
        Some(Count {
            domain: crate::names::canonical(std::str::from_utf8(domain).ok()?)?,
            kind: Kind::from_word(std::str::from_utf8(kind).ok()?)?,
            policy: lines(policy),
            patterns: lines(patterns),
            result: short(result),
            from: short(from),
            host: short(host),
            address: short(address),
            words: short(words),
        })
    }

    /// Tells the service at `socket`.
    ///
    /// # Errors
    /// When it does not take it within that time.
    pub fn tell(&self, socket: &Path, within: Duration) -> io::Result<()> {
        let fields = self.fields();
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
        let answer = ask(socket, &fields, None, within)?;
        if answer.verdict == Verdict::Ok { Ok(()) } else { Err(io::Error::other(answer.text)) }
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.get(..bytes.len().min(LONGEST_POLICY)).unwrap_or_default();
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(short).collect()
}

fn short(bytes: impl AsRef<[u8]>) -> String {
    let printable = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' };
    bytes.as_ref().iter().take(LONGEST).map(printable).collect()
}
