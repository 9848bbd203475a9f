//! One order of the scheduler: for each of its recipients a process that becomes the recipient and delivers.
//!
//! Security stance: this process is root and parses only what stafett-send says. The look-up, which may hang on a user
//! database or a dead mount, and all that touches a user's files are done by the process that it makes for that; what
//! comes back is a letter and a text.
//! How it fails: a process that hangs or dies has put its message off ([`apart`]).

use crate::answer::{Answer, Outcome, Outcomes};
use crate::apart::{Apart, Limit, Task};
use crate::recipient::{self, Content, Delivery, Done, Prepared, Stop, Work};
use crate::settings::Settings;
use stafett_envelope::{Envelope, Head};
use stafett_local_users::{Owner, Users};
use stafett_sys::{privilege, process};
use stafett_wire::delivery::{Order, Scope};
use std::fmt::Display;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

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

    /// Has the orders of a task carried out, in a process of its own or in that of the same local part before, as long as the
    /// scheduler has the other end of `scheduler`. `own` closes in a new process what it must not have.
    pub fn carry_out(
        &self,
        apart: &mut Apart,
        task: Task<'_>,
        scheduler: BorrowedFd<'_>,
        own: impl FnOnce() -> io::Result<()>,
    ) -> Outcomes {
        let limit = Limit { what: "The delivery", patience: self.settings.patience, reason: "control/timeoutlocal" };
        let mut become_owner = Becoming { deliveries: self, owner: None };
        apart.carry_out(limit, scheduler, task, own, |packet, files, report| become_owner.deliver(packet, files, report))
    }
}

/// In the process of a recipient: whom it has become.
struct Becoming<'a> {
    deliveries: &'a Deliveries<'a>,
    owner: Option<Owner>,
}

impl Becoming<'_> {
    fn deliver(&mut self, packet: &[u8], files: Vec<OwnedFd>, report: &OwnedFd) -> Answer {
        let deliveries = match self.deliveries(packet, files, report) {
            Ok(deliveries) => deliveries,
            Err(answer) => return answer,
        };
        let mut prepared = deliveries.iter().map(|delivery| (delivery, recipient::prepare(delivery, Work::Do)));
        let Some((first, plan)) = prepared.next() else { return Answer::Foreign };
        let answer = match plan {
            Err(stop) if deliveries.len() == 1 => return Answer::Last(outcome(Err(stop))),
            Err(stop) => land_together((first, Err(stop)), prepared),
            Ok(plan) if plan.lone_maildir().is_some() => land_together((first, Ok(plan)), prepared),
            Ok(plan) => match recipient::carry_out(first, plan, Work::Do) {
                // What a program has left behind is in this process's group, and may go on.
                Ok(done) if done.programs > 0 => return Answer::Last(outcome(Ok(done))),
                Ok(done) => Answer::More(outcome(Ok(done))),
                Err(stop) => return Answer::Last(outcome(Err(stop))),
            },
        };
        // A home in which a process stands cannot be unmounted.
        let _ = std::env::set_current_dir("/");
        answer
    }

    /// The deliveries that the packet's orders ask for. They are for one local part; its owner is looked up once.
    fn deliveries(&mut self, packet: &[u8], files: Vec<OwnedFd>, report: &OwnedFd) -> Result<Vec<Delivery>, Answer> {
        let orders = Order::parse_all(packet).map_err(unable)?;
        if orders.len() != files.len() {
            return Err(unable("no message"));
        }
        let report = Rc::new(report.try_clone().map_err(unable)?);
        let mut deliveries: Vec<Delivery> = Vec::with_capacity(orders.len());
        let Deliveries { settings, root, .. } = self.deliveries;
        for (order, file) in orders.iter().zip(files) {
            let envelope = Envelope::parse(order.envelope).map_err(unable)?;
            let (local, host) = address(&envelope).map(|(local, host)| (local.to_owned(), host.to_owned())).unwrap_or_default();
            let owner = match deliveries.first() {
                Some(first) => first.owner.clone(),
                None => self.owner_of(&local)?,
            };
            let head: Vec<String> = envelope.head.iter().map(line).collect();
            deliveries.push(Delivery {
                owner,
                local,
                host,
                content: Content::new(head.into_iter(), file, order.size),
                envelope,
                default_delivery: settings.default_delivery.clone(),
                breaks: settings.breaks.clone(),
                root: root.to_path_buf(),
                report: Some(Rc::clone(&report)),
            });
        }
        Ok(deliveries)
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

/// Nothing was begun.
fn unable(error: impl Display) -> Answer {
    Answer::Last(Outcome::unknown(format!("Unable to deliver: {error}. (#4.3.0)")))
}

/// A message, and what is to be done with it.
type Planned<'a> = (&'a Delivery, Result<Prepared, Stop>);

/// Several messages go into Maildirs together, up to the first for which something else is to be done. What is to be put off or
/// returned is told of beside them.
fn land_together<'a>(first: Planned<'a>, others: impl Iterator<Item = Planned<'a>>) -> Answer {
    let mut messages = vec![first];
    messages.extend(others.take_while(|(_, plan)| plan.as_ref().map_or(true, |plan| plan.lone_maildir().is_some())));
    let lone = messages.iter().filter_map(|(delivery, plan)| Some((*delivery, plan.as_ref().ok()?.lone_maildir()?)));
    let mut landed = recipient::land(&lone.collect::<Vec<_>>()).into_iter();
    let mut results: Vec<_> =
        messages.iter().map_while(|(_, plan)| plan.as_ref().map_or_else(|stop| Some(Err(stop.clone())), |_| landed.next())).collect();
    match results.pop_if(|last| last.is_err() && messages.len() == 1) {
        Some(failed) => Answer::Last(outcome(failed)),
        None => Answer::Several(results.into_iter().map(outcome).collect()),
    }
}

fn outcome(result: Result<Done, Stop>) -> Outcome {
    match result {
        Ok(done) => Outcome::done(done.sum()),
        Err(Stop::Later(text)) => Outcome::later(text),
        Err(Stop::Never(text)) => Outcome::never(text),
    }
}

/// The local part and the domain of the one recipient.
pub fn address(envelope: &Envelope) -> Option<(&str, &str)> {
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
