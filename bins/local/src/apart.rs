//! Work that is done as a user, in a process of its own, and the time it may take.
//!
//! Security stance: the caller is root and stays it. What a user may stop or hang is the process alone, and never the one that
//! keeps its time; what comes back is a letter and a text.
//! How it fails: a process that hangs is ended with all of its group when its time is over, or when nobody waits for its
//! outcome any more, because whoever asked will ask again; one that dies without a word has put its work off, and what it had
//! started is ended. Known limits: one that waits for a dead disk cannot be ended; it is left behind.

use stafett_sys::descriptor;
use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Ending, Fork, Pid};
use stafett_wire::Verdict;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A report's bytes at most.
const LONGEST_REPORT: usize = 4096;
/// How long a process may take to go when it has said all or was killed.
const GRACE: Duration = Duration::from_secs(2);

/// What became of one recipient; whether all others would fare the same.
#[derive(Debug)]
pub struct Outcome {
    /// Done, later, never.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
    /// The user database is away.
    pub is_general: bool,
}

impl Outcome {
    /// To be tried again.
    pub fn later(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Temporary, text: text.into(), is_general: false }
    }

    /// To be returned.
    pub fn never(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Permanent, text: text.into(), is_general: false }
    }
}

/// How long something may take.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What it is, as the subject of a sentence.
    pub what: &'static str,
    /// The time.
    pub patience: Duration,
    /// What says so.
    pub reason: &'static str,
}

/// Does `work` in a process of its own, for whoever has the other end of `asker`. `own` closes in it what it must not have;
/// work is given the descriptor of which [`is_forsaken`] tells.
pub fn carry_out(limit: Limit, asker: BorrowedFd<'_>, own: impl FnOnce(), work: impl FnOnce(&OwnedFd) -> Outcome) -> Outcome {
    let until = Instant::now() + limit.patience;
    match descriptor::pipe().and_then(|(read, write)| Ok((process::fork()?, read, write))) {
        Err(error) => Outcome::later(format!("Unable to fork: {error}. (#4.3.0)")),
        Ok((Fork::Child, read, write)) => {
            drop(read);
            own();
            process::exit_now(live(work, &write));
        }
        Ok((Fork::Parent(pid), read, write)) => {
            drop(write);
            let heard = listen(limit, pid, (&read, asker), until);
            heard.unwrap_or_else(|error| Outcome::later(format!("Unable to wait for the process of a user: {error}. (#4.3.0)")))
        }
    }
}

/// The life of the process.
fn live(work: impl FnOnce(&OwnedFd) -> Outcome, report: &OwnedFd) -> i32 {
    // Whatever it starts ends with it, unless that leaves the group.
    let outcome = match process::new_session() {
        Ok(()) => work(report),
        Err(error) => Outcome::later(format!("Unable to begin a session: {error}. (#4.3.0)")),
    };
    let mut text = vec![outcome.verdict.letter(), if outcome.is_general { b'g' } else { b'-' }];
    text.extend_from_slice(outcome.text.as_bytes());
    text.truncate(LONGEST_REPORT);
    i32::from(descriptor::write_all(report, &text).is_err())
}

/// Whether nobody hears what is reported here: the process at the other end is gone.
pub fn is_forsaken(report: BorrowedFd<'_>) -> bool {
    poll::wait_two((report, Interest::Hangup), None, Some(Duration::ZERO)).is_ok_and(|(gone, _)| gone.hangup)
}

/// What the process says, and its end.
fn listen(limit: Limit, pid: Pid, (report, asker): (&OwnedFd, BorrowedFd<'_>), until: Instant) -> io::Result<Outcome> {
    let mut text = Vec::new();
    let mut piece = [0; LONGEST_REPORT];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let ready = poll::wait(&[(report.as_fd(), Interest::Read), (asker, Interest::Hangup)], Some(left))?;
        match ready[..] {
            [report, _] if report.any() => {}
            [_, asker] if asker.any() => {
                end(limit, pid);
                return Ok(Outcome::later("Nobody waits for the outcome any more. (#4.3.0)"));
            }
            _ => return Ok(end(limit, pid)),
        }
        match descriptor::read(report, &mut piece)? {
            0 => break,
            count => text.extend_from_slice(piece.get(..count.min(LONGEST_REPORT - text.len().min(LONGEST_REPORT))).unwrap_or_default()),
        }
    }
    let (what, said) = (limit.what, parse(&text));
    if said.is_none() {
        // Before it is waited for: its number is still its own, and its group's.
        process::kill_group(pid);
    }
    let silent = match process::wait_within(pid, GRACE)? {
        // What it has said counts, though its user may have stopped it since.
        None => end(limit, pid),
        Some(Ending::Killed(signal)) => Outcome::later(format!("{what} was ended by signal {signal}. (#4.3.0)")),
        Some(Ending::Exited(code)) => Outcome::later(format!("{what} ended without a word, exit code {code}. (#4.3.0)")),
    };
    Ok(said.unwrap_or(silent))
}

/// Ends what takes too long.
fn end(limit: Limit, pid: Pid) -> Outcome {
    process::kill_group(pid);
    let gone = process::wait_within(pid, GRACE).is_ok_and(|ending| ending.is_some());
    let still = if gone { "" } else { ", and does not even end" };
    Outcome::later(format!("{} took too long{still}: {}. (#4.4.7)", limit.what, limit.reason))
}

fn parse(text: &[u8]) -> Option<Outcome> {
    let [letter, general, words @ ..] = text else { return None };
    let verdict = Verdict::from_letter(*letter)?;
    Some(Outcome { verdict, text: String::from_utf8_lossy(words).into_owned(), is_general: *general == b'g' })
}

#[cfg(test)]
#[path = "apart_test.rs"]
mod apart_test;
