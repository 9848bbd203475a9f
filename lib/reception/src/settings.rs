//! What the control files say: read once, before conversations, and handed to each of them.
//!
//! How it fails: a file that does not parse is an error with file and line; the caller keeps its last good copy, or refuses
//! to serve when there is none. No default ever opens the relay: without rcpthosts nobody is listed.

pub mod signs;

use std::collections::HashMap;
use std::time::Duration;

use stafett_address::Domain;
use stafett_control::{Control, Error, Setting, rows};
use stafett_route::{DomainPattern, Locals, RcptHosts};

use crate::auth::Offered;
use crate::badmailfrom::BadMailFrom;
use crate::checks::milter::Milters;
use crate::checks::submission::Masquerades;
use crate::checks::tally::Limits;
use crate::checks::{callout, etrn, recipients, signing, srs};
use crate::front::Fronts;
use signs::Signs;

/// The control files of smtpd, typed.
#[derive(Debug)]
pub struct Settings {
    /// Our name.
    pub me: String,
    /// The greeting after the code.
    pub greeting: String,
    /// The domain that stands for our own address literals.
    pub local_ip_host: Domain,
    /// Whom mail is accepted for.
    pub rcpthosts: RcptHosts,
    /// Whom mail is not accepted from.
    pub badmailfrom: BadMailFrom,
    /// Which recipients there are, and which are refused.
    pub recipients: recipients::Lists,
    /// Whose recipients are asked for at the next host.
    pub callout: callout::Rules,
    /// Who may have the mail of a domain tried.
    pub etrn: etrn::Rules,
    /// Who may name another client.
    pub fronts: Fronts,
    /// Whether there are certificates, so that STARTTLS is offered.
    pub certificates: bool,
    /// The fingerprints of certificates whose owners may send to anywhere, each with its line.
    pub tls_clients: HashMap<String, usize>,
    /// How clients may log in.
    pub auth: Offered,
    /// The largest message in bytes; 0 = no limit.
    pub databytes: u64,
    /// The most recipients of a message.
    pub max_recipients: u64,
    /// The most stations that a message may have passed.
    pub max_hops: u64,
    /// The most commands of a session.
    pub max_commands: u64,
    /// The most errors of a session.
    pub max_errors: u64,
    /// What is done about SPF, 0 to 6.
    pub spf_behavior: u64,
    /// What is done about DMARC, 0 to 3.
    pub dmarc_behavior: u64,
    /// The longest silence of a client.
    pub timeout: Duration,
    /// The longest session.
    pub session: Duration,
    /// What is of this host.
    pub locals: Locals,
    /// What makes a client or sender suspicious.
    pub signs: Signs,
    /// How much a client may do, and greylisting.
    pub limits: Limits,
    /// Which senders are masked.
    pub masquerades: Masquerades,
    /// The mail filters.
    pub milters: Milters,
    /// What is signed and sealed.
    pub signing: signing::Rules,
    /// Whose senders are rewritten.
    pub srs: srs::Rules,
}

impl Settings {
    /// Reads all of them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let me = control.required(&rows::ME)?;
        let number = |row, default| Ok::<u64, Error>(control.integer(row)?.unwrap_or(default));
        Ok(Self {
            greeting: greeting(control.line(&rows::SMTPGREETING)?.unwrap_or_else(|| me.clone())),
            local_ip_host: local_ip_host(control, &me)?,
            rcpthosts: RcptHosts::read(control)?,
            badmailfrom: badmailfrom(control)?,
            recipients: recipients::Lists::read(control)?,
            callout: callout::Rules::read(control)?,
            etrn: etrn::Rules::read(control)?,
            fronts: Fronts::read(control)?,
            certificates: control.directory_of(&rows::SERVERCERTS)?.is_some(),
            tls_clients: fingerprints(control)?,
            auth: Offered::read(control)?,
            databytes: number(&rows::DATABYTES, 0)?,
            max_recipients: number(&rows::MAXRECIPIENTS, 1000)?,
            max_hops: number(&rows::MAXHOPS, 100)?,
            max_commands: number(&rows::MAXCOMMANDS, 100_000)?,
            max_errors: number(&rows::MAXERRORS, 100)?,
            spf_behavior: number(&rows::SPFBEHAVIOR, 0)?,
            dmarc_behavior: number(&rows::DMARCBEHAVIOR, 0)?,
            timeout: Duration::from_secs(number(&rows::TIMEOUTSMTPD, 300)?),
            session: Duration::from_secs(number(&rows::TIMEOUTSESSION, 14_400)?),
            locals: Locals::read(control)?,
            signs: Signs::read(control)?,
            limits: Limits::read(control)?,
            masquerades: Masquerades::read(control)?,
            milters: Milters::read(control)?,
            signing: signing::Rules::read(control)?,
            srs: srs::Rules::read(control)?,
            me,
        })
    }
}

/// Clients look for the word to know that EHLO makes sense (qmail-smtpd(8) appends it too).
fn greeting(mut text: String) -> String {
    if !text.contains("ESMTP") {
        text.push_str(" ESMTP");
    }
    text
}

fn local_ip_host(control: &Control, me: &str) -> Result<Domain, Error> {
    let (row, name) = match control.line(&rows::LOCALIPHOST)? {
        Some(name) => (&rows::LOCALIPHOST, name),
        None => (&rows::ME, me.to_owned()),
    };
    Domain::parse(&name).map_err(|reason| fault(row.name, 1, &name, reason))
}

fn badmailfrom(control: &Control) -> Result<BadMailFrom, Error> {
    let mut bad = BadMailFrom::default();
    for item in control.list(&rows::BADMAILFROM)?.unwrap_or_default() {
        bad.insert(item.line, &item.value).map_err(|reason| fault(rows::BADMAILFROM.name, item.line, &item.value, reason))?;
    }
    Ok(bad)
}

fn fingerprints(control: &Control) -> Result<HashMap<String, usize>, Error> {
    let lines = control.list(&rows::TLSCLIENTS)?.unwrap_or_default();
    Ok(lines.into_iter().map(|item| (item.value.to_ascii_lowercase(), item.line)).collect())
}

/// The error of a value that cannot be used.
pub(crate) fn fault(file: &str, line: usize, value: &str, reason: impl std::fmt::Display) -> Error {
    Error { file: format!("control/{file}"), line, reason: format!("unable to use \"{value}\": {reason}") }
}

/// A pattern of domains in a file.
pub(crate) fn pattern(row: &Setting, line: usize, text: &str) -> Result<DomainPattern, Error> {
    DomainPattern::parse(text).map_err(|reason| fault(row.name, line, text, reason))
}
