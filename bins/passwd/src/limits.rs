//! Accounts that stafett-limit has locked: it keeps those locks itself, and is asked about them here.

use rustix::fs::MemfdFlags;
use stafett_ask::{Verdict, ask};
use stafett_instance::{Instance, Service};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// What has locked which account; nothing where the instance has no such service.
///
/// # Errors
/// A sentence, when it does not answer.
pub fn locks(instance: &Instance) -> Result<HashMap<String, String>, String> {
    if !instance.run(Service::Limit).exists() {
        return Ok(HashMap::new());
    }
    let list = rustix::fs::memfd_create("list", MemfdFlags::CLOEXEC).map_err(|error| error.to_string())?;
    let mut list = File::from(list);
    let answer = ask(&instance.socket(Service::Limit), &[b"show"], Some(list.as_fd()), PATIENCE);
    if answer.map_err(|error| format!("unable to ask stafett-limit: {error}"))?.verdict != Verdict::Ok {
        return Err("stafett-limit does not tell of its locks".to_owned());
    }
    let mut text = String::new();
    list.rewind().and_then(|()| list.read_to_string(&mut text)).map_err(|error| error.to_string())?;
    let lock = |line: &str| {
        let (account, rest) = line.strip_prefix("lock ")?.split_once(": ")?;
        Some((account.to_owned(), rest.split_once("by ").map_or(rest, |(_, rule)| rule).to_owned()))
    };
    Ok(text.lines().filter_map(lock).collect())
}

/// Lets an account go on; whether it was locked there.
///
/// # Errors
/// A sentence, when it does not answer.
pub fn unlock(instance: &Instance, name: &str) -> Result<bool, String> {
    if !instance.run(Service::Limit).exists() {
        return Ok(false);
    }
    let answer = ask(&instance.socket(Service::Limit), &[b"unlock", name.as_bytes()], None, PATIENCE);
    let answer = answer.map_err(|error| format!("unable to ask stafett-limit: {error}"))?;
    match answer.verdict {
        Verdict::Ok => Ok(true),
        Verdict::Permanent => Ok(false),
        Verdict::Temporary => Err(format!("stafett-limit says: {}", answer.text)),
    }
}
