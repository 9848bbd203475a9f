//! The names of qmail's control files, those of notqmail and of the popular patches, and what becomes of each.
//!
//! What: a name that stands here is special; one that does not and is in lib/control's table means the same with us. Security
//! stance: a name that neither knows is not taken. How it fails: it does not. Known limits: patches are many; a file whose name
//! two of them use for different things is judged by its content alone.

use stafett_control::{Setting, rows};

/// What becomes of a file.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It is taken as it is.
    Same(&'static Setting),
    /// The file of this name is taken as one of ours.
    As(&'static str, &'static Setting),
    /// smtproutes, whose lines may hold credentials.
    Routes,
    /// mfcheck: a number that we write as a word.
    SenderDomain,
    /// A certificate and its key in one file, for a directory of ours.
    Certificate(&'static Setting),
    /// A table of recipients, compiled by another program.
    Recipients,
    /// The rules of the listener, which are taken with its run script.
    Rules,
    /// It is not taken, and why.
    Not(&'static str),
    /// Nobody knows it.
    Unknown,
}

const TLS_OWN: &str = "TLS needs no such parameters here: protocols, ciphers and groups are those that are safe today";
const SENDER_PROOF: &str =
    "who writes such a sender could relay, and anybody can write it; give RELAYCLIENT by address in tcp.smtp, or accounts";
const MILTERS: &str = "scanners are run as milters: control/milters and stafett-milter(8)";
const DESTINATIONS: &str = "which servers must use TLS is said in control/tlsdestinations; see stafett-control(5)";
const PATTERNS: &str = "Stafett has no patterns of recipients; badrcptto takes addresses and @domain";
const SIGNING: &str = "keys for DKIM lie in control/dkim, and control/dkimsign says who signs; see stafett-dkim(8)";

/// Names with a fate of their own, in order.
const SPECIAL: &[(&str, Fate)] = &[
    (
        "authsenders",
        Fate::Not("Stafett has no routes by sender; domainbindings chooses an address by sender, smtproutes a relay by recipient"),
    ),
    ("badrcptpatterns", Fate::Not(PATTERNS)),
    ("clientca.pem", Fate::Not("clients are known by fingerprints in control/tlsclients, not by authorities")),
    ("clientcert.pem", Fate::Certificate(&rows::CLIENTCERTS)),
    ("clientcrl.pem", Fate::Not("clients are known by fingerprints in control/tlsclients; a line is removed to end what it grants")),
    ("dh1024.pem", Fate::Not(TLS_OWN)),
    ("dh2048.pem", Fate::Not(TLS_OWN)),
    ("dh512.pem", Fate::Not(TLS_OWN)),
    ("domainkeys", Fate::Not(SIGNING)),
    ("filterargs", Fate::Not("Stafett runs no filter before delivery to another host; milters judge mail as it comes in: control/milters")),
    ("goodrcptto", Fate::Not("a recipient that is not to be refused is written !address into badrcptto")),
    ("locals.cdb", Fate::Not("locals is a text file; write its domains into control/locals")),
    ("maxrcpt", Fate::As("maxrcpt", &rows::MAXRECIPIENTS)),
    ("mfcheck", Fate::SenderDomain),
    (
        "morercpthosts",
        Fate::Not(
            "qmail reads only what qmail-newmrh made of it, morercpthosts.cdb; keep this list outside control/ as its source (stafett-tcprules --hosts)",
        ),
    ),
    ("notlshosts", Fate::Not(DESTINATIONS)),
    ("qmqpservers", Fate::Not("Stafett does not speak QMQP; a null client relays by SMTP: smtproutes with an empty domain")),
    ("relaylimits", Fate::Not("limits are written differently: control/limits and stafett-limit(8)")),
    ("relaymailfrom", Fate::Not(SENDER_PROOF)),
    ("rsa512.pem", Fate::Not(TLS_OWN)),
    ("servercert.pem", Fate::Certificate(&rows::SERVERCERTS)),
    ("simcontrol", Fate::Not(MILTERS)),
    ("simversions", Fate::Not(MILTERS)),
    ("smtproutes", Fate::Routes),
    ("smtproutes.cdb", Fate::Not("smtproutes is a text file; write its lines into control/smtproutes")),
    ("srs_domain", Fate::As("srs_domain", &rows::SRSDOMAIN)),
    ("srs_maxage", Fate::As("srs_maxage", &rows::SRSMAXAGE)),
    ("srs_secrets", Fate::As("srs_secrets", &rows::SRSSECRETS)),
    ("tcp.smtp", Fate::Rules),
    ("tcp.smtp.cdb", Fate::Rules),
    ("tlsclientciphers", Fate::Not(TLS_OWN)),
    ("tlsclientmethod", Fate::Not(TLS_OWN)),
    ("tlsclients", Fate::Not("ours of that name lists fingerprints of certificates, not addresses; see stafett-control(5)")),
    ("tlshosts", Fate::Not(DESTINATIONS)),
    ("tlsserverciphers", Fate::Not(TLS_OWN)),
    ("tlsservermethod", Fate::Not(TLS_OWN)),
    ("validrcptto.cdb", Fate::Recipients),
    ("virtualdomains.cdb", Fate::Not("virtualdomains is a text file; write its lines into control/virtualdomains")),
];

/// Services that a file needs beside the five that every instance has.
const NEEDS: &[(&str, &str)] = &[
    ("authsource", "auth"),
    ("dnsbllist", "dnsbl"),
    ("senderdomain", "dnsbl"),
    ("servercerts", "tls"),
    ("spfbehavior", "verify"),
    ("srsdomain", "dkim"),
];

/// What becomes of the file of that name.
pub fn fate(name: &str) -> Fate {
    let special = SPECIAL.iter().find(|(known, _)| *known == name).map(|(_, fate)| *fate);
    let row = || rows::TABLE.iter().find(|row| row.name == name).map(|row| Fate::Same(row));
    special.or_else(row).unwrap_or(Fate::Unknown)
}

/// Programs that decide where a message of the queue goes, and when.
const DELIVERING: &[&str] = &["send", "remote", "local"];

/// Whether what is taken to this place below the instance decides how a message in the queue is delivered.
pub fn decides_deliveries(place: &str) -> bool {
    let Some(control) = place.strip_prefix("control/") else {
        return place.starts_with("alias/") || place.starts_with("users/");
    };
    let name = control.split('/').next().unwrap_or_default();
    let row = rows::TABLE.iter().find(|row| row.name == name);
    row.is_some_and(|row| row.readers.iter().any(|reader| DELIVERING.contains(reader)))
}

/// The service that a file of ours needs.
pub fn service(row: &str) -> Option<&'static str> {
    NEEDS.iter().find(|(name, _)| *name == row).map(|(_, service)| *service)
}

#[cfg(test)]
#[path = "names_test.rs"]
mod names_test;
