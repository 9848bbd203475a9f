//! Rows: signatures of mail, and senders of forwarded mail.

use crate::form::dkim::{domain_pattern, seal, secret, signature};
use crate::form::{Form, Setting};

/// Keys.
pub static DKIM: Setting = Setting {
    name: "dkim",
    form: Form::Directory("for each domain a directory with a key for each selector"),
    default: "none: nothing is signed",
    readers: &["dkim"],
    text: "The private keys of DKIM: dkim/DOMAIN/SELECTOR is the key whose public half the record SELECTOR._domainkey.DOMAIN publishes, RSA of 2048 bits or more, or Ed25519, as PEM text. stafett-dkim genkey makes one and prints its record. A key must belong to the user of dkim and have mode 400; stafett-setup sees to that. It may be changed at any time; where a new one cannot be used the last good copy stays in force. Which mail is signed by which key stands in dkimsign.",
    example: "",
};
/// What is signed.
pub static DKIMSIGN: Setting = Setting {
    name: "dkimsign",
    form: Form::Map(signature),
    default: "none: nothing is signed",
    readers: &["dkim", "smtpd", "queued", "send"],
    text: "Which mail is signed by which keys, by the domain of its From field; one line each, pattern:domain:selectors with commas between selectors, each of which gives a signature of its own: RSA for everybody, and Ed25519 beside it for those who know it. The first line that fits counts. A pattern is a domain; .domain for all below it; *domain for both; * for every domain. An empty domain means the one of the From field itself, which must have such keys. A line pattern:- excepts what fits. Signed is what comes from clients that may send to anywhere, whoever has written it; what programs of this host give to the queue and has not come from elsewhere (it bears no Received field); and the bounces of send; mail of others never. The variable DKIMSIGN of a client's rule or listener leaves all of its mail out (0), or what it only passes on (own); see stafett-dkim(8). While the service dkim does not answer, what it would sign is put off: it is never sent without its signature. Other mail does not wait for it. The service must be part of the instance (stafett-setup --with dkim).",
    example: "lists.tugraz.at:-\n*tugraz.at:tugraz.at:rsa2026,ed2026\n*tu-graz.ac.at:tu-graz.ac.at:rsa2026",
};
/// What is sealed.
pub static ARCSEAL: Setting = Setting {
    name: "arcseal",
    form: Form::Map(seal),
    default: "none: nothing is sealed",
    readers: &["dkim", "smtpd"],
    text: "Mail of others that is sealed before it goes on (ARC, RFC 8617), so that its receiver can see what was found out about it here; one line for each domain of recipients, pattern:domain:selector, patterns as in dkimsign. The key is an RSA key below dkim. The first line that fits a recipient counts. What is sealed are the results of verify, so that dmarcbehavior must be 1 or more. Mail of clients that may send to anywhere is signed, not sealed. While the service dkim does not answer, such mail is put off.",
    example: "*members.example.net:relay.example.org:arc2026",
};
/// The domain of rewritten senders.
pub static SRSDOMAIN: Setting = Setting {
    name: "srsdomain",
    form: Form::Host,
    default: "none: senders are not rewritten",
    readers: &["dkim", "smtpd", "send", "remote"],
    text: "The domain of rewritten senders (SRS): mail for a domain in srsforward leaves this host with a sender at this domain, which leads bounces back here. It should be a domain of its own, such as srs.example.org, with an MX record that names this host and an SPF record that lists it. A recipient SRS0=... or SRS1=... at this domain stands for the sender that it was made from, and is accepted from everybody in bounces, which have no sender; mail with a sender comes through only from clients that may send to anywhere. It is refused where the hash in it was not made with a secret in srssecrets, or it is older than srsmaxage, or the local part of what it was made from contains @, % or !. The service dkim must be part of the instance (stafett-setup --with dkim).",
    example: "srs.example.org",
};
/// For whom senders are rewritten.
pub static SRSFORWARD: Setting = Setting {
    name: "srsforward",
    form: Form::List(domain_pattern),
    default: "none: senders are not rewritten",
    readers: &["remote"],
    text: "The domains of recipients to whom mail goes on with a rewritten sender, one pattern a line as in dkimsign: those whose servers would take this host for a forger (SPF). The line * means every domain that is not in rcpthosts or morercpthosts.cdb: whatever leaves this host for domains of others, such as forwards of dot-qmail files. A sender is rewritten when the message is delivered to another host, and for these recipients alone; all others see the sender itself, and so does the queue. Senders that stay are those in srskeep, those whose mail is delivered to users of this host (locals, virtualdomains), such as the -owner of a list, those at srsdomain, and the empty one. While the service dkim does not answer, mail that needs it waits in the queue.",
    example: "*members.example.net",
};
/// Senders that stay.
pub static SRSKEEP: Setting = Setting {
    name: "srskeep",
    form: Form::List(domain_pattern),
    default: "none",
    readers: &["remote"],
    text: "The domains of senders that are not rewritten, one pattern a line as in dkimsign: one's own, whose SPF records list this host. Domains of users of this host (locals, virtualdomains) need no line.",
    example: "*example.org",
};
/// How old a rewritten sender may be.
pub static SRSMAXAGE: Setting = Setting {
    name: "srsmaxage",
    form: Form::Integer { least: 1, most: 1000, unit: "days" },
    default: "21",
    readers: &["dkim"],
    text: "How many days after it was made a rewritten sender may get mail: as long as a bounce can be under way.",
    example: "21",
};
/// What rewritten senders are made with.
pub static SRSSECRETS: Setting = Setting {
    name: "srssecrets",
    form: Form::List(secret),
    default: "none: no sender can be rewritten, and mail that needs it is put off",
    readers: &["dkim"],
    text: "The secrets of rewritten senders, one a line, 16 characters or more, such as openssl rand -base64 24 prints. The first makes new ones; the others take those back that were made with them before: put a new one on top, and remove the last when srsmaxage has passed. Hosts that share a srsdomain share the file. It must belong to the user of dkim and have mode 400; stafett-setup sees to that.",
    example: "what-openssl-rand-base64-24-prints",
};
