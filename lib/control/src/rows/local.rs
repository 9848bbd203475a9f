//! Rows: delivery to users of this host.

use super::seconds;
use crate::form::local::{alias_file, break_characters, delivery, virtual_domain};
use crate::form::{Form, Setting, host};

/// Domains of this host.
pub static LOCALS: Setting = Setting {
    name: "locals",
    form: Form::List(host),
    default: "me, where the instance has the service local; else none",
    readers: &["send", "smtpd", "metrics", "remote"],
    text: "The domains whose mail is delivered to users of this host, one a line. It goes before virtualdomains and smtproutes. rcpthosts must name them as well, so that mail for them is taken from others. A file without a line makes nothing local. The instance needs the service local.",
    example: "example.org\nmail.example.org",
};
/// Domains of single users.
pub static VIRTUALDOMAINS: Setting = Setting {
    name: "virtualdomains",
    form: Form::Map(virtual_domain),
    default: "none",
    readers: &["send", "smtpd", "metrics", "remote"],
    text: "Domains, or single addresses, that belong to one user of this host, domain:prepend: mail for joe@domain is delivered to prepend-joe. user@domain stands for that address alone, .domain for all below it, an empty domain for all others. An empty prepend means that the address is not of this host. locals goes first. The last line for a key counts. The instance needs the service local.",
    example: "lists.example.org:alias-lists\nsales@example.net:joe-sales\n.example.com:anna",
};
/// Domains in which % is a route.
pub static PERCENTHACK: Setting = Setting {
    name: "percenthack",
    form: Form::List(host),
    default: "none",
    readers: &["send", "smtpd", "metrics", "remote"],
    text: "Domains in whose addresses the last % of a local part stands for @: user%other@domain is user@other. Only domains of this host belong here, and each of them lets others send through it to anywhere: smtpd takes such addresses from clients with RELAYCLIENT alone.",
    example: "example.org",
};
/// The domain of addresses without one.
pub static ENVNOATHOST: Setting = Setting {
    name: "envnoathost",
    form: Form::Host,
    default: "me",
    readers: &["send", "smtpd", "metrics", "remote"],
    text: "The domain of recipients that have none.",
    example: "example.org",
};
/// Local deliveries at once.
pub static CONCURRENCYLOCAL: Setting = Setting {
    name: "concurrencylocal",
    form: Form::Integer { least: 0, most: 1000, unit: "deliveries" },
    default: "10",
    readers: &["send"],
    text: "How many deliveries to users of this host run at once; 0 stops them. Up to 16 messages for one Maildir are delivered together and count as one.",
    example: "10",
};
/// Deliveries to one user at once.
pub static CONCURRENCYUSER: Setting = Setting {
    name: "concurrencyuser",
    form: Form::Integer { least: 1, most: 1000, unit: "deliveries" },
    default: "4",
    readers: &["send"],
    text: "How many of the deliveries of concurrencylocal may be to one user of this host, so that programs of a user that hang leave the others theirs. A user is what stands before the first character of breakchar in the local part, with what virtualdomains prepends; what users/assign says is not looked up for that.",
    example: "2",
};
/// Local delivery stopped.
pub static HOLDLOCAL: Setting = Setting {
    name: "holdlocal",
    form: Form::Integer { least: 0, most: 1, unit: "0 (deliver) or 1 (hold)" },
    default: "0",
    readers: &["send"],
    text: "With 1 no delivery to users of this host is begun; running ones end, mail is accepted and waits. 0 lets it go on.",
    example: "0",
};
/// Where mail goes for users who say nothing.
pub static DEFAULTDELIVERY: Setting = Setting {
    name: "defaultdelivery",
    form: Form::List(delivery),
    default: "./Maildir/",
    readers: &["local"],
    text: "What is done with mail for a user who has no .qmail file, or an empty one: lines as in dot-qmail(5). Paths begin in the user's home.",
    example: "./Maildir/",
};
/// What begins an extension.
pub static BREAKCHAR: Setting = Setting {
    name: "breakchar",
    form: Form::List(break_characters),
    default: "-",
    readers: &["local", "users", "aliases", "send", "smtpd", "metrics", "remote"],
    text: "The characters that divide the name of a user from an extension, without blanks between; one of them is enough: with + mail for joe+lists is joe's. The first one is put behind what virtualdomains prepends. The dot-qmail file of the extension is .qmail-lists in any case.",
    example: "-+",
};
/// Patience with a local delivery.
pub static TIMEOUTLOCAL: Setting = Setting {
    name: "timeoutlocal",
    form: seconds(1, 86_400),
    default: "1800: half an hour",
    readers: &["local", "send"],
    text: "How many seconds one delivery to a user of this host may take, the programs of its dot-qmail file included. One that takes longer is ended with all that it has started, and tried again later.",
    example: "600",
};
/// Aliases as sendmail has them.
pub static ALIASES: Setting = Setting {
    name: "aliases",
    form: Form::List(alias_file),
    default: "none",
    readers: &["local", "aliases"],
    text: "Files of aliases, one a line, such as /etc/aliases. newaliases compiles each into a table with .cdb behind its name, by which a line |fastforward -d /etc/aliases.cdb in alias/.qmail-default delivers (fastforward(1)). A recipient that nothing but alias/.qmail-default takes exists only if one of the tables has it; a table that cannot be read puts it off. That counts for postmaster too, unless there is alias/.qmail-postmaster. Without this file alias/.qmail-default takes every name.",
    example: "/etc/aliases",
};
