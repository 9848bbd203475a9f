//! Work that is done as a user, in a process of its own, and the time it may take.
//!
//! What: the process does one task, and stays for the next one of its kind where that needs nothing else of it: the birth of a
//! process, and the way from root to its user, are most of what a delivery into a Maildir costs.
//! Security stance: the caller is root and stays it. What a user may stop or hang is the process alone, and never the one that
//! keeps its time; what comes back is a letter and a text. A process that has become a user is told of that user's tasks alone.
//! How it fails: a process that hangs is ended with all of its group when its time is over, or when nobody waits for its
//! outcome any more, because whoever asked will ask again; one that dies without a word has put its work off, and what it had
//! started is ended. Known limits: one that waits for a dead disk cannot be ended; it is left behind.

use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Ending, Fork, Pid};
use stafett_sys::socket::{self, Style};
use stafett_wire::delivery::Scope;
use stafett_wire::{LARGEST_PACKET, Verdict};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A report's bytes at most.
const LONGEST_REPORT: usize = 4096;
/// How long a process may take to go when it has said all or was killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long a process waits for its next task, so that homes can be unmounted.
pub const KEEP: Duration = Duration::from_secs(1);
/// How long a process is used: a user's groups may change.
const LONGEST_USE: Duration = Duration::from_secs(10);

/// What became of one recipient, and what is learnt by that.
#[derive(Debug)]
pub struct Outcome {
    /// Done, later, never.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
    /// Of the recipient alone; of all users, because the database of users is away; of nobody, for it is trouble of this host.
    pub scope: Scope,
}

impl Outcome {
    /// Done.
    pub fn done(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Ok, text: text.into(), scope: Scope::Message }
    }

    /// To be tried again.
    pub fn later(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Temporary, text: text.into(), scope: Scope::Message }
    }

    /// The same; whose the address is, and whether it can be found out, is not known.
    pub fn unknown(text: impl Into<String>) -> Outcome {
        Outcome { scope: Scope::Own, ..Outcome::later(text) }
    }

    /// To be returned.
    pub fn never(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Permanent, text: text.into(), scope: Scope::Message }
    }
}

/// What a process says of its task.
#[derive(Debug)]
pub enum Answer {
    /// It goes.
    Last(Outcome),
    /// It can take another task with the same key.
    More(Outcome),
    /// It has become somebody else than this task needs, and has done nothing.
    Foreign,
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

/// What is to be done, in the form that the work reads.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// What two tasks have in common that one process may be asked for.
    pub key: &'a [u8],
    /// In words of the work's own.
    pub packet: &'a [u8],
    /// The descriptor that goes with it.
    pub file: Option<BorrowedFd<'a>>,
}

/// What a process does with the packet and the file of a task; of the last descriptor [`is_forsaken`] tells.
pub trait Work: FnMut(&[u8], Option<OwnedFd>, &OwnedFd) -> Answer {}

impl<F: FnMut(&[u8], Option<OwnedFd>, &OwnedFd) -> Answer> Work for F {}

/// The process that was used last, as long as it stays.
#[derive(Debug, Default)]
pub struct Apart {
    kept: Option<Worker>,
}

impl Apart {
    /// Has the task done by a process of its own, for whoever has the other end of `asker`. `own` closes in a new one what it must
    /// not have.
    pub fn carry_out(&mut self, limit: Limit, asker: BorrowedFd<'_>, task: Task<'_>, own: impl FnOnce(), work: impl Work) -> Outcome {
        let until = Instant::now() + limit.patience;
        if let Some(worker) = self.kept.take().filter(|worker| worker.key == task.key && worker.born.elapsed() < LONGEST_USE)
            && worker.give(task).is_ok()
            && let Some(outcome) = self.hear(worker, limit, asker, until)
        {
            return outcome;
        }
        let heard = Worker::born(task.key, own, work).and_then(|worker| worker.give(task).map(|()| worker));
        match heard {
            Ok(worker) => {
                self.hear(worker, limit, asker, until).unwrap_or_else(|| Outcome::unknown("Unable to become another user. (#4.3.0)"))
            }
            Err(error) => Outcome::unknown(format!("Unable to make a process: {error}. (#4.3.0)")),
        }
    }

    /// Whether a process waits for a task.
    pub fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Ends the process that waits.
    pub fn rest(&mut self) {
        self.kept = None;
    }

    /// What the process says; nothing when the task is not one for it.
    fn hear(&mut self, mut worker: Worker, limit: Limit, asker: BorrowedFd<'_>, until: Instant) -> Option<Outcome> {
        match worker.listen(limit, asker, until) {
            Ok(Answer::Last(outcome)) => Some(outcome),
            Ok(Answer::More(outcome)) => {
                self.kept = Some(worker);
                Some(outcome)
            }
            Ok(Answer::Foreign) => None,
            Err(error) => Some(Outcome::unknown(format!("Unable to wait for the process of a user: {error}. (#4.3.0)"))),
        }
    }
}

/// Whether nobody hears what is reported here: the process at the other end is gone.
pub fn is_forsaken(report: BorrowedFd<'_>) -> bool {
    poll::wait_two((report, Interest::Hangup), None, Some(Duration::ZERO)).is_ok_and(|(gone, _)| gone.hangup)
}

/// A process that does tasks, and our end of the way to it.
#[derive(Debug)]
struct Worker {
    pid: Pid,
    link: OwnedFd,
    key: Vec<u8>,
    born: Instant,
    has_ended: bool,
}

