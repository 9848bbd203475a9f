//! What the admin sees: a line for each count, open connection, lock and trusted network.
//!
//! How it fails: an output that cannot be written is a temporary answer.

use crate::memory::Memory;
use crate::rules::Settings;
use crate::store::Store;
use stafett_ask::{Answer, Verdict};
use stafett_control::form::limits::Span;
use std::fmt::Write;
use std::os::fd::OwnedFd;

/// Writes all lines into a file of the caller.
pub fn all(settings: &Settings, memory: &Memory, store: Option<&mut Store>, now: u64, out: &OwnedFd) -> Answer {
    let mut text = String::new();
    for shown in memory.counters.shown(now) {
        let _ = match shown.limit {
            0 => writeln!(text, "count {}: {} {}", shown.identity, shown.key, shown.count),
            limit => writeln!(text, "count {}: {} {} of {limit}", shown.identity, shown.key, shown.count),
        };
    }
    for ((identity, key), count) in memory.slots.all() {
        let limit = settings.limits.iter().find(|limit| limit.rule.span == Span::Once && limit.rule.identity == *identity);
        let _ = writeln!(text, "open {identity}: {key} {count} of {}", limit.map_or(0, |limit| limit.rule.most));
    }
    locks(&mut text, memory, store);
    for (network, trust) in memory.grey.networks() {
        let _ = writeln!(text, "grey network {network}: {} triplets came back", trust.count);
    }
    let passed = memory.grey.triplets().values().filter(|seen| seen.last > 0).count();
    let _ = writeln!(text, "grey triplets: {passed} passed, {} wait", memory.grey.triplets().len() - passed);
    match stafett_sys::descriptor::write_all(out, text.as_bytes()) {
        Ok(()) => Answer::new(Verdict::Ok, ""),
        Err(error) => Answer::new(Verdict::Temporary, format!("unable to write the list: {error}")),
    }
}

fn locks(text: &mut String, memory: &Memory, store: Option<&mut Store>) {
    for (account, lock) in memory.locks.all() {
        let _ = writeln!(text, "lock {account}: since {} by {}", lock.since, lock.rule);
    }
    let others = store.and_then(Store::locks).unwrap_or_default();
    for (account, rule) in others.iter().filter(|(account, _)| memory.locks.of(account).is_none()) {
        let _ = writeln!(text, "lock {account}: on another machine, by {rule}");
    }
}
