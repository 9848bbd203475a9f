//! The lines of control/limits.
//!
//! `WHAT per WHOM COUNT[/PERIOD| at once] [when HOURS] [for CLIENTS] [except CLIENTS] [then ACTION] [say TEXT]`,
//! `exempt CLIENTS`, `away ACTION`. Words are parted by blanks; TEXT is the rest of the line.
//!
//! How it fails: a sentence that says what to write. A rule that could never count is an error too: one per account
//! that is about what comes before any account is known does not exist, nor one that needs a period and has none.

use super::span::{Hours, duration};
use super::who::{Client, Who};
use std::time::Duration;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Connections made, or open at once.
    Connections,
    /// Messages, from MAIL on.
    Messages,
    /// Recipients of messages.
    Recipients,
    /// Attempts to log in.
    Authentications,
    /// Recipients that were refused for good.
    Refusals,
}

/// What they are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// The client's address.
    Address,
    /// Its network: that many leading bits of an IPv4 and of an IPv6 address.
    Network(u8, u8),
    /// The account that it logged in with.
    Account,
    /// The envelope sender.
    Sender,
    /// The domain of the envelope sender.
    Domain,
    /// All clients together.
    All,
    /// One connection.
    Connection,
    /// One message.
    Message,
}

/// How long a count lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// As long as the connection or message that it belongs to.
    Whole,
    /// As long as the connections are open.
    Once,
    /// So long back from now.
    Period(Duration),
}

/// What happens beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Refused for now.
    Later,
    /// Refused for good.
    Refuse,
    /// Refused, and the account is locked.
    Lock,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is counted.
    pub what: What,
    /// For whom.
    pub per: Per,
    /// The most that passes.
    pub most: u32,
    /// For how long it counts.
    pub span: Span,
    /// When it counts; always without.
    pub hours: Option<Hours>,
    /// Of these clients alone, unless there are none.
    pub only: Vec<Who>,
    /// Not of these.
    pub except: Vec<Who>,
    /// What happens beyond it.
    pub action: Action,
    /// What the client hears instead of the usual words.
    pub text: Option<String>,
    /// The rule without count, action and text: whatever was counted by the same is kept when those change.
    pub identity: String,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A limit.
    Rule(Box<Rule>),
    /// These clients have no limits.
    Exempt(Vec<Who>),
    /// Whether mail passes while nobody answers who counts.
    Away(bool),
}

const WHATS: &[(&str, What)] = &[
    ("connections", What::Connections),
    ("messages", What::Messages),
    ("recipients", What::Recipients),
    ("authentications", What::Authentications),
    ("refusals", What::Refusals),
];
const PERS: &[(&str, Per)] = &[
    ("address", Per::Address),
    ("network", Per::Network(24, 64)),
    ("account", Per::Account),
    ("sender", Per::Sender),
    ("domain", Per::Domain),
    ("all", Per::All),
    ("connection", Per::Connection),
    ("message", Per::Message),
];
const ACTIONS: &[(&str, Action)] = &[("later", Action::Later), ("refuse", Action::Refuse), ("lock", Action::Lock)];
const CLAUSES: &[&str] = &["when", "for", "except", "then", "say"];

/// Judges a line.
///
/// # Errors
/// As [`Line::parse`].
pub fn limit(line: &str) -> Result<(), String> {
    Line::parse(line).map(drop)
}

impl What {
    /// Its word.
    pub fn word(self) -> &'static str {
        WHATS.iter().find(|(_, what)| *what == self).map_or("", |(word, _)| word)
    }
}

impl Per {
    /// Its word, without the prefix lengths of a network.
    pub fn word(self) -> &'static str {
        let same = |per: &Per| *per == self || matches!((per, self), (Per::Network(..), Per::Network(..)));
        PERS.iter().find(|(_, per)| same(per)).map_or("", |(word, _)| word)
    }
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Line, String> {
        let (rule, text) = match line.split_once(" say ") {
            Some((rule, text)) => (rule, Some(text.trim())),
            None => (line, None),
        };
        let words: Vec<&str> = rule.split_whitespace().collect();
        match &words[..] {
            ["exempt", clients @ ..] if text.is_none() => clients_of(clients, "exempt").map(Line::Exempt),
            ["away", "pass"] if text.is_none() => Ok(Line::Away(true)),
            ["away", "later"] if text.is_none() => Ok(Line::Away(false)),
            [what, "per", per, count, rest @ ..] => {
                let rule = Rule::parse((what, per, count), rest, &words)?;
                Ok(Line::Rule(Box::new(Rule { text: text.map(spoken).transpose()?, ..rule })))
            }
            _ => Err(format!("\"{line}\" is no limit; write for example: messages per address 50/hour")),
        }
    }
}

impl Rule {
    /// Whether it is about that client.
    pub fn concerns(&self, client: &Client<'_>) -> bool {
        let any = |list: &[Who]| list.iter().any(|who| who.is(client));
        (self.only.is_empty() || any(&self.only)) && !any(&self.except)
    }

