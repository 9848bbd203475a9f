//! Where the system looks for users (nsswitch.conf(5)), and that none of it is passed over while it is away.
//!
//! A source that cannot be reached is passed over by default. Where another stands behind it that knows nobody, as in
//! `passwd: sss files systemd`, the answer is then "no such user", and mail for people would be returned. So this process asks
//! with a line of its own, in which such a source ends the search; its answer is then that nobody could be asked.
//! How it fails: what the admin has written for UNAVAIL stays; a file that cannot be read leaves the search as the system
//! does it. Known limits: a source that says "not found" while it is away, or 0 for the reason, cannot be seen through.

use std::io;

const FILE: &str = "/etc/nsswitch.conf";
const DATABASE: &str = "passwd";
/// Sources on this machine: when one of them is not there, it has no users.
const OWN: &[&str] = &["files", "compat", "db", "systemd", "mymachines", "altfiles", "extrausers", "cache"];
/// What ends the search at a source that is away.
const ENDS: &str = "UNAVAIL=return TRYAGAIN=return";

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
    let sources = sources_of(text, database).unwrap_or_default();
    words(&sources).iter().all(|word| is_action(word) || OWN.contains(&word.as_str()))
}

/// What the last line for a database says.
fn sources_of(text: &str, database: &str) -> Option<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut named = lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim().eq_ignore_ascii_case(database));
    named.next_back().map(|(_, sources)| sources.trim().to_owned())
}

/// The sources of users with what to do about those that are away; `None` when nothing is to be added.
pub fn cautious(text: &str) -> Option<String> {
    let words = words(&sources_of(text, DATABASE)?);
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
            _ => out.push(format!("[{ENDS}]")),
        }
    }
    Some(out).filter(|out| *out != words).map(|out| out.join(" "))
}

/// An action of the admin's, with ours unless it speaks of a source that is away.
fn extended(action: &str) -> String {
    let is_settled = action.to_ascii_uppercase().contains("UNAVAIL") || action.contains('!');
    if is_settled { action.to_owned() } else { format!("{} {ENDS}]", action.trim_end_matches(']').trim_end()) }
}

/// Sources and actions; an action is in brackets and may hold blanks.
fn words(sources: &str) -> Vec<String> {
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

fn is_action(word: &str) -> bool {
    word.starts_with('[')
}

#[cfg(test)]
#[path = "sources_test.rs"]
mod sources_test;
