//! The admin's half: asks the service, prints what it says.
//!
//! Security stance: the service hands a list over in a file without a name that we gave it; what strangers chose in it is
//! made safe before it reaches a terminal.
//!
//! How it fails: a sentence, and 111, when the service does not answer; 1 when it has not done what was asked for.

use crate::options::Work;
use rustix::fs::MemfdFlags;
use stafett_ask::{Answer, Verdict, ask};
use stafett_instance::{Instance, Service};
use stafett_log::safe;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// Does the work; whether it was done.
///
/// # Errors
/// A sentence.
pub fn run(instance: &Instance, work: &Work) -> Result<bool, String> {
    match work {
        Work::Serve => Ok(true),
        Work::Show(words, reached) => show(instance, words, *reached),
        Work::Change(verb, subject) => {
            let answer = asked(instance, &[verb.as_bytes(), subject.as_bytes()], None)?;
            let mut out = io::stdout().lock();
            writeln!(out, "{}: {}", safe(subject.as_bytes()), answer.text).map_err(unwritable)?;
            Ok(answer.verdict == Verdict::Ok)
        }
    }
}

fn show(instance: &Instance, words: &[String], reached: bool) -> Result<bool, String> {
    let list =
        rustix::fs::memfd_create("list", MemfdFlags::CLOEXEC).map_err(|error| format!("unable to make room for the list: {error}"))?;
    let mut list = File::from(list);
    let answer = asked(instance, &[b"show"], Some(&list))?;
    if answer.verdict != Verdict::Ok {
        return Err(format!("the service says: {}", answer.text));
    }
    let mut text = Vec::new();
    list.rewind().and_then(|()| list.read_to_end(&mut text)).map_err(|error| format!("unable to read the list: {error}"))?;
    let text = String::from_utf8_lossy(&text);
    let wanted = |line: &&str| words.iter().all(|word| line.contains(word.as_str())) && (!reached || is_reached(line));
    let mut lines: Vec<&str> = text.lines().filter(wanted).collect();
    lines.sort_unstable();
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in lines {
        writeln!(out, "{}", safe(dated(line).as_bytes())).map_err(unwritable)?;
    }
    out.flush().map_err(unwritable)?;
    Ok(true)
}

fn asked(instance: &Instance, question: &[&[u8]], list: Option<&File>) -> Result<Answer, String> {
    let socket = instance.socket(Service::Limit);
    let answer = ask(&socket, question, list.map(AsFd::as_fd), PATIENCE);
    answer.map_err(|error| format!("unable to ask the service at {}: {error}; is it running, and are you root?", socket.display()))
}

/// A line `… COUNT of LIMIT` whose count is the limit, and every lock.
fn is_reached(line: &str) -> bool {
    let mut words = line.rsplit(' ');
    let (limit, of, count) = (words.next(), words.next(), words.next());
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok());
    line.starts_with("lock ") || of == Some("of") && number(count).zip(number(limit)).is_some_and(|(count, limit)| count >= limit)
}

/// The seconds behind `since` as a date.
fn dated(line: &str) -> String {
    let date = || {
        let (before, rest) = line.split_once(": since ")?;
        let (seconds, after) = rest.split_once(' ')?;
        let at = time::OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()?;
        let (date, clock) = (at.date(), at.time());
        Some(format!("{before}: since {date} {:02}:{:02} UTC {after}", clock.hour(), clock.minute()))
    };
    date().unwrap_or_else(|| line.to_owned())
}

fn unwritable(error: io::Error) -> String {
    format!("unable to write: {error}")
}
