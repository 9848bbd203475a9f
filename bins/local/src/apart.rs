//! Work that is done as a user, in a process of its own, and the time it may take.
//!
//! What: the process does one task, and stays for the next one of its kind where that needs nothing else of it: the birth of a
//! process, and the way from root to its user, are most of what a delivery into a Maildir costs.
//! Security stance: the caller is root and stays it. What a user may stop or hang is the process alone, and never the one that
//! keeps its time; what comes back is a letter and a text. A process that has become a user is told of that user's tasks alone.
//! How it fails: a process that hangs is ended with all of its group when its time is over, or when nobody waits for its
//! outcome any more, because whoever asked will ask again; one that dies without a word has put its work off, and what it had
//! started is ended. Known limits: one that waits for a dead disk cannot be ended; it is left behind.

use crate::answer::{Answer, LONGEST, Outcome, Outcomes};
use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Ending, Fork, Pid};
use stafett_sys::socket::{self, Style};
use stafett_wire::LARGEST_PACKET;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long a process may take to go when it has said all or was killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long a process waits for its next task, so that homes can be unmounted.
pub const KEEP: Duration = Duration::from_secs(1);
/// How long a process is used: a user's groups may change.
const LONGEST_USE: Duration = Duration::from_secs(10);

/// Exit code of a process that could not close what it must not have.
const NOT_ALONE: i32 = 2;

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
    /// The descriptors that go with it, one for each message.
    pub files: &'a [BorrowedFd<'a>],
}

/// What a process does with the packet and the files of a task; of the last descriptor [`is_forsaken`] tells.
pub trait Work: FnMut(&[u8], Vec<OwnedFd>, &OwnedFd) -> Answer {}

impl<F: FnMut(&[u8], Vec<OwnedFd>, &OwnedFd) -> Answer> Work for F {}

/// The process that was used last, as long as it stays.
#[derive(Debug, Default)]
pub struct Apart {
    kept: Option<Worker>,
}

impl Apart {
    /// Has the task done by a process of its own, for whoever has the other end of `asker`. `own` closes in a new one what it must
    /// not have; where it cannot, nothing is done.
    pub fn carry_out(
        &mut self,
        limit: Limit,
        asker: BorrowedFd<'_>,
        task: Task<'_>,
        own: impl FnOnce() -> io::Result<()>,
        work: impl Work,
    ) -> Outcomes {
        let wait = Wait { limit, asker, until: Instant::now() + limit.patience, messages: task.files.len() };
        if let Some(worker) = self.kept.take().filter(|worker| worker.key == task.key && worker.born.elapsed() < LONGEST_USE)
            && worker.give(task).is_ok()
            && let Some(outcomes) = self.hear(worker, wait)
        {
            return outcomes;
        }
        let heard = Worker::born(task.key, own, work).and_then(|worker| worker.give(task).map(|()| worker));
        match heard {
            Ok(worker) => self.hear(worker, wait).unwrap_or_else(|| Outcome::unknown("Unable to become another user. (#4.3.0)").into()),
            Err(error) => Outcome::unknown(format!("Unable to make a process: {error}. (#4.3.0)")).into(),
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
    fn hear(&mut self, mut worker: Worker, wait: Wait<'_>) -> Option<Outcomes> {
        match worker.listen(wait) {
            Ok(Said::Of(outcomes)) => Some(outcomes),
            Ok(Said::Stays(outcomes)) => {
                self.kept = Some(worker);
                Some(outcomes)
            }
            Ok(Said::Foreign) => None,
            Err(error) => {
                let outcome = Outcome::interrupted(format!("Unable to wait for the process of a user: {error}. (#4.3.0)"));
                Some(Outcomes::same(outcome, wait.messages))
            }
        }
    }
}

/// Whether nobody hears what is reported here: the process at the other end is gone.
pub fn is_forsaken(report: BorrowedFd<'_>) -> bool {
    poll::wait_two((report, Interest::Hangup), None, Some(Duration::ZERO)).is_ok_and(|(gone, _)| gone.hangup)
}

/// For what, for whom and until when is waited.
#[derive(Clone, Copy)]
struct Wait<'a> {
    limit: Limit,
    asker: BorrowedFd<'a>,
    until: Instant,
    messages: usize,
}

/// What was heard of a process.
enum Said {
    /// It is gone, or of no use any more.
    Of(Outcomes),
    /// It waits for another task.
    Stays(Outcomes),
    /// The task is not one for it.
    Foreign,
}

/// A process that does tasks, and our end of the way to it.
#[derive(Debug)]
struct Worker {
    pid: Pid,
    link: OwnedFd,
    key: Vec<u8>,
    born: Instant,
    has_left: bool,
    has_ended: bool,
}

impl Worker {
    fn born(key: &[u8], own: impl FnOnce() -> io::Result<()>, work: impl Work) -> io::Result<Worker> {
        let (link, theirs) = socket::pair(Style::Packets)?;
        match process::fork()? {
            Fork::Child => {
                drop(link);
                process::exit_now(if own().is_ok() { live(work, &theirs) } else { NOT_ALONE });
            }
            Fork::Parent(pid) => Ok(Worker { pid, link, key: key.to_vec(), born: Instant::now(), has_left: false, has_ended: false }),
        }
    }

