//! What the admin's programs ask of send, on the socket on which queued tells of arrivals.
//!
//! A question is one packet of netstrings: `Q`, a verb, its arguments. send answers with packets
//! whose first netstring is `+` (more follow) or `.` (the last), then text lines; or with one
//! packet of `Z` or `D` and a text. Queue ids go in batches of [`MOST_IDS`].

use crate::Malformed;
use crate::netstring::{all, push};
use std::fmt;

/// Queue ids of one question at most.
pub const MOST_IDS: usize = 4000;
/// Lines of one answer packet at most.
pub const MOST_LINES: usize = 500;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Why each recipient of the messages waits, and when it is tried next.
    Why,
    /// A line for each destination that is known.
    Destinations,
    /// Numbers about the scheduler, `name value` a line.
    Counts,
    /// Keep the messages in queue/hold.
    Hold,
    /// Let held messages go on.
    Release,
    /// Try the messages now.
    Retry,
    /// Try now what waits for the named destinations or recipient domains.
    Flush,
    /// Remove the messages; nobody is told.
    Delete,
    /// Return the messages to their senders.
    Bounce,
    /// Send the messages by another route: the first argument, in the form of smtproutes.
    Route,
}

const WORDS: [(Verb, &str); 10] = [
    (Verb::Why, "why"),
    (Verb::Destinations, "destinations"),
    (Verb::Counts, "counts"),
    (Verb::Hold, "hold"),
    (Verb::Release, "release"),
    (Verb::Retry, "retry"),
    (Verb::Flush, "flush"),
    (Verb::Delete, "delete"),
    (Verb::Bounce, "bounce"),
    (Verb::Route, "route"),
];

impl Verb {
    /// The verb of a word.
    pub fn from_word(word: &str) -> Option<Verb> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(verb, _)| *verb)
    }

    /// The word on the wire, in the log and on qtool's command line.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(verb, _)| *verb == self).map_or("", |(_, word)| word)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked for.
    pub verb: Verb,
    /// Queue ids, destinations, or a route and queue ids.
    pub arguments: Vec<String>,
}

impl Question {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 20 * self.arguments.len());
        push(&mut out, b"Q");
        push(&mut out, self.verb.word().as_bytes());
        for argument in &self.arguments {
            push(&mut out, argument.as_bytes());
        }
        out
    }

    /// Whether a packet is a question and no arrival.
    pub fn is_one(packet: &[u8]) -> bool {
        packet.starts_with(b"1:Q,")
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// When it is no question that this version knows.
    pub fn parse(packet: &[u8]) -> Result<Question, Malformed> {
        let parts = all(packet, 3 + MOST_IDS)?;
        let [b"Q", verb, arguments @ ..] = &parts[..] else { return Err(Malformed("not a question")) };
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed("a question that is no text"));
        let verb = Verb::from_word(&text(verb)?).ok_or(Malformed("an unknown question"))?;
        let arguments: Result<Vec<String>, Malformed> = arguments.iter().map(|one| text(one)).collect();
        Ok(Question { verb, arguments: arguments? })
    }
}

/// One packet of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Lines; whether more packets follow.
    Lines(Vec<String>, bool),
    /// Not now.
    Temporary(String),
    /// Never.
    Permanent(String),
}

impl Reply {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let (letter, lines): (&[u8], &[String]) = match self {
            Reply::Lines(lines, true) => (b"+", lines),
            Reply::Lines(lines, false) => (b".", lines),
            Reply::Temporary(text) => (b"Z", std::slice::from_ref(text)),
            Reply::Permanent(text) => (b"D", std::slice::from_ref(text)),
        };
        let mut out = Vec::with_capacity(128);
        push(&mut out, letter);
        for line in lines {
            push(&mut out, line.as_bytes());
        }
        out
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn parse(packet: &[u8]) -> Result<Reply, Malformed> {
        let parts = all(packet, 1 + MOST_LINES)?;
        let (letter, lines) = parts.split_first().ok_or(Malformed("an empty answer"))?;
        let lines: Vec<String> = lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        match *letter {
            b"+" => Ok(Reply::Lines(lines, true)),
            b"." => Ok(Reply::Lines(lines, false)),
            b"Z" => Ok(Reply::Temporary(lines.join(" "))),
            b"D" => Ok(Reply::Permanent(lines.join(" "))),
            _ => Err(Malformed("an unknown answer")),
        }
    }

    /// The packets of an answer of so many lines.
    pub fn packets(lines: Vec<String>) -> Vec<Reply> {
        let mut packets: Vec<Reply> = Vec::new();
        let mut current: Vec<String> = Vec::new();
        let mut bytes = 0;
        for line in lines {
            if current.len() == MOST_LINES || bytes + line.len() > crate::LARGEST_PACKET / 2 {
                packets.push(Reply::Lines(std::mem::take(&mut current), true));
                bytes = 0;
            }
            bytes += line.len() + 12;
            current.push(line);
        }
        packets.push(Reply::Lines(current, false));
        packets
    }
}
