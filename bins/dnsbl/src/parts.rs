//! What can be asked, and what has been found.

use crate::names::domain;
use stafett_ask::{Answer, Question, Verdict};
use std::net::IpAddr;

/// The verb of the one question.
pub const LOOK: &str = "look";

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The client's address in the lists of addresses.
    Client,
    /// The name in HELO in the lists of domains.
    Helo,
    /// The sender's domain in the lists of domains.
    Sender,
    /// The reverse name of the client's address.
    Reverse,
    /// Whether the sender's domain can have mail.
    Domain,
}

/// A question of smtpd.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What the client calls itself, where that is a domain name.
    pub helo: Option<String>,
    /// The sender's domain, where it has a name.
    pub sender: Option<String>,
    /// What is wanted.
    pub parts: Vec<Part>,
}

/// What one part has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which part.
    pub part: Part,
    /// K nothing against it, Z refuse for now, D refuse.
    pub verdict: Verdict,
    /// The line that decided; for the reverse name and the domain a word, see stafett-protocols(7).
    pub rule: String,
    /// A list's text, a name, or a reason.
    pub text: String,
    /// A list has not answered, and none of the others decided.
    pub is_open: bool,
}

impl Part {
    const ALL: [Part; 5] = [Part::Client, Part::Helo, Part::Sender, Part::Reverse, Part::Domain];

    /// Its word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Part::Client => "client",
            Part::Helo => "helo",
            Part::Sender => "sender",
            Part::Reverse => "reverse",
            Part::Domain => "domain",
        }
    }

    fn parse(word: &[u8]) -> Option<Part> {
        Part::ALL.into_iter().find(|part| part.word().as_bytes() == word)
    }
}

impl Inquiry {
    /// The question `look ip helo domain part...`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(question: &Question) -> Result<Inquiry, &'static str> {
        let [verb, ip, _, _, parts @ ..] = &question.fields[..] else { return Err("too few fields") };
        if verb != LOOK.as_bytes() || parts.len() > Part::ALL.len() {
            return Err("not a question that this service knows");
        }
        let ip = std::str::from_utf8(ip).map_err(|_| "an address that is no text")?;
        Ok(Inquiry {
            ip: if ip.is_empty() { None } else { Some(ip.parse().map_err(|_| "not an address")?) },
            helo: question.text(2).and_then(domain),
            sender: question.text(3).and_then(domain),
            parts: parts.iter().map(|part| Part::parse(part)).collect::<Option<_>>().ok_or("a part that is not known")?,
        })
    }
}

impl Finding {
    /// Nothing against it.
    pub fn pass(part: Part) -> Finding {
        Finding { part, verdict: Verdict::Ok, rule: String::new(), text: String::new(), is_open: false }
    }
}

/// The answer: four fields for each part.
pub fn answer(findings: &[Finding]) -> Answer {
    let add = |answer: Answer, finding: &Finding| {
        let verdict = [finding.verdict.letter()];
        answer.with(finding.part.word()).with(verdict).with(finding.rule.as_str()).with(finding.text.as_str())
    };
    findings.iter().fold(Answer::new(Verdict::Ok, "looked"), add)
}
