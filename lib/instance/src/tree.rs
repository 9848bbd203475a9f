//! What an instance consists of: one table of services and one of places, for the installer, the
//! checker and the manual alike.
//!
//! Security stance: nothing is writable by everybody, nothing is setuid or setgid, and no service
//! owns a directory of another. Two directories are gates: queue/ and log/NAME/ may be entered by
//! their owner and by the common group (the admins), so what is made below them needs no
//! group of its own. Who may speak to a service is the mode of its directory under run/.
//! Known limits: an instance that an ordinary user made has the same modes, but one owner for all,
//! so its programs are not protected from each other.

use crate::people::{Group, IDENTITIES, Role};
use crate::{DOT, RECIPIENTS, Service};
use std::collections::BTreeSet;
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
    /// Where others talk to it.
    pub door: Option<Door>,
    /// Whether it keeps what must survive it, in a directory of its own below state/.
    pub keeps_state: bool,
}

/// The directory under run/ in which a service has its socket. It belongs to the service's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// Its name.
    pub service: Service,
    /// Its group.
    pub group: Group,
    /// Its mode: 0710 lets the programs of that group talk to the service, 0750 also look, 0755 lets everybody.
    pub mode: u32,
}

/// The services that every instance has. The first is the listener, which has a run script of its own: it
/// binds the port as root and changes to its role then.
pub const SERVICES: &[Supervised] = &[
    Supervised { name: LISTENER, command: "stafett-tcpserver", role: Role::Smtpd, door: None, keeps_state: false },
    Supervised {
        name: "smtpd",
        command: "stafett-smtpd --resident",
        role: Role::Smtpd,
        door: Some(Door { service: Service::Smtpd, group: Group::Own, mode: 0o710 }),
        keeps_state: false,
    },
    Supervised {
        name: "queued",
        command: "stafett-queued",
        role: Role::Queue,
        // Everybody may inject, as with qmail-queue; the caller's user is recorded.
        door: Some(Door { service: Service::Queue, group: Group::Own, mode: 0o755 }),
        keeps_state: false,
    },
    Supervised {
        name: "send",
        command: "stafett-send",
        role: Role::Queue,
        // queued tells of arrivals here, the admins' tools give orders.
        door: Some(Door { service: Service::Send, group: Group::Common, mode: 0o750 }),
        keeps_state: false,
    },
    Supervised {
        name: "remote",
        command: "stafett-remote",
        role: Role::Remote,
        // send asks for deliverers, so its group may pass.
        door: Some(Door { service: Service::Remote, group: Group::Of(Role::Queue), mode: 0o710 }),
        keeps_state: false,
    },
];

