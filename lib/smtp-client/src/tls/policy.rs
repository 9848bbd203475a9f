//! What is demanded of the hosts of a destination: the administrator's word, else what the destination publishes.
//!
//! A word of the route goes before control/tlsdestinations; only where both are silent, or say `auto`, does it count what
//! the destination says of itself: TLSA records, host by host, and an MTA-STS policy where a host has none (RFC 8461 §2:
//! such a policy never takes the place of DANE).
//!
//! A sender may ask for more or for less (RFC 8689): [`Secrecy`]. What the administrator wrote is never made less by that.
//! Credentials behind a route ask for a verified relay where the route itself says nothing else; `may` and `encrypt` in
//! control/tlsdestinations do not count for them.
//!
//! How it fails: [`NoSession`], for words that do not parse; mail waits, because the administrator can mend them.

use stafett_control::form::route::starts_with_tls;
use stafett_control::form::tls::{Level, TlsTerms};
use stafett_sts::{Mode, names};
use stafett_wire::delivery::{Destination, Kind};

use crate::judgement::{self, NoSession};
use crate::settings::Settings;

/// The port where TLS comes before the first word (RFC 8314 §3.3).
const SUBMISSIONS_PORT: u16 = 465;

/// What the sender of a message wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrecy {
    /// Nothing in particular.
    #[default]
    Usual,
    /// REQUIRETLS: only verified hosts that keep to it too.
    Required,
    /// `TLS-Required: No`: what the destination publishes does not count.
    Waived,
}

/// What is demanded of a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The administrator's word.
    pub terms: TlsTerms,
    /// TLS comes before the first word, without STARTTLS.
    pub starts_at_once: bool,
    /// What the destination says by MTA-STS; only with [`Level::Auto`].
    pub sts: Option<Sts>,
    /// What the sender wants.
    pub secrecy: Secrecy,
    /// The route has credentials, which are for nobody but the relay.
    pub is_for_credentials: bool,
    /// Why the MTA-STS policy that it announces cannot be had, as a result type of RFC 8460 §4.3.
    pub sts_trouble: Option<String>,
}

/// An MTA-STS policy (RFC 8461 §3.2) that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sts {
    /// Failures count; otherwise they are reported only.
    pub is_enforced: bool,
    /// The `mx` lines, lower case: names, or `*.domain`.
    pub patterns: Vec<String>,
    /// All its lines, for reports.
    pub lines: Vec<String>,
}

impl Sts {
    /// Whether the policy names this host. A star stands for one label (RFC 8461 §4.1).
    #[must_use]
    pub fn admits(&self, host: &str) -> bool {
        self.patterns.iter().any(|pattern| names::matches(pattern, host))
    }
}

/// What is demanded of this destination.
///
/// # Errors
/// [`NoSession`] where words of its route do not parse, or nobody knows what it promises.
pub fn policy_for(settings: &Settings, destination: &Destination) -> Result<Policy, NoSession> {
    if destination.kind == Kind::LmtpSocket {
        return Ok(Policy { terms: TlsTerms { level: Level::None, ..TlsTerms::default() }, ..Policy::default() });
    }
    let of_route = TlsTerms::of_route(destination.words()).map_err(|reason| judgement::bad_words(destination, &reason))?;
    let account = destination.word("auth").map(|name| settings.credentials.named(name));
    let is_for_credentials = account.is_some_and(|account| account.is_ok_and(|account| !account.without_tls));
    let general = || settings.tls.terms(&destination.name).cloned().map(|terms| if is_for_credentials { verified(terms) } else { terms });
    let terms = of_route.or_else(general).unwrap_or_default();
    if let Some(name) = terms.certificate.as_ref().filter(|name| !settings.tls.client.has_identity(name)) {
        let reason = format!("there is no control/clientcerts/{name} with cert.pem and key.pem");
        return Err(judgement::bad_words(destination, &reason));
    }
    let starts_at_once = match destination.word("tls-start").map(starts_with_tls) {
        Some(said) => said.map_err(|reason| judgement::bad_words(destination, &reason))?,
        None => destination.port == SUBMISSIONS_PORT && destination.kind == Kind::Host && terms.level != Level::None,
    };
    let asks_destination = terms.level == Level::Auto && destination.kind == Kind::Mx;
    let (sts, sts_trouble) = if asks_destination { sts_of(settings, destination)? } else { (None, None) };
    Ok(Policy { terms, starts_at_once, sts, sts_trouble, is_for_credentials, secrecy: Secrecy::Usual })
}

/// What a line of control/tlsdestinations, which was not written with the credentials in mind, means for a relay that gets some:
/// unverified TLS is not enough.
fn verified(terms: TlsTerms) -> TlsTerms {
    match terms.level {
        Level::May | Level::Encrypt => TlsTerms { level: Level::Auto, ..terms },
        _ => terms,
    }
}

impl Policy {
    /// The same with what the sender of a message wants.
    #[must_use]
    pub fn wanted(self, secrecy: Secrecy) -> Policy {
        Policy { secrecy, ..self }
    }

    /// Whether [`Secrecy::Waived`] would change anything.
    #[must_use]
    pub fn can_be_waived(&self) -> bool {
        self.secrecy == Secrecy::Usual && self.terms.level == Level::Auto && !self.is_for_credentials
    }
}

/// The MTA-STS policy of a destination, or why the one that it announces cannot be had. While the service that knows them is
/// away, mail waits: the policy may be one that counts.
fn sts_of(settings: &Settings, destination: &Destination) -> Result<(Option<Sts>, Option<String>), NoSession> {
    let known = settings.services.policy_of(&destination.name);
    let Some(known) = known.map_err(|error| judgement::policy_unknown(destination, &error))? else { return Ok((None, None)) };
    if known.policy.mode == Mode::None {
        return Ok((None, known.trouble));
    }
    let (is_enforced, lines) = (known.policy.mode == Mode::Enforce, known.policy.lines());
    Ok((Some(Sts { is_enforced, patterns: known.policy.mx, lines }), None))
}

#[cfg(test)]
#[path = "policy_test.rs"]
mod policy_test;