    fn parse((what, per, count): (&str, &str, &str), mut rest: &[&str], words: &[&str]) -> Result<Rule, String> {
        let what = find(WHATS, what).ok_or_else(|| unknown(what, "is counted", &names(WHATS)))?;
        let per = whom(per)?;
        let (most, span) = match (rest, count.split_once('/')) {
            (["at", "once", more @ ..], None) => {
                rest = more;
                (number(count)?, Span::Once)
            }
            (_, Some((count, period))) => (number(count)?, Span::Period(duration(period)?)),
            _ => (number(count)?, Span::Whole),
        };
        makes_sense(what, per, span)?;
        let mut rule = Rule {
            what,
            per,
            most,
            span,
            hours: None,
            only: Vec::new(),
            except: Vec::new(),
            action: Action::Later,
            text: None,
            identity: identity(words),
        };
        while let [clause, more @ ..] = rest {
            let length = more.iter().position(|word| CLAUSES.contains(word)).unwrap_or(more.len());
            let (values, after) = more.split_at(length);
            rule.add(clause, values)?;
            rest = after;
        }
        Ok(rule)
    }

    fn add(&mut self, clause: &str, values: &[&str]) -> Result<(), String> {
        match (clause, values) {
            ("for", _) => self.only = clients_of(values, clause)?,
            ("except", _) => self.except = clients_of(values, clause)?,
            ("when", [hours]) => self.hours = Some(Hours::parse(hours)?),
            ("then", [action]) => self.action = find(ACTIONS, action).ok_or_else(|| unknown(action, "can be done", &names(ACTIONS)))?,
            ("when", _) => return Err("\"when\" needs hours; write when 18:00-06:00".to_owned()),
            ("then", _) => return Err("\"then\" needs one word; write then later, then refuse or then lock".to_owned()),
            _ => return Err(unknown(clause, "goes on with a rule", &CLAUSES.join(", "))),
        }
        Ok(())
    }
}

fn makes_sense(what: What, per: Per, span: Span) -> Result<(), String> {
    let fits = match (per, span) {
        (Per::Message, _) => what == What::Recipients && span == Span::Whole,
        (Per::Connection, _) => what != What::Connections && span == Span::Whole,
        (Per::Sender | Per::Domain, Span::Period(_)) => matches!(what, What::Messages | What::Recipients | What::Refusals),
        (_, Span::Period(_)) => true,
        (Per::Address | Per::Network(..) | Per::Account | Per::All, Span::Once) => what == What::Connections,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let hint = match (what, span) {
        (What::Connections, Span::Whole) => "write COUNT/PERIOD or COUNT at once",
        (_, Span::Once) => "write connections per address 10 at once",
        (_, Span::Whole) => "write COUNT/PERIOD, such as 50/hour",
        _ => "write recipients per message 20, messages per connection 500, or messages per sender 50/hour",
    };
    Err(format!("\"{} per {}\" cannot be counted so; {hint}", what.word(), per.word()))
}

fn whom(word: &str) -> Result<Per, String> {
    let Some(lengths) = word.strip_prefix("network/") else {
        return find(PERS, word).ok_or_else(|| unknown(word, "has a count", &names(PERS)));
    };
    let wrong = || format!("\"{word}\" names no networks; write network/24/64, the lengths of IPv4 and IPv6 prefixes");
    let (four, six) = lengths.split_once('/').ok_or_else(wrong)?;
    let length = |text: &str, most: u8| text.parse().ok().filter(|bits| (1..=most).contains(bits));
    Ok(Per::Network(length(four, 32).ok_or_else(wrong)?, length(six, 128).ok_or_else(wrong)?))
}

fn number(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| format!("\"{text}\" is not a count; write 50/hour, 20, or 10 at once"))
}

fn clients_of(words: &[&str], clause: &str) -> Result<Vec<Who>, String> {
    if words.is_empty() {
        return Err(format!("\"{clause}\" names nobody; write networks behind it"));
    }
    words.iter().map(|word| Who::parse(word)).collect()
}

/// Text that may stand in a reply.
pub(super) fn spoken(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 400 && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("the text behind say must be ASCII, and 400 bytes at most; write say TEXT".to_owned()) }
}

/// What, for whom, how long, when, and of which clients; the count is what may change.
fn identity(words: &[&str]) -> String {
    let kept = words.iter().enumerate().filter(|(index, _)| {
        let action = words.iter().position(|word| *word == "then").unwrap_or(words.len());
        *index != action && *index != action + 1
    });
    let kept = kept.map(|(index, word)| if index == 3 { word.split_once('/').map_or("", |(_, period)| period) } else { word });
    kept.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

fn names<T>(table: &[(&str, T)]) -> String {
    table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn unknown(word: &str, fault: &str, known: &str) -> String {
    format!("\"{word}\" is nothing that {fault}; write one of: {known}")
}

#[cfg(test)]
#[path = "limits_test.rs"]
mod limits_test;