/// The services that an instance has when it was asked for them (`stafett-setup --with`). A row here, with its
/// role's row among the [`IDENTITIES`] and its name in [`Service`], is all that installer and checker need.
pub const OPTIONAL: &[Supervised] = &[
    Supervised {
        name: "metrics",
        command: "stafett-metrics",
        role: Role::Metrics,
        door: Some(Door { service: Service::Metrics, group: Group::Common, mode: 0o750 }),
        keeps_state: false,
    },
    Supervised {
        name: "callout",
        command: "stafett-callout",
        role: Role::Remote,
        door: Some(Door { service: Service::Callout, group: Group::Of(Role::Smtpd), mode: 0o710 }),
        keeps_state: true,
    },
    Supervised {
        name: "verify",
        command: "stafett-verify",
        role: Role::Verify,
        // smtpd asks.
        door: Some(Door { service: Service::Verify, group: Group::Of(Role::Smtpd), mode: 0o710 }),
        keeps_state: false,
    },
    Supervised {
        name: "dnsbl",
        command: "stafett-dnsbl --resident",
        role: Role::Smtpd,
        // smtpd asks, and that is the same user.
        door: Some(Door { service: Service::Dnsbl, group: Group::Own, mode: 0o710 }),
        keeps_state: false,
    },
    Supervised {
        name: "limit",
        command: "stafett-limit --resident",
        role: Role::Limit,
        // smtpd asks; what only the admin may ask is refused to it by its user.
        door: Some(Door { service: Service::Limit, group: Group::Of(Role::Smtpd), mode: 0o710 }),
        keeps_state: true,
    },
    Supervised {
        name: "tls",
        command: "stafett-tls",
        role: Role::Tls,
        // smtpd hands clients over.
        door: Some(Door { service: Service::Tls, group: Group::Of(Role::Smtpd), mode: 0o710 }),
        keeps_state: false,
    },
    Supervised {
        name: "tlskeys",
        command: "stafett-tlskeys",
        role: Role::TlsKeys,
        // tls has handshakes signed.
        door: Some(Door { service: Service::TlsKeys, group: Group::Of(Role::Tls), mode: 0o710 }),
        keeps_state: false,
    },
    Supervised {
        name: "milter",
        command: "stafett-milter",
        role: Role::Milter,
        // smtpd asks for somebody who speaks with the filters, so its group may pass.
        door: Some(Door { service: Service::Milter, group: Group::Of(Role::Smtpd), mode: 0o710 }),
        keeps_state: false,
    },
    Supervised {
        name: "dkim",
        command: "stafett-dkim --resident",
        role: Role::Dkim,
        // smtpd, queued and send ask, who have no group in common: who else calls is refused by the number of its user.
        door: Some(Door { service: Service::Dkim, group: Group::Of(Role::Smtpd), mode: 0o711 }),
        keeps_state: false,
    },
    Supervised {
        name: "auth",
        command: "stafett-auth",
        role: Role::Auth,
        // smtpd asks; what only the admin may ask is refused to it by its user.
        door: Some(Door { service: Service::Auth, group: Group::Of(Role::Smtpd), mode: 0o710 }),
        keeps_state: true,
    },
    Supervised {
        name: "mtasts",
        command: "stafett-mtasts",
        role: Role::MtaSts,
        // remote asks.
        door: Some(Door { service: Service::MtaSts, group: Group::Of(Role::Remote), mode: 0o710 }),
        keeps_state: true,
    },
    Supervised {
        name: "tlsrpt",
        command: "stafett-tlsrpt",
        role: Role::TlsRpt,
        // remote tells what has become of its sessions.
        door: Some(Door { service: Service::TlsRpt, group: Group::Of(Role::Remote), mode: 0o710 }),
        keeps_state: true,
    },
    Supervised {
        name: LOCAL,
        command: "stafett-local --resident",
        // The one that stays root: each delivery becomes its recipient.
        role: Role::Root,
        // send asks for deliveries. What smtpd may ask has a place of its own.
        door: Some(Door { service: Service::Local, group: Group::Of(Role::Queue), mode: 0o710 }),
        keeps_state: false,
    },
];

/// The service that delivers to users of this host.
pub const LOCAL: &str = "local";

/// What an instance with that service has beside: where smtpd asks for recipients, the assignments of users, the
/// home of what belongs to nobody, and the programs of dot-qmail files.
const LOCAL_DIRECTORIES: &[Row] = &[
    (RECIPIENTS, Role::Root, Group::Of(Role::Smtpd), 0o710),
    ("users", Role::Root, Group::Own, 0o755),
    ("alias", Role::Alias, Group::Own, 0o755),
    (DOT, Role::Root, Group::Own, 0o755),
];

/// The programs that dot-qmail files call by these names (stafett-dot(1)).
pub const DOT_PROGRAMS: &[&str] = &["forward", "preline", "condredirect", "bouncesaying", "except", "fastforward", "maildirmake"];

/// The service that owns the port. Where an instance listens at several addresses, the others are
/// called `tcpserver2` and so on.
pub const LISTENER: &str = "tcpserver";

/// What comes in at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Mail of anybody.
    Mail,
    /// Mail of those who have an account, with STARTTLS (RFC 6409).
    Submission,
    /// The same, under TLS from the start (RFC 8314).
    Submissions,
}

/// A listener of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name of the service.
    pub name: String,
    /// What comes in.
    pub kind: Port,
    /// Where it listens; `0` for all addresses.
    pub address: String,
    /// At which port.
    pub port: u16,
}

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
    // Beside run/send, where admins give orders: here smtpd may ask send for one thing.
    ("run/etrn", Role::Queue, Group::Of(Role::Smtpd), 0o710),
    // Messages that are judged whole before they are queued; files without names.
    ("spool", Role::Smtpd, Group::Own, 0o700),
    (STATE, Role::Root, Group::Own, 0o755),
    ("log", Role::Root, Group::Own, 0o755),
    ("service", Role::Root, Group::Own, 0o755),
];

/// Where services keep what must survive them.
pub const STATE: &str = "state";

/// What each service has under service/; the scripts and variables in it are files of the
/// installer. The supervisor writes in supervise/, which it would make for root alone: everybody may see what runs, and its
/// pipes stay closed by their own modes.
const SERVICE_DIRECTORIES: &[&str] = &["", "/env", "/log", "/supervise"];