    /// Fails where the process is gone: then it has done nothing of this task.
    fn give(&self, task: Task<'_>) -> io::Result<()> {
        socket::send_packet_with(&self.link, task.packet, task.files)
    }

    /// What the process says, and its end if that is the last.
    fn listen(&mut self, wait: Wait<'_>) -> io::Result<Said> {
        let said = loop {
            match self.next_answer(wait)? {
                // Once: who says it for ever would be heard beyond its time.
                Ok(Some(Answer::Leaves)) if !self.has_left => self.has_left = true,
                Ok(said) => break said,
                Err(outcomes) => return Ok(Said::Of(outcomes)),
            }
        };
        let outcomes = match said {
            Some(Answer::Foreign) => return Ok(Said::Foreign),
            Some(Answer::More(outcome)) if !self.has_left => return Ok(Said::Stays(outcome.into())),
            Some(Answer::Several(outcomes)) if !self.has_left => Outcomes::of(outcomes).filter(|said| said.rest.len() < wait.messages),
            Some(Answer::Last(outcome)) => return self.hear_out(wait, Some(outcome)).map(Said::Of),
            _ => None,
        };
        match outcomes {
            Some(outcomes) => Ok(Said::Stays(outcomes)),
            None => self.hear_out(wait, None).map(Said::Of),
        }
    }

    /// The next packet, which may be none of ours; or what became of the task when none comes.
    fn next_answer(&mut self, wait: Wait<'_>) -> io::Result<Result<Option<Answer>, Outcomes>> {
        let left = wait.until.saturating_duration_since(Instant::now());
        let ready = poll::wait(&[(self.link.as_fd(), Interest::Read), (wait.asker, Interest::Hangup)], Some(left))?;
        match ready[..] {
            [report, _] if report.any() => {}
            [_, asker] if asker.any() => {
                self.end();
                let outcome = Outcome::interrupted("Nobody waits for the outcome any more. (#4.3.0)");
                return Ok(Err(Outcomes::same(outcome, wait.messages)));
            }
            _ => return Ok(Err(Outcomes::same(self.out_of_time(wait.limit), wait.messages))),
        }
        let mut text = [0; LONGEST];
        // A process that was killed before it took its task resets the connection.
        let length = socket::receive_packet(&self.link, &mut text).map_or(0, |packet| packet.length);
        Ok(Ok(Answer::parse(text.get(..length).unwrap_or_default())))
    }

    /// The end of a process that has said its last word, or what is none.
    fn hear_out(&mut self, wait: Wait<'_>, said: Option<Outcome>) -> io::Result<Outcomes> {
        if said.is_none() {
            // Before it is waited for: its number is still its own, and its group's.
            process::kill_group(self.pid);
        }
        let ending = process::wait_within(self.pid, GRACE)?;
        self.has_ended = ending.is_some();
        let what = wait.limit.what;
        let silent = match ending {
            // What it has said counts, though its user may have stopped it since.
            None => self.out_of_time(wait.limit),
            Some(Ending::Killed(signal)) => Outcome::interrupted(format!("{what} was ended by signal {signal}. (#4.3.0)")),
            Some(Ending::Exited(code)) => Outcome::interrupted(format!("{what} ended without a word, exit code {code}. (#4.3.0)")),
        };
        Ok(said.map_or_else(|| Outcomes::same(silent, wait.messages), Outcomes::from))
    }

    /// Ends what takes too long.
    fn out_of_time(&mut self, limit: Limit) -> Outcome {
        let still = if self.end() { "" } else { ", and does not even end" };
        Outcome::interrupted(format!("{} took too long{still}: {}. (#4.4.7)", limit.what, limit.reason))
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
        let Ok((length, files)) = socket::receive_packet_with(link, &mut packet) else { return 1 };
        if length == 0 {
            return 0;
        }
        let answer = match &session {
            Ok(()) => work(packet.get(..length).unwrap_or_default(), files, link),
            Err(error) => Answer::Last(Outcome::unknown(format!("Unable to begin a session: {error}. (#4.3.0)"))),
        };
        let is_sent = socket::send_packet(link, &answer.encode(), None).is_ok();
        if !is_sent || matches!(answer, Answer::Last(_)) {
            return i32::from(!is_sent);
        }
    }
}

#[cfg(test)]
#[path = "apart_test.rs"]
mod apart_test;
