//! What an instance consists of: one table of services and one of places, for the installer, the
//! checker and the manual alike.
//!
//! Security stance: nothing is writable by everybody, nothing is setuid or setgid, and no service
//! owns a directory of another. Two directories are gates: queue/ and log/NAME/ may be entered by
//! their owner and by the common group (the admins), so what is made below them needs no
//! group of its own. Who may speak to a service is the mode of its directory under run/.
//! Known limits: an instance that an ordinary user made has the same modes, but one owner for all,
//! so its programs are not protected from each other.

use crate::people::{Group, Role};
use std::path::PathBuf;

/// A service under supervision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supervised {
    /// Its directory under service/ and under log/.
    pub name: &'static str,
    /// The program and its arguments, where the run script is the common one.
    pub command: &'static str,
    /// Whom it runs as.
    pub role: Role,
}

/// Every service of an instance. The first is the listener, which has a run script of its own: it
/// binds the port as root and changes to its role then.
pub const SERVICES: &[Supervised] = &[
    Supervised { name: LISTENER, command: "stafett-tcpserver", role: Role::Smtpd },
    Supervised { name: "smtpd", command: "stafett-smtpd --resident", role: Role::Smtpd },
    Supervised { name: "queued", command: "stafett-queued", role: Role::Queue },
    Supervised { name: "send", command: "stafett-send", role: Role::Queue },
    Supervised { name: "remote", command: "stafett-remote", role: Role::Remote },
];

/// The service that owns the port. Where an instance listens at several addresses, the others are
/// called `tcpserver2` and so on.
pub const LISTENER: &str = "tcpserver";

/// The file in which the installer keeps what it was told and what it wrote.
pub const SETTINGS: &str = "setup";

/// A directory or file with its owner and mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Below the instance's directory; empty for that itself.
    pub path: PathBuf,
    /// What must lie there.
    pub kind: Kind,
    /// Its owner.
    pub owner: Role,
    /// Its group.
    pub group: Group,
    /// Its mode, `07777` of it.
    pub mode: u32,
}

/// What lies at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File,
}

/// A directory's row: path, owner, group, mode.
type Row = (&'static str, Role, Group, u32);

/// The directories that every instance has, parents first.
const DIRECTORIES: &[Row] = &[
    ("", Role::Root, Group::Own, 0o755),
    ("control", Role::Root, Group::Own, 0o755),
    // The gate: the queue's user and the admins. What is below needs no protection of its own.
    ("queue", Role::Queue, Group::Common, 0o750),
    ("queue/tmp", Role::Queue, Group::Own, 0o755),
    ("queue/new", Role::Queue, Group::Own, 0o755),
    ("queue/cur", Role::Queue, Group::Own, 0o755),
    ("queue/hold", Role::Queue, Group::Own, 0o755),
    ("queue/bad", Role::Queue, Group::Own, 0o755),
    ("run", Role::Root, Group::Own, 0o755),
    // Everybody may inject, as with qmail-queue; the caller's user is recorded.
    ("run/queue", Role::Queue, Group::Own, 0o755),
    // queued tells of arrivals here, the admins' tools will give orders.
    ("run/send", Role::Queue, Group::Common, 0o750),
    // send asks for deliverers, so its group may pass.
    ("run/remote", Role::Remote, Group::Of(Role::Queue), 0o710),
    ("run/smtpd", Role::Smtpd, Group::Own, 0o710),
    ("log", Role::Root, Group::Own, 0o755),
    ("service", Role::Root, Group::Own, 0o755),
];

/// What each service has under service/; the scripts and variables in it are files of the
/// installer.
const SERVICE_DIRECTORIES: &[&str] = &["", "/env", "/log"];

/// Files that are kept beside the messages: what the admin did while no scheduler ran, the attempts
/// that may have been under way, and the last queue id given.
pub const QUEUE_FILES: &[&str] = &["admin", "attempts", "lastid"];

/// How many directories share the waiting messages.
const SHARDS: usize = 256;

/// All directories of an instance whose listeners have these names, parents first.
pub fn directories(listeners: &[String]) -> Vec<Place> {
    let fixed = DIRECTORIES.iter().map(|&(path, owner, group, mode)| directory(path, owner, group, mode));
    let shards = (0..SHARDS).map(|shard| directory(format!("queue/cur/{shard:02x}"), Role::Queue, Group::Own, 0o755));
    let mut all: Vec<Place> = fixed.chain(shards).collect();
    for name in service_names(listeners) {
        all.push(directory(format!("log/{name}"), Role::Log, Group::Common, 0o750));
        for part in SERVICE_DIRECTORIES {
            all.push(directory(format!("service/{name}{part}"), Role::Root, Group::Own, 0o755));
        }
    }
    all
}

/// The names of all services, with these listeners in the place of the first.
pub fn service_names(listeners: &[String]) -> Vec<String> {
    let others = SERVICES.iter().filter(|service| service.name != LISTENER).map(|service| service.name.to_owned());
    listeners.iter().cloned().chain(others).collect()
}

/// The names of listeners for that many addresses.
pub fn listener_names(addresses: usize) -> Vec<String> {
    let name = |number| if number == 1 { LISTENER.to_owned() } else { format!("{LISTENER}{number}") };
    (1..=addresses.max(1)).map(name).collect()
}

/// A file of root that everybody may read, or also execute.
pub fn file(path: impl Into<PathBuf>, executable: bool) -> Place {
    Place { path: path.into(), kind: Kind::File, owner: Role::Root, group: Group::Own, mode: if executable { 0o755 } else { 0o644 } }
}

fn directory(path: impl Into<PathBuf>, owner: Role, group: Group, mode: u32) -> Place {
    Place { path: path.into(), kind: Kind::Directory, owner, group, mode }
}