/// Files that are kept beside the messages: what the admin did while no scheduler ran, the attempts
/// that may have been under way, the messages that are just being taken over, and the last queue id given.
pub const QUEUE_FILES: &[&str] = &["admin", "attempts", IMPORTING, "lastid"];

/// The file in queue/ that lists the messages which stafett-import is just taking over.
pub const IMPORTING: &str = "importing";

/// How many directories share the waiting messages.
const SHARDS: usize = 256;

/// The services of an instance that was asked for these optional ones, in the order of the tables.
pub fn services(optional: &BTreeSet<String>) -> Vec<&'static Supervised> {
    SERVICES.iter().chain(OPTIONAL.iter().filter(|service| optional.contains(service.name))).collect()
}

/// Whether there is an optional service of that name.
pub fn is_optional(name: &str) -> bool {
    OPTIONAL.iter().any(|service| service.name == name)
}

/// Every service that an instance can have.
pub fn all_services() -> impl Iterator<Item = &'static Supervised> {
    SERVICES.iter().chain(OPTIONAL)
}

/// The roles that these services need.
pub fn roles(services: &[&Supervised]) -> Vec<Role> {
    let has = |role: Role| services.iter().any(|service| service.role == role);
    let needs = |role: Role| role == Role::Log || has(role) || (role == Role::Alias && delivers(services));
    IDENTITIES.iter().map(|identity| identity.role).filter(|role| needs(*role)).collect()
}

/// All directories of an instance with these listeners and services, parents first.
pub fn directories(listeners: &[String], services: &[&Supervised]) -> Vec<Place> {
    let fixed = DIRECTORIES.iter().map(|&(path, owner, group, mode)| directory(path, owner, group, mode));
    let shards = (0..SHARDS).map(|shard| directory(format!("queue/cur/{shard:02x}"), Role::Queue, Group::Own, 0o755));
    let doors = services.iter().filter_map(|service| service.door.map(|door| (service.role, door)));
    let doors = doors.map(|(role, door)| directory(format!("run/{}", door.service.name()), role, door.group, door.mode));
    let local =
        LOCAL_DIRECTORIES.iter().filter(|_| delivers(services)).map(|&(path, owner, group, mode)| directory(path, owner, group, mode));
    let keepers = services.iter().filter(|service| service.keeps_state);
    let states = keepers.map(|service| directory(format!("{STATE}/{}", service.name), service.role, Group::Own, 0o700));
    let mut all: Vec<Place> = fixed.chain(shards).chain(doors).chain(states).chain(local).collect();
    for name in service_names(listeners, services) {
        all.push(directory(format!("log/{name}"), Role::Log, Group::Common, 0o750));
        for part in SERVICE_DIRECTORIES {
            all.push(directory(format!("service/{name}{part}"), Role::Root, Group::Own, 0o755));
        }
    }
    all
}

/// Whether mail is delivered to users of this host.
pub fn delivers(services: &[&Supervised]) -> bool {
    services.iter().any(|service| service.name == LOCAL)
}

/// The names of these services, with these listeners in the place of the first.
pub fn service_names(listeners: &[String], services: &[&Supervised]) -> Vec<String> {
    let others = services.iter().filter(|service| service.name != LISTENER).map(|service| service.name.to_owned());
    listeners.iter().cloned().chain(others).collect()
}

/// The name of the listener for such a port at an address, by its number from 1 on.
pub fn listener_name(kind: Port, number: usize) -> String {
    let number = if number == 1 { String::new() } else { number.to_string() };
    format!("{LISTENER}{}{number}", ending(kind))
}

/// The port that a service listens at; `None` for what is no listener.
pub fn listener_kind(service: &str) -> Option<Port> {
    let name = service.trim_end_matches(|c: char| c.is_ascii_digit());
    [Port::Mail, Port::Submission, Port::Submissions].into_iter().find(|kind| name.strip_prefix(LISTENER) == Some(ending(*kind)))
}

fn ending(kind: Port) -> &'static str {
    match kind {
        Port::Mail => "",
        Port::Submission => "-submission",
        Port::Submissions => "-submissions",
    }
}

/// A file of root that everybody may read, or also execute.
pub fn file(path: impl Into<PathBuf>, executable: bool) -> Place {
    Place { path: path.into(), kind: Kind::File, owner: Role::Root, group: Group::Own, mode: if executable { 0o755 } else { 0o644 } }
}

fn directory(path: impl Into<PathBuf>, owner: Role, group: Group, mode: u32) -> Place {
    Place { path: path.into(), kind: Kind::Directory, owner, group, mode }
}