impl Worker {
    fn born(key: &[u8], own: impl FnOnce(), work: impl Work) -> io::Result<Worker> {
        let (link, theirs) = socket::pair(Style::Packets)?;
        match process::fork()? {
            Fork::Child => {
                drop(link);
                own();
                process::exit_now(live(work, &theirs));
            }
            Fork::Parent(pid) => Ok(Worker { pid, link, key: key.to_vec(), born: Instant::now(), has_ended: false }),
        }
    }

    /// Fails where the process is gone: then it has done nothing of this task.
    fn give(&self, task: Task<'_>) -> io::Result<()> {
        socket::send_packet(&self.link, task.packet, task.file)
    }

    /// What the process says, and its end if that is the last.
    fn listen(&mut self, limit: Limit, asker: BorrowedFd<'_>, until: Instant) -> io::Result<Answer> {
        let left = until.saturating_duration_since(Instant::now());
        let ready = poll::wait(&[(self.link.as_fd(), Interest::Read), (asker, Interest::Hangup)], Some(left))?;
        match ready[..] {
            [report, _] if report.any() => {}
            [_, asker] if asker.any() => {
                self.end();
                return Ok(Answer::Last(Outcome::unknown("Nobody waits for the outcome any more. (#4.3.0)")));
            }
            _ => return Ok(Answer::Last(self.out_of_time(limit))),
        }
        let mut text = [0; LONGEST_REPORT];
        // A process that was killed before it took its task resets the connection.
        let length = socket::receive_packet(&self.link, &mut text).map_or(0, |packet| packet.length);
        let said = parse(text.get(..length).unwrap_or_default());
        if matches!(said, Some(Answer::More(_) | Answer::Foreign)) {
            return said.ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
        if said.is_none() {
            // Before it is waited for: its number is still its own, and its group's.
            process::kill_group(self.pid);
        }
        let ending = process::wait_within(self.pid, GRACE)?;
        self.has_ended = ending.is_some();
        let what = limit.what;
        let silent = match ending {
            // What it has said counts, though its user may have stopped it since.
            None => self.out_of_time(limit),
            Some(Ending::Killed(signal)) => Outcome::unknown(format!("{what} was ended by signal {signal}. (#4.3.0)")),
            Some(Ending::Exited(code)) => Outcome::unknown(format!("{what} ended without a word, exit code {code}. (#4.3.0)")),
        };
        Ok(said.unwrap_or(Answer::Last(silent)))
    }

    /// Ends what takes too long.
    fn out_of_time(&mut self, limit: Limit) -> Outcome {
        let still = if self.end() { "" } else { ", and does not even end" };
        Outcome::unknown(format!("{} took too long{still}: {}. (#4.4.7)", limit.what, limit.reason))
    }

    /// Ends the process and its group; whether it went.
    fn end(&mut self) -> bool {
        if !std::mem::replace(&mut self.has_ended, true) {
            process::kill_group(self.pid);
            return process::wait_within(self.pid, GRACE).is_ok_and(|ending| ending.is_some());
        }
        true
    }
}

impl Drop for Worker {
    /// One that waits has begun nothing; its user may have stopped it, so it is not asked.
    fn drop(&mut self) {
        self.end();
    }
}

/// The life of the process.
fn live(mut work: impl Work, link: &OwnedFd) -> i32 {
    // Whatever it starts ends with it, unless that leaves the group.
    let session = process::new_session();
    let mut packet = vec![0; LARGEST_PACKET];
    loop {
        let Ok(received) = socket::receive_packet(link, &mut packet) else { return 1 };
        if received.length == 0 {
            return 0;
        }
        let answer = match &session {
            Ok(()) => work(packet.get(..received.length).unwrap_or_default(), received.descriptor, link),
            Err(error) => Answer::Last(Outcome::unknown(format!("Unable to begin a session: {error}. (#4.3.0)"))),
        };
        let is_sent = socket::send_packet(link, &encode(&answer), None).is_ok();
        if !is_sent || matches!(answer, Answer::Last(_)) {
            return i32::from(!is_sent);
        }
    }
}

const LAST: u8 = b'-';
const MORE: u8 = b'+';
const FOREIGN: u8 = b'?';

fn encode(answer: &Answer) -> Vec<u8> {
    let (stays, outcome) = match answer {
        Answer::Last(outcome) => (LAST, outcome),
        Answer::More(outcome) => (MORE, outcome),
        Answer::Foreign => return vec![FOREIGN],
    };
    let mut text = vec![stays, outcome.verdict.letter()];
    text.extend_from_slice(outcome.scope.letter());
    text.extend_from_slice(outcome.text.as_bytes());
    text.truncate(LONGEST_REPORT);
    text
}

fn parse(text: &[u8]) -> Option<Answer> {
    let (stays, rest) = text.split_first()?;
    if *stays == FOREIGN {
        return Some(Answer::Foreign);
    }
    let [letter, scope, words @ ..] = rest else { return None };
    let text = String::from_utf8_lossy(words).into_owned();
    let outcome = Outcome { verdict: Verdict::from_letter(*letter)?, text, scope: Scope::from_letter(&[*scope])? };
    match *stays {
        LAST => Some(Answer::Last(outcome)),
        MORE => Some(Answer::More(outcome)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "apart_test.rs"]
mod apart_test;
