//! One order of the scheduler: for each of its recipients a process that becomes the recipient and delivers.
//!
//! Security stance: this process is root and parses only what stafett-send says. The look-up, which may hang on a user
//! database or a dead mount, and all that touches a user's files are done by the process that it makes for that; what
//! comes back is a letter and a text.
//! How it fails: a process that hangs is ended with all of its group when its time is over, one that dies without a word
//! has put its message off.

use crate::recipient::{self, Content, Delivery, Stop, Work};
use crate::settings::Settings;
use stafett_envelope::{Envelope, Head};
use stafett_local_users::{Owner, Users};
use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Ending, Fork, Pid};
use stafett_sys::{descriptor, privilege};
use stafett_wire::Verdict;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// A report's bytes at most.
const LONGEST_REPORT: usize = 4096;
/// How long a process may take to go when it was killed. One that waits for a dead disk cannot.
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

/// The message for one recipient.
#[derive(Debug)]
pub struct Task<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// The instance.
    pub root: &'a Path,
    /// The envelope, with this one recipient.
    pub envelope: Envelope,
    /// The message.
    pub file: OwnedFd,
    /// Its bytes.
    pub size: u64,
}

/// Delivers in a process of its own. `own` closes in it what it must not have.
pub fn deliver(task: Task<'_>, own: impl FnOnce()) -> Outcome {
    let until = Instant::now() + task.settings.patience;
    match descriptor::pipe().and_then(|(read, write)| Ok((process::fork()?, read, write))) {
        Err(error) => later(format!("Unable to fork: {error}. (#4.3.0)")),
        Ok((Fork::Child, read, write)) => {
            drop(read);
            own();
            process::exit_now(live(task, &write));
        }
        Ok((Fork::Parent(pid), read, write)) => {
            drop(write);
            listen(pid, &read, until).unwrap_or_else(|error| later(format!("Unable to wait for the delivery: {error}. (#4.3.0)")))
        }
    }
}

/// The life of the process that delivers.
fn live(task: Task<'_>, report: &OwnedFd) -> i32 {
    // Whatever it starts ends with it, unless that leaves the group.
    let outcome = match process::new_session() {
        Ok(()) => become_and_deliver(task),
        Err(error) => later(format!("Unable to begin a session: {error}. (#4.3.0)")),
    };
    let mut text = vec![outcome.verdict.letter(), if outcome.is_general { b'g' } else { b'-' }];
    text.extend_from_slice(outcome.text.as_bytes());
    text.truncate(LONGEST_REPORT);
    i32::from(descriptor::write_all(report, &text).is_err())
}

fn become_and_deliver(task: Task<'_>) -> Outcome {
    let users = Users::new(task.root, task.settings.breaks.clone());
    let Some((local, host)) = task.envelope.recipients.first().and_then(|recipient| recipient.address.rsplit_once('@')) else {
        return never("Sorry, that address has no domain. (#5.1.3)");
    };
    let (local, host) = (local.to_owned(), host.to_owned());
    let owner = match users.find(&local) {
        Ok(Some(owner)) => owner,
        Ok(None) => return never("Sorry, no mailbox here by that name. (#5.1.1)"),
        Err(trouble) => {
            let text = format!("Unable to find out whose that address is: {trouble}. (#4.3.0)");
            return Outcome { is_general: trouble.is_general, ..later(text) };
        }
    };
    if let Err(error) = become_owner(&owner) {
        return later(format!("Unable to become user {}: {error}. (#4.3.0)", owner.user));
    }
    let head: Vec<String> = task.envelope.head.iter().map(line).collect();
    let delivery = Delivery {
        owner,
        local,
        host,
        content: Content::new(head.into_iter(), task.file, task.size),
        envelope: task.envelope,
        default_delivery: task.settings.default_delivery.clone(),
        breaks: task.settings.breaks.clone(),
        root: task.root.to_path_buf(),
    };
    match recipient::carry_out(&delivery, Work::Do) {
        Ok(text) => Outcome { verdict: Verdict::Ok, text, is_general: false },
        Err(Stop::Later(text)) => later(text),
        Err(Stop::Never(text)) => never(text),
    }
}

/// Gives up root for good: user, group and further groups are those of the owner.
pub fn become_owner(owner: &Owner) -> io::Result<()> {
    process::keep_files_private();
    privilege::become_user(&owner.user, owner.uid, owner.gid).map(drop)
}

fn line(head: &Head) -> String {
    match head {
        Head::Line(text) => text.clone(),
        Head::WithId(before, after) => format!("{before}{after}"),
    }
}

/// What the process says, and its end.
fn listen(pid: Pid, report: &OwnedFd, until: Instant) -> io::Result<Outcome> {
    let mut text = Vec::new();
    let mut piece = [0; LONGEST_REPORT];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let (ready, _) = poll::wait_two((report.as_fd(), Interest::Read), None, Some(left))?;
        if !ready.any() {
            return Ok(end(pid));
        }
        match descriptor::read(report, &mut piece)? {
            0 => break,
            count => text.extend_from_slice(piece.get(..count.min(LONGEST_REPORT - text.len().min(LONGEST_REPORT))).unwrap_or_default()),
        }
    }
    let ending = process::wait_for(pid)?;
    Ok(parse(&text).unwrap_or_else(|| match ending {
        Ending::Killed(signal) => later(format!("The delivery was ended by signal {signal}. (#4.3.0)")),
        Ending::Exited(code) => later(format!("The delivery ended without a word, exit code {code}. (#4.3.0)")),
    }))
}

/// Ends what takes too long.
fn end(pid: Pid) -> Outcome {
    process::kill_group(pid);
    let gone = process::wait_within(pid, GRACE).is_ok_and(|ending| ending.is_some());
    let still = if gone { "" } else { ", and does not even end" };
    later(format!("The delivery took too long{still}: control/timeoutlocal. (#4.4.7)"))
}

fn parse(text: &[u8]) -> Option<Outcome> {
    let [letter, general, words @ ..] = text else { return None };
    let verdict = Verdict::from_letter(*letter)?;
    Some(Outcome { verdict, text: String::from_utf8_lossy(words).into_owned(), is_general: *general == b'g' })
}

fn later(text: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Temporary, text: text.into(), is_general: false }
}

fn never(text: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Permanent, text: text.into(), is_general: false }
}
