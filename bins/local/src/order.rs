//! One order of the scheduler: for each of its recipients a process that becomes the recipient and delivers.
//!
//! Security stance: this process is root and parses only what stafett-send says. The look-up, which may hang on a user
//! database or a dead mount, and all that touches a user's files are done by the process that it makes for that; what
//! comes back is a letter and a text.
//! How it fails: a process that hangs or dies has put its message off ([`apart`]).

use crate::apart::{Answer, Apart, Limit, Outcome, Task};
use crate::recipient::{self, Content, Delivery, Stop, Work};
use crate::settings::Settings;
use stafett_envelope::{Envelope, Head};
use stafett_local_users::{Owner, Users};
use stafett_sys::{privilege, process};
use stafett_wire::delivery::{Order, Scope};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// What all deliveries of a connection have in common.
#[derive(Debug)]
pub struct Deliveries<'a> {
    settings: &'a Settings,
    root: &'a Path,
    users: Users,
}

impl<'a> Deliveries<'a> {
    /// With these settings, for this instance.
    pub fn new(settings: &'a Settings, root: &'a Path) -> Deliveries<'a> {
        Deliveries { settings, root, users: Users::new(root, settings.breaks.clone()) }
    }

    /// Delivers to the one recipient of the envelope, in a process of its own or in that of the same local part before, as long as
    /// the scheduler has the other end of `orders`. `own` closes in a new process what it must not have.
    pub fn carry_out(
        &self,
        apart: &mut Apart,
        (order, envelope): (&Order<'_>, &Envelope),
        file: BorrowedFd<'_>,
        orders: BorrowedFd<'_>,
        own: impl FnOnce(),
    ) -> Outcome {
        let Some((local, _)) = address(envelope) else { return Outcome::never("Sorry, that address has no domain. (#5.1.3)") };
        let mut text = Vec::new();
        envelope.write(&mut text);
        let packet = Order { envelope: &text, ..*order }.encode();
        let limit = Limit { what: "The delivery", patience: self.settings.patience, reason: "control/timeoutlocal" };
        let task = Task { key: local.as_bytes(), packet: &packet, file: Some(file) };
        let mut become_owner = Becoming { deliveries: self, owner: None };
        apart.carry_out(limit, orders, task, own, |packet, file, report| become_owner.deliver(packet, file, report))
    }
}

/// In the process of a recipient: whom it has become.
struct Becoming<'a> {
    deliveries: &'a Deliveries<'a>,
    owner: Option<Owner>,
}

impl Becoming<'_> {
    fn deliver(&mut self, packet: &[u8], file: Option<OwnedFd>, report: &OwnedFd) -> Answer {
        let order = Order::parse(packet).map_err(|error| error.to_string());
        let parsed = order.and_then(|order| Ok((order.size, Envelope::parse(order.envelope).map_err(|error| error.to_string())?)));
        let ready =
            parsed.and_then(|parsed| Ok((parsed, file.ok_or("no message")?, report.try_clone().map_err(|error| error.to_string())?)));
        let ((size, envelope), file, report) = match ready {
            Ok(ready) => ready,
            Err(error) => return Answer::Last(Outcome::unknown(format!("Unable to deliver: {error}. (#4.3.0)"))),
        };
        let (local, host) = address(&envelope).map(|(local, host)| (local.to_owned(), host.to_owned())).unwrap_or_default();
        let owner = match self.owner_of(&local) {
            Ok(owner) => owner,
            Err(answer) => return answer,
        };
        let head: Vec<String> = envelope.head.iter().map(line).collect();
        let Deliveries { settings, root, .. } = self.deliveries;
        let delivery = Delivery {
            owner,
            local,
            host,
            content: Content::new(head.into_iter(), file, size),
            envelope,
            default_delivery: settings.default_delivery.clone(),
            breaks: settings.breaks.clone(),
            root: root.to_path_buf(),
            report: Some(report),
        };
        match recipient::carry_out(&delivery, Work::Do) {
            // What a program has left behind is in this process's group, and may go on.
            Ok(done) if done.programs > 0 => Answer::Last(Outcome::done(done.sum())),
            Ok(done) => leave_home(Outcome::done(done.sum())),
            Err(Stop::Later(text)) => Answer::Last(Outcome::later(text)),
            Err(Stop::Never(text)) => Answer::Last(Outcome::never(text)),
        }
    }

    /// Looks for the owner of the local part and becomes it. What was looked up before may have changed, so it is looked up again;
    /// what only root could find is for another process.
    fn owner_of(&mut self, local: &str) -> Result<Owner, Answer> {
        let found = self.deliveries.users.find(local);
        if let Some(own) = &self.owner {
            return found.ok().flatten().filter(|owner| owner == own).ok_or(Answer::Foreign);
        }
        let owner = match found {
            Ok(Some(owner)) => owner,
            Ok(None) => return Err(Answer::Last(Outcome::never("Sorry, no mailbox here by that name. (#5.1.1)"))),
            Err(trouble) => {
                let text = format!("Unable to find out whose that address is: {trouble}. (#4.3.0)");
                let scope = if trouble.is_general { Scope::Destination } else { Scope::Message };
                return Err(Answer::Last(Outcome { scope, ..Outcome::later(text) }));
            }
        };
        become_owner(&owner)
            .map_err(|error| Answer::Last(Outcome::later(format!("Unable to become user {}: {error}. (#4.3.0)", owner.user))))?;
        Ok(self.owner.insert(owner).clone())
    }
}

/// A home in which a process stands cannot be unmounted.
fn leave_home(outcome: Outcome) -> Answer {
    match std::env::set_current_dir("/") {
        Ok(()) => Answer::More(outcome),
        Err(_) => Answer::Last(outcome),
    }
}

/// The local part and the domain of the one recipient.
fn address(envelope: &Envelope) -> Option<(&str, &str)> {
    envelope.recipients.first().and_then(|recipient| recipient.address.rsplit_once('@'))
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
