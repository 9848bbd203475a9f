//! Where the system looks for users (nsswitch.conf(5)), and that none of it is passed over while it is away.
//!
//! A source that cannot be reached is passed over by default. Where another stands behind it that knows nobody, as in
//! `passwd: sss files systemd`, the answer is then "no such user", and mail for people would be returned. So this process asks
//! with a line of its own, in which such a source ends the search; its answer is then that nobody could be asked.
//! How it fails: what the admin has written for UNAVAIL stays; a file that cannot be read leaves the search as the system
//! does it. Known limits: a source that says "not found" while it is away, or 0 for the reason, cannot be seen through.

use crate::remarks::FILE;
use std::io;

/// The database of users.
pub const DATABASE: &str = "passwd";
/// Sources on this machine: when one of them is not there, it has no users.
pub const OWN: &[&str] = &["files", "compat", "db", "systemd", "mymachines", "altfiles", "extrausers", "cache"];
/// What ends the search at a source that is away.
const ENDS: [&str; 2] = ["UNAVAIL=return", "TRYAGAIN=return"];

/// Puts the line into force, where the system's own would pass over somebody.
///
/// # Errors
/// When the system refuses it.
pub fn insist() -> io::Result<()> {
    let text = std::fs::read_to_string(FILE).unwrap_or_default();
    match cautious(&text) {
        Some(line) => stafett_sys::user::search(DATABASE, &line),
        None => Ok(()),
    }
}

/// Whether users and groups come from this machine alone, so that asking for any waits for nobody.
pub fn are_own() -> bool {
    std::fs::read_to_string(FILE).is_ok_and(|text| [DATABASE, "group", "initgroups"].iter().all(|database| all_own(&text, database)))
}

fn all_own(text: &str, database: &str) -> bool {
    let (_, sources) = last_line(text, database).unwrap_or_default();
    words(sources).iter().all(|word| is_action(word) || OWN.contains(&word.as_str()))
}

/// The last line for a database, which counts: its number, from 1, and its sources.
pub fn last_line<'a>(text: &'a str, database: &str) -> Option<(usize, &'a str)> {
    lines(text).filter(|(_, name, _)| *name == database).last().map(|(number, _, sources)| (number, sources))
}

/// The lines of the file: number, database, sources.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let kept = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let named = kept.enumerate().filter_map(|(index, line)| line.split_once(':').map(|(name, sources)| (index + 1, name, sources)));
    named.map(|(number, name, sources)| (number, name.trim(), sources.trim()))
}

/// The sources of users with what to do about those that are away; `None` when nothing is to be added.
pub fn cautious(text: &str) -> Option<String> {
    let words = words(last_line(text, DATABASE)?.1);
    let mut out = Vec::with_capacity(words.len() + 2);
    let mut rest = &words[..];
    while let [word, behind @ ..] = rest {
        out.push(word.clone());
        rest = behind;
        let is_last = behind.iter().all(|word| is_action(word));
        if is_action(word) || is_last || OWN.contains(&word.as_str()) {
            continue;
        }
        match behind {
            [action, ..] if is_action(action) => {
                out.push(extended(action));
                rest = behind.get(1..).unwrap_or_default();
            }
            _ => out.push(format!("[{}]", ENDS.join(" "))),
        }
    }
    Some(out).filter(|out| *out != words).map(|out| out.join(" "))
}

/// An action of the admin's, with ours for what it says nothing of.
fn extended(action: &str) -> String {
    let said = action.to_ascii_uppercase();
    let is_settled = |end: &&str| said.contains('!') || end.split('=').next().is_some_and(|status| said.contains(status));
    let open: Vec<&str> = ENDS.into_iter().filter(|end| !is_settled(end)).collect();
    if open.is_empty() { action.to_owned() } else { format!("{} {}]", action.trim_end_matches(']').trim_end(), open.join(" ")) }
}

/// Sources and actions in order; an action is in brackets and may hold blanks.
pub fn words(sources: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for part in sources.replace('[', " [").replace(']', "] ").split_whitespace() {
        match words.last_mut().filter(|_| is_open) {
            Some(last) => *last = format!("{last} {part}"),
            None => words.push(part.to_owned()),
        }
        is_open = words.last().is_some_and(|last| is_action(last) && !last.ends_with(']'));
    }
    words
}

/// Whether a word says what to do at an answer.
pub fn is_action(word: &str) -> bool {
    word.starts_with('[')
}

#[cfg(test)]
#[path = "sources_test.rs"]
mod sources_test;
