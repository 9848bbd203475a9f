//! Rows: for whom mail is taken.

use crate::form::callout::callout;
use crate::form::recipients::recipient;
use crate::form::{Form, Setting, domain_or_suffix};

/// Domains that are relayed for.
pub static RCPTHOSTS: Setting = Setting {
    name: "rcpthosts",
    form: Form::List(domain_or_suffix),
    default: "none: mail is accepted only from clients with RELAYCLIENT",
    readers: &["smtpd", "remote"],
    text: "The domains that mail is accepted for, one a line: domain for exactly that one, .domain for all below it. A recipient in no listed domain is refused unless the client has RELAYCLIENT. When the file is missing, empty or broken, mail is accepted for nobody. An address without @ does not pass.",
    example: "example.org\n.example.org",
};
/// More domains that are relayed for, compiled.
pub static MORERCPTHOSTS: Setting = Setting {
    name: "morercpthosts.cdb",
    form: Form::Compiled("stafett-tcprules --hosts"),
    default: "none",
    readers: &["smtpd", "remote"],
    text: "More domains in the form of rcpthosts, for long lists: a cdb whose keys are the domains, as qmail-newmrh makes it, or stafett-tcprules --hosts. It is looked at after rcpthosts.",
    example: "",
};
/// Recipients that are refused.
pub static BADRCPTTO: Setting = Setting {
    name: "badrcptto",
    form: Form::List(recipient),
    default: "none",
    readers: &["smtpd"],
    text: "Recipients that are refused from every client, one a line: an address, or @domain for every address there. With ! or - in front it is not refused, whatever a line for its domain says; an address goes before its domain. Case does not count.",
    example: "former.employee@example.org\n@closed.example.org\n!postmaster@closed.example.org",
};
/// Recipients that there are.
pub static VALIDRCPTTO: Setting = Setting {
    name: "validrcptto",
    form: Form::List(recipient),
    default: "none: every address in rcpthosts",
    readers: &["smtpd"],
    text: "The only recipients that mail is accepted for, one a line: an address, or @domain for every address there. When the file exists, or validrcptto.cdb, every recipient that came in by rcpthosts must be in one of them; a file without a line refuses everybody. With ! or - in front the address or domain is refused; an address goes before its domain. Case does not count. Clients with RELAYCLIENT and the postmaster of this host are not judged by it.",
    example: "info@example.org\n@example.net\n!nobody@example.net",
};
/// Recipients that there are, compiled.
pub static VALIDRCPTTO_CDB: Setting = Setting {
    name: "validrcptto.cdb",
    form: Form::Compiled("stafett-tcprules --recipients"),
    default: "none",
    readers: &["smtpd"],
    text: "More recipients in the form of validrcptto, for long lists: a cdb whose keys are the lines in lower case, as stafett-tcprules --recipients makes it. It is looked at after validrcptto; either of the two files puts the check in force.",
    example: "",
};
/// Whose recipients are asked for.
pub static CALLOUT: Setting = Setting {
    name: "callout",
    form: Form::Map(callout),
    default: "none: no host is asked",
    readers: &["smtpd", "callout"],
    text: "Whether the next host is asked for a recipient before mail for it is accepted, domain:on or domain:off; .domain stands for all below it, an empty domain for all others. Options behind on, with blanks between: yes=SECONDS and no=SECONDS, how long an answer counts (86400, 3600); everybody=SECONDS, how long a host that takes every recipient is not asked for single ones (86400); remember=DAYS, how long a recipient that was there stays valid while its host is away (31); refuse=DAYS, how long one that was not there is refused then (7), both counted from when the host went away; unknown=accept, to accept then whom it was never asked for (later: they are put off); wait=SECONDS for the client (30); connections=NUMBER to one host at once (2); sender=ADDRESS of the question (<>). The instance needs the service callout. Clients with RELAYCLIENT are not judged by it. The last line for a domain counts.",
    example: "example.org:on\n.example.org:on remember=7 wait=20\nlists.example.org:off",
};
