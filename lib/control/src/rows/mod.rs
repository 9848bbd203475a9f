//! One row per control file. A program names the row it reads; the checker, the samples and
//! stafett-control(5) go through [`TABLE`].

mod accounts;
mod delivery;
mod dialogue;
mod dkim;
mod inject;
mod listener;
mod local;
mod queue;
mod recipients;
mod senders;
mod tls;

pub use accounts::*;
pub use delivery::*;
pub use dialogue::*;
pub use dkim::*;
pub use inject::*;
pub use listener::*;
pub use local::*;
pub use queue::*;
pub use recipients::*;
pub use senders::*;
pub use tls::*;

use crate::form::{Form, Setting};

/// Seconds in a year, the longest that most times may be set to.
const YEAR: u64 = 365 * 24 * 3600;

const fn seconds(least: u64, most: u64) -> Form {
    Form::Integer { least, most, unit: "seconds" }
}

/// Files that hold passwords or may: no line of them is ever shown.
pub static SECRETS: &[&Setting] = &[&ACCOUNTS, &LIMITSTORE, &SMTPAUTH, &SRSSECRETS];

/// Every control file that this version reads.
pub static TABLE: &[&Setting] = &[
    &ACCOUNTS,
    &ALIASES,
    &ARCSEAL,
    &AUTHDELAY,
    &AUTHFAILURES,
    &AUTHMECHANISMS,
    &AUTHPLAIN,
    &AUTHSOURCE,
    &BADHELO,
    &BADMAILFROM,
    &BADRCPTTO,
    &BOUNCEFROM,
    &BOUNCEHOST,
    &BOUNCELIFETIME,
    &BOUNCEMAXBYTES,
    &BREAKCHAR,
    &CALLOUT,
    &CLIENTCERTS,
    &CONCURRENCYDEST,
    &CONCURRENCYDESTINATION,
    &CONCURRENCYINCOMING,
    &CONCURRENCYLOCAL,
    &CONCURRENCYPERIP,
    &CONCURRENCYREMOTE,
    &CONCURRENCYUSER,
    &DATABYTES,
    &DEFAULTDELIVERY,
    &DEFAULTDOMAIN,
    &DEFAULTHOST,
    &DELAYNOTICE,
    &DESTINATIONS,
    &DKIM,
    &DKIMSIGN,
    &DMARCBEHAVIOR,
    &DNSBLLIST,
    &DNSBLTHRESHOLD,
    &DNSBLTIMEOUT,
    &DOMAINBINDINGS,
    &DOUBLEBOUNCEHOST,
    &DOUBLEBOUNCETO,
    &ENVNOATHOST,
    &ETRN,
    &GREETDELAY,
    &GREYLIST,
    &HELOHOST,
    &HOLDDOMAINS,
    &HOLDLIFETIME,
    &HOLDLOCAL,
    &HOLDREMOTE,
    &HTTPSPROXY,
    &IDHOST,
    &LIMITS,
    &LIMITSTORE,
    &LOCALIPHOST,
    &MASQUERADE,
    &LOCALS,
    &MAXCOMMANDS,
    &MAXERRORS,
    &MAXHOPS,
    &MAXRECIPIENTS,
    &ME,
    &METRICSLISTEN,
    &MILTERS,
    &MORERCPTHOSTS,
    &MTASTS,
    &OUTGOINGIP,
    &PERCENTHACK,
    &PLUSDOMAIN,
    &PROXIES,
    &QUEUEBACKLOG,
    &QUEUEFREE,
    &QUEUELIFETIME,
    &QUEUELIFETIMES,
    &QUEUESYNC,
    &RCPTHOSTS,
    &RESOLVERS,
    &REVERSEDNS,
    &RHSBLLIST,
    &SENDERDOMAIN,
    &SERVERCERTS,
    &SMTPAUTH,
    &SMTPGREETING,
    &SMTPROUTES,
    &SPFBEHAVIOR,
    &SPFEXP,
    &SPFGUESS,
    &SPFRULES,
    &SRSDOMAIN,
    &SRSFORWARD,
    &SRSKEEP,
    &SRSMAXAGE,
    &SRSSECRETS,
    &TAPS,
    &TARPITCOUNT,
    &TARPITDELAY,
    &TCP_SMTP,
    &TCP_SMTP_CDB,
    &TIMEOUTCONNECT,
    &TIMEOUTDELIVERY,
    &TIMEOUTLOCAL,
    &TIMEOUTREMOTE,
    &TIMEOUTSESSION,
    &TIMEOUTSMTPD,
    &TLSAUTHORITIES,
    &TLSCLIENTS,
    &TLSDESTINATIONS,
    &TLSRPT,
    &VALIDRCPTTO,
    &VALIDRCPTTO_CDB,
    &VIRTUALDOMAINS,
    &XCLIENT,
];
