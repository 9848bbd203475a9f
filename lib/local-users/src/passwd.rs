//! The users of the system, as qmail-getpw(8) judges them.
//!
//! A user has mail whose number is not 0, whose home is there and belongs to it. The name that is tried first is the whole
//! local part, then what stands before the last break character, and so on.
//! *Ours*: an ordinary user (by its number) whose home is not there has its mail put off, because a home that is not mounted looks
//! the same; qmail would bounce it.

use crate::{Breaks, Owner, Trouble, general};
use stafett_sys::user::{Account, Uid};
use std::io;
use std::os::unix::fs::MetadataExt;

/// The longest name that is looked up, in bytes (qmail-getpw(8)).
const LONGEST_NAME: usize = 32;
/// From here on numbers are those of people (login.defs(5), UID_MIN), but for that of nobody.
const FIRST_PERSON: u32 = 1000;
const NOBODY: u32 = 65534;

/// The user whose `local` is.
pub fn find(local: &str, breaks: &Breaks, only: Option<Uid>) -> Result<Option<Owner>, Trouble> {
    let ends = local.char_indices().filter(|(_, c)| breaks.contains(*c)).map(|(index, _)| index);
    let mut ends: Vec<usize> = ends.chain([local.len()]).collect();
    ends.reverse();
    for end in ends {
        let (name, rest) = local.split_at_checked(end).unwrap_or((local, ""));
        if name.is_empty() || name.len() >= LONGEST_NAME || !is_a_name(name) {
            continue;
        }
        if let Some(owner) = user(name, rest, only)? {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

/// What no name can hold is not asked for.
fn is_a_name(name: &str) -> bool {
    !name.contains(|c: char| c.is_control() || matches!(c, ':' | '/'))
}

/// The user of that name if it may have mail; `rest` is empty or begins with a break character.
fn user(name: &str, rest: &str, only: Option<Uid>) -> Result<Option<Owner>, Trouble> {
    let name = name.to_lowercase();
    let found = Account::by_name(&name).map_err(|error| general(format!("unable to look up user {name}: {error}")))?;
    let Some(account) = found.filter(|account| !account.uid.is_root() && only.is_none_or(|only| only == account.uid)) else {
        return Ok(None);
    };
    let Account { uid, gid, home, .. } = account;
    let is_there = match std::fs::metadata(&home) {
        Ok(found) => found.uid() == uid.0,
        Err(error) => {
            let is_final = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
            if !is_final || (uid.0 >= FIRST_PERSON && uid.0 != NOBODY) {
                let text = format!("unable to look at the home of {name}, {}: {error}", home.display());
                return Err(Trouble { text, is_general: false });
            }
            false
        }
    };
    let mut ext = rest.chars();
    let dash = if ext.next().is_some() { "-" } else { "" };
    Ok(is_there.then(|| Owner { user: name, uid, gid, home, dash: dash.to_owned(), ext: ext.as_str().to_owned() }))
}
