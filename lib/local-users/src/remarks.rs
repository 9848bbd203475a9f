//! What an admin may not have meant with nsswitch.conf(5): lines that the system cannot read, and sources of users that are passed
//! over while they are away because it is written so.
//!
//! How it fails: it does not; what is no line of sources is none of ours. Known limits: a source whose name is misspelled cannot
//! be told from one of another machine's.

use crate::sources::{DATABASE, OWN, cautious, is_action, last_line, lines, words};

/// Where the system's sources of users stand.
pub const FILE: &str = "/etc/nsswitch.conf";

/// Databases whose lines the C library reads: one of them that it cannot read makes it give up the file.
const KNOWN: &[&str] = &[
    "aliases",
    "ethers",
    "group",
    "group_compat",
    "gshadow",
    "hosts",
    "initgroups",
    "netgroup",
    "networks",
    "passwd",
    "passwd_compat",
    "protocols",
    "publickey",
    "rpc",
    "services",
    "shadow",
    "shadow_compat",
];
const STATUSES: &[&str] = &["SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN"];
/// What a source answers that cannot be asked.
const AWAY: &[&str] = &["UNAVAIL", "TRYAGAIN"];
const ACTIONS: &[&str] = &["RETURN", "CONTINUE", "MERGE"];

/// Something to tell the admin, and the line that it is about, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The line.
    pub line: usize,
    /// What is said.
    pub what: What,
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The line cannot be read, and why: no user at all is found then.
    Broken(String),
    /// The line of users names no source.
    Empty,
    /// This source of users is passed over while it is away.
    PassedOver(String),
}

/// What there is to say about the text of the file.
pub fn remarks(text: &str) -> Vec<Remark> {
    let read = lines(text).filter(|(_, name, _)| KNOWN.contains(name));
    let broken = read.filter_map(|(line, _, sources)| fault(sources).map(|reason| Remark { line, what: What::Broken(reason) }));
    let mut found: Vec<Remark> = broken.collect();
    if let Some((line, sources)) = last_line(text, DATABASE) {
        if words(sources).is_empty() {
            found.push(Remark { line, what: What::Empty });
        }
        found.extend(passed_over(text, sources).into_iter().map(|source| Remark { line, what: What::PassedOver(source) }));
    }
    found
}

/// Why a line is none.
fn fault(sources: &str) -> Option<String> {
    let words = words(sources);
    if let Some(first) = words.first().filter(|word| is_action(word)) {
        return Some(format!("\"{first}\" stands before any source"));
    }
    words.iter().filter(|word| is_action(word)).find_map(|action| terms(action).err())
}

/// Sources of other machines that do not end the search when they are away, though others stand behind them.
fn passed_over(text: &str, sources: &str) -> Vec<String> {
    let words = words(&cautious(text).unwrap_or_else(|| sources.to_owned()));
    let mut found = Vec::new();
    let mut rest = &words[..];
    while let [source, behind @ ..] = rest {
        rest = behind;
        let is_last = behind.iter().all(|word| is_action(word));
        if is_action(source) || is_last || OWN.contains(&source.as_str()) {
            continue;
        }
        let action = behind.first().filter(|word| is_action(word)).map_or("[]", String::as_str);
        let terms = terms(action).unwrap_or_default();
        if AWAY.iter().any(|status| !ends(&terms, status)) {
            found.push(source.clone());
        }
    }
    found
}

/// One `STATUS=action`; with `!` it is said of all other statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    is_negated: bool,
    status: String,
    action: String,
}

/// Whether the search ends at this answer; without a word it goes on.
fn ends(terms: &[Term], status: &str) -> bool {
    let said = terms.iter().rev().find(|term| (term.status == status) != term.is_negated);
    said.is_some_and(|term| term.action == "RETURN")
}

fn terms(action: &str) -> Result<Vec<Term>, String> {
    let inner = action.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).ok_or_else(|| format!("\"{action}\" has no end"))?;
    let spaced = inner.to_ascii_uppercase().replace('=', " = ").replace('!', " ! ");
    let mut words = spaced.split_whitespace().peekable();
    let mut terms = Vec::new();
    while words.peek().is_some() {
        let is_negated = words.next_if_eq(&"!").is_some();
        let (status, sign, action) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !STATUSES.contains(&status) || sign != "=" || !ACTIONS.contains(&action) {
            return Err(format!("\"[{inner}]\" is no list of STATUS=action"));
        }
        terms.push(Term { is_negated, status: status.to_owned(), action: action.to_owned() });
    }
    Ok(terms)
}

#[cfg(test)]
#[path = "remarks_test.rs"]
mod remarks_test;
