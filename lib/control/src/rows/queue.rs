//! Rows: the queue, its times and its bounces.

use super::{YEAR, seconds};
use crate::form::{Form, Setting, domain_or_suffix, lifetime, limits, loopback_place};

/// Delivery connections at once.
pub static CONCURRENCYREMOTE: Setting = Setting {
    name: "concurrencyremote",
    form: Form::Integer { least: 0, most: 10_000, unit: "connections" },
    default: "100",
    readers: &["send"],
    text: "How many connections to other hosts are open at once; 0 stops remote delivery.",
    example: "100",
};
/// Delivery connections at once to one destination.
pub static CONCURRENCYDESTINATION: Setting = Setting {
    name: "concurrencydestination",
    form: Form::Integer { least: 1, most: 10_000, unit: "connections" },
    default: "20",
    readers: &["send"],
    text: "How many connections to one destination are open at once, when it answers well. The number in force grows with success and shrinks with failure.",
    example: "20",
};
/// Life of a message in the queue.
pub static QUEUELIFETIME: Setting = Setting {
    name: "queuelifetime",
    form: seconds(0, YEAR),
    default: "604800: a week",
    readers: &["send"],
    text: "How many seconds a message is tried. After that one last attempt is made; what fails then is bounced.",
    example: "604800",
};
/// Life of a message by its recipient's domain.
pub static QUEUELIFETIMES: Setting = Setting {
    name: "queuelifetimes",
    form: Form::Map(lifetime),
    default: "none: queuelifetime for all",
    readers: &["send"],
    text: "How many seconds a recipient is tried, by domain, where that is not queuelifetime: domain:seconds for exactly that domain, .domain:seconds for all below it. The last line for a domain counts.",
    example: "example.org:2592000\n.example.net:86400",
};
/// Domains that this host is the secondary MX for.
pub static HOLDLIFETIME: Setting = Setting {
    name: "holdlifetime",
    form: Form::Map(lifetime),
    default: "none: this host is the secondary MX for no domain",
    readers: &["send"],
    text: "The domains that this host is the secondary MX for, and for how many seconds it keeps a recipient's mail while their own host is down: domain:seconds for exactly that domain, .domain:seconds for all below it. It counts before queuelifetimes, queuelifetime and bouncelifetime. The host is tried every ten minutes at least, and when it is back all that waits for it goes; see stafett-secondary(7). The last line for a domain counts.",
    example: "example.org:2592000\n.example.net:1209600",
};
/// Life of a bounce.
pub static BOUNCELIFETIME: Setting = Setting {
    name: "bouncelifetime",
    form: seconds(0, YEAR),
    default: "queuelifetime",
    readers: &["send"],
    text: "How many seconds a message without a sender, such as a bounce, is tried.",
    example: "86400",
};
/// When senders hear of delay.
pub static DELAYNOTICE: Setting = Setting {
    name: "delaynotice",
    form: seconds(0, YEAR),
    default: "0: no notices",
    readers: &["send"],
    text: "After so many seconds the sender of a message is told once of each recipient for whom it still waits, at the next attempt that fails for now; 0 tells nobody. A recipient with NOTIFY (RFC 3461) is told of only with DELAY in it.",
    example: "14400",
};
/// Remote delivery stopped.
pub static HOLDREMOTE: Setting = Setting {
    name: "holdremote",
    form: Form::Integer { least: 0, most: 1, unit: "0 (deliver) or 1 (hold)" },
    default: "0",
    readers: &["send"],
    text: "With 1 no delivery is begun; running ones end, mail is accepted and waits. 0 lets it go on.",
    example: "0",
};
/// Domains that are held.
pub static HOLDDOMAINS: Setting = Setting {
    name: "holddomains",
    form: Form::List(domain_or_suffix),
    default: "none",
    readers: &["send"],
    text: "Recipient domains to which nothing is delivered for now, one a line: domain for exactly that one, .domain for all below it. Their mail waits, however old it grows, and goes on when the line is removed.",
    example: "example.org\n.example.net",
};
/// Limits by destination.
pub static CONCURRENCYDEST: Setting = Setting {
    name: "concurrencydest",
    form: Form::Map(limits),
    default: "none: concurrencydestination for all",
    readers: &["send"],
    text: "Limits by destination, domain:connections:messages:rate: connections at once, messages of one connection, messages a minute. A number that is left out has no limit of its own. The domain is that of the recipient, or the relay that smtproutes names for it; .domain stands for all below it, an empty one for all others. The last line for a domain counts.",
    example: "example.org:2:20:60\n.example.net:5",
};
/// When intake slows.
pub static QUEUEBACKLOG: Setting = Setting {
    name: "queuebacklog",
    form: Form::Integer { least: 0, most: u64::MAX, unit: "messages" },
    default: "100000; 0 never slows it",
    readers: &["queued"],
    text: "When more than this many messages lie in queue/new, where those are that were not tried yet, they come faster than they are delivered. Each answer to a new message is then delayed, by up to 2 seconds when there are twice as many. Bounces are not.",
    example: "100000",
};
/// Free space kept.
pub static QUEUEFREE: Setting = Setting {
    name: "queuefree",
    form: Form::Integer { least: 0, most: u64::MAX, unit: "bytes" },
    default: "67108864: 64 MiB",
    readers: &["queued"],
    text: "Messages are refused for now (452) when taking them would leave less than this many bytes on the file system of the queue. When less than twice as many are free, answers to new messages are delayed, by up to 2 seconds.",
    example: "67108864",
};
/// What is synced.
pub static QUEUESYNC: Setting = Setting {
    name: "queuesync",
    form: Form::List(sync_word),
    default: "file on ext4, xfs and btrfs; directory elsewhere",
    readers: &["queued"],
    text: "What is synced before a message is answered with 250: file (the message after its rename, which on ext4, xfs and btrfs makes the name durable too) or directory (the directory as well, for any other file system).",
    example: "directory",
};
/// User name of bounces.
pub static BOUNCEFROM: Setting = Setting {
    name: "bouncefrom",
    form: Form::Line,
    default: "MAILER-DAEMON",
    readers: &["send"],
    text: "The user name in the From line of bounces.",
    example: "MAILER-DAEMON",
};
/// Host name of bounces.
pub static BOUNCEHOST: Setting = Setting {
    name: "bouncehost",
    form: Form::Host,
    default: "me",
    readers: &["send"],
    text: "The host name in the From line of bounces.",
    example: "relay.example.org",
};
/// Largest original in a bounce.
pub static BOUNCEMAXBYTES: Setting = Setting {
    name: "bouncemaxbytes",
    form: Form::Integer { least: 0, most: u64::MAX, unit: "bytes" },
    default: "51200",
    readers: &["send"],
    text: "A message of at most this many bytes is returned whole in its bounce, a larger one with its header alone.",
    example: "51200",
};
/// User that gets double bounces.
pub static DOUBLEBOUNCETO: Setting = Setting {
    name: "doublebounceto",
    form: Form::Line,
    default: "postmaster; an empty first line discards double bounces",
    readers: &["send"],
    text: "The user that receives a bounce which cannot be delivered, at doublebouncehost.",
    example: "postmaster",
};
/// Host that gets double bounces.
pub static DOUBLEBOUNCEHOST: Setting = Setting {
    name: "doublebouncehost",
    form: Form::Host,
    default: "me",
    readers: &["send"],
    text: "The host that receives double bounces. This relay delivers nothing locally: name a host that smtproutes or MX records reach.",
    example: "mail.example.org",
};
/// Where the numbers are told.
pub static METRICSLISTEN: Setting = Setting {
    name: "metricslisten",
    form: Form::List(loopback_place),
    default: "127.0.0.1:9825",
    readers: &["metrics"],
    text: "Where stafett-metrics listens, one a line: an address of loopback and a port, which every user of this host may ask. A file without a line leaves only the socket run/metrics/socket, which the members of the common group may ask. Read when the program starts.",
    example: "127.0.0.1:9826\n[::1]:9826",
};

fn sync_word(text: &str) -> Result<(), String> {
    match text {
        "file" | "directory" => Ok(()),
        _ => Err(format!("\"{text}\" is neither file nor directory")),
    }
}
