//! Counts and greylist as text, for the files of state/limit.
//!
//! What it does: `clock MILLISECONDS` first, the service's clock when it was written; counts by kind (`kind PERIOD IDENTITY`,
//! then `KEY STEP:COUNT…`); the greylist as `secret`, `network COUNT LAST NAME` and `HASH FIRST LAST` in hexadecimal.
//!
//! How it fails: a line that makes no sense is left out; the checksum has spoken for the whole already.

use crate::counters::Counters;
use crate::grey::{Grey, Seen, Trust};
use crate::siphash::Secret;
use crate::window::Window;
use std::fmt::Write;

/// The counts.
pub fn counters_text(counters: &Counters, clock: u64) -> Vec<u8> {
    let mut text = String::with_capacity(64 + 64 * counters.held());
    let _ = writeln!(text, "clock {clock}");
    for (identity, period, counts) in counters.all().filter(|(.., counts)| !counts.is_empty()) {
        let _ = writeln!(text, "kind {period} {identity}");
        for (key, window) in counts {
            let _ = write!(text, " {key}");
            window.steps().for_each(|(step, count)| {
                let _ = write!(text, " {step}:{count}");
            });
            text.push('\n');
        }
    }
    text.into_bytes()
}

/// The counts and the clock of a text.
pub fn counters_of(text: &str) -> (Counters, u64) {
    let (mut counters, mut clock, mut kind) = (Counters::default(), 0, None);
    for line in text.lines() {
        if let Some(window) = line.strip_prefix(' ') {
            if let (Some(kind), Some((key, window))) = (kind, count(window)) {
                counters.restore(kind, key, window);
            }
        } else if let Some((period, identity)) = line.strip_prefix("kind ").and_then(|rest| rest.split_once(' ')) {
            kind = period.parse().ok().map(|period| counters.kind(identity, period, 0));
        } else if let Some(number) = line.strip_prefix("clock ") {
            clock = number.parse().unwrap_or(0);
        }
    }
    (counters, clock)
}

fn count(line: &str) -> Option<(&str, Window)> {
    let (key, steps) = line.split_once(' ')?;
    let pair = |word: &str| word.split_once(':').and_then(|(step, count)| Some((step.parse().ok()?, count.parse().ok()?)));
    Some((key, Window::restore(steps.split(' ').filter_map(pair))))
}

/// The greylist.
pub fn grey_text(grey: &Grey, clock: u64) -> Vec<u8> {
    let mut text = String::with_capacity(128 + 35 * grey.triplets().len() + 64 * grey.networks().len());
    let _ = writeln!(text, "clock {clock}\nsecret {:016x} {:016x}", grey.secret().0, grey.secret().1);
    for (network, trust) in grey.networks() {
        let _ = writeln!(text, "network {} {} {network}", trust.count, trust.last);
    }
    let mut text = text.into_bytes();
    for (key, seen) in grey.triplets() {
        hexadecimal(&mut text, *key, 16);
        text.push(b' ');
        hexadecimal(&mut text, u64::from(seen.first), 8);
        text.push(b' ');
        hexadecimal(&mut text, u64::from(seen.last), 8);
        text.push(b'\n');
    }
    text
}

/// Formatting by the library takes ten times as long, and there may be a million lines.
fn hexadecimal(text: &mut Vec<u8>, number: u64, digits: u32) {
    text.extend((0..digits).rev().map(|digit| {
        let nibble = (number >> (4 * digit) & 15) as u8;
        if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
    }));
}

/// The greylist and the clock of a text; nothing where its key is missing.
pub fn grey_of(text: &str) -> Option<(Grey, u64)> {
    let mut lines = text.lines();
    let clock = lines.next()?.strip_prefix("clock ")?.parse().ok()?;
    let (first, second) = lines.next()?.strip_prefix("secret ")?.split_once(' ')?;
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
    let mut grey = Grey::new(Secret(number(first)?, number(second)?));
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["network", count, last, name] => {
                if let (Ok(count), Ok(last)) = (count.parse(), last.parse()) {
                    grey.restore_network(name, Trust { count, last });
                }
            }
            [key, first, last] => {
                if let (Some(key), Some(first), Some(last)) = (number(key), number(first), number(last)) {
                    grey.restore(key, Seen { first: first as u32, last: last as u32 });
                }
            }
            _ => {}
        }
    }
    Some((grey, clock))
}

#[cfg(test)]
#[path = "keep_test.rs"]
mod keep_test;
