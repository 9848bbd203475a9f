//! One order of the scheduler: for each of its recipients a process that becomes the recipient and delivers.
//!
//! Security stance: this process is root and parses only what stafett-send says. The look-up, which may hang on a user
//! database or a dead mount, and all that touches a user's files are done by the process that it makes for that; what
//! comes back is a letter and a text.
//! How it fails: a process that hangs or dies has put its message off ([`apart`]).

use crate::apart::{self, Limit, Outcome};
use crate::recipient::{self, Content, Delivery, Stop, Work};
use crate::settings::Settings;
use stafett_envelope::{Envelope, Head};
use stafett_local_users::{Owner, Users};
use stafett_sys::{privilege, process};
use stafett_wire::Verdict;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

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

/// Delivers in a process of its own, as long as the scheduler has the other end of `orders`. `own` closes in it what it must
/// not have.
pub fn deliver(task: Task<'_>, orders: BorrowedFd<'_>, own: impl FnOnce()) -> Outcome {
    let limit = Limit { what: "The delivery", patience: task.settings.patience, reason: "control/timeoutlocal" };
    apart::carry_out(limit, orders, own, |report| become_and_deliver(task, report))
}

fn become_and_deliver(task: Task<'_>, report: &OwnedFd) -> Outcome {
    let report = match report.try_clone() {
        Ok(report) => report,
        Err(error) => return Outcome::later(format!("Unable to deliver: {error}. (#4.3.0)")),
    };
    let users = Users::new(task.root, task.settings.breaks.clone());
    let Some((local, host)) = task.envelope.recipients.first().and_then(|recipient| recipient.address.rsplit_once('@')) else {
        return Outcome::never("Sorry, that address has no domain. (#5.1.3)");
    };
    let (local, host) = (local.to_owned(), host.to_owned());
    let owner = match users.find(&local) {
        Ok(Some(owner)) => owner,
        Ok(None) => return Outcome::never("Sorry, no mailbox here by that name. (#5.1.1)"),
        Err(trouble) => {
            let text = format!("Unable to find out whose that address is: {trouble}. (#4.3.0)");
            return Outcome { is_general: trouble.is_general, ..Outcome::later(text) };
        }
    };
    if let Err(error) = become_owner(&owner) {
        return Outcome::later(format!("Unable to become user {}: {error}. (#4.3.0)", owner.user));
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
        report: Some(report),
    };
    match recipient::carry_out(&delivery, Work::Do) {
        Ok(text) => Outcome { verdict: Verdict::Ok, text, is_general: false },
        Err(Stop::Later(text)) => Outcome::later(text),
        Err(Stop::Never(text)) => Outcome::never(text),
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
