//! What one host must give.
//!
//! How it fails: [`Unfit`], where the host must not be tried at all; the next one is.

use stafett_control::form::tls::Level;
use stafett_tls_client::Trust;
use stafett_wire::delivery::{Destination, Kind};

use super::dane::{self, Published};
use super::outcome::{PolicyType, ResultType};
use super::policy::{Policy, Secrecy, Sts};
use crate::settings::Settings;
use crate::targets::Target;

/// Whether TLS is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is not used.
    Never,
    /// It is used where it works.
    Offered,
    /// Without it nothing is said.
    Always,
}

/// What one host must give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Whether TLS is wanted.
    pub need: Need,
    /// What its certificate must show.
    pub trust: Trust,
    /// The name that is asked for in the handshake.
    pub name: String,
    /// Where the demand comes from.
    pub policy: PolicyType,
    /// Who demands it, for texts.
    pub because: &'static str,
    /// TLS comes before the first word.
    pub starts_at_once: bool,
}

/// Why a host must not be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The policy that says so.
    pub policy: PolicyType,
    /// In the words of RFC 8460.
    pub result: ResultType,
    /// In ours.
    pub words: String,
}

impl Demand {
    /// What `policy` means for `host`, which is one of `destination`.
    ///
    /// # Errors
    /// [`Unfit`] where the host must not be tried.
    pub fn of(settings: &Settings, policy: &Policy, destination: &Destination, host: &Target) -> Result<Demand, Unfit> {
        let demand = |need, trust, because| Demand {
            need,
            trust,
            name: host.name.clone(),
            policy: PolicyType::NoPolicyFound,
            because,
            starts_at_once: policy.starts_at_once,
        };
        let verified = |because| demand(Need::Always, Trust::Authorities(names(policy, destination, host)), because);
        let found = match &policy.terms.level {
            // A Unix socket is this host: REQUIRETLS is about the way to others.
            Level::None if policy.secrecy == Secrecy::Required && destination.kind != Kind::LmtpSocket => return Err(no_tls_there()),
            Level::Auto | Level::May | Level::Encrypt if policy.secrecy == Secrecy::Required => {
                required(settings, policy, destination, host)?.unwrap_or_else(|| verified(SENDER))
            }
            Level::Auto if policy.is_for_credentials => verified("the credentials of the route"),
            Level::Auto if policy.secrecy == Secrecy::Waived => demand(Need::Offered, Trust::Anything, "nobody"),
            Level::Auto => published(settings, policy, destination, host)?,
            Level::None => demand(Need::Never, Trust::Anything, "nobody"),
            Level::May => demand(Need::Offered, Trust::Anything, "nobody"),
            Level::Encrypt => demand(Need::Always, Trust::Anything, "the administrator: encrypt"),
            Level::Verify => verified("the administrator: verify"),
            Level::Fingerprint(prints) => demand(Need::Always, Trust::Fingerprints(prints.clone()), "the administrator: fingerprint"),
            Level::Dane => required_dane(settings, destination, host)?,
        };
        // Where TLS comes first there is nothing without it.
        Ok(match (policy.starts_at_once, found.need) {
            (true, Need::Offered) => Demand { need: Need::Always, because: "the port: TLS from the start", starts_at_once: true, ..found },
            (starts_at_once, _) => Demand { starts_at_once, ..found },
        })
    }

    /// The next weaker demand: any certificate where only that was wrong, else no TLS.
    pub(crate) fn relaxed(&self, is_certificate: bool) -> Demand {
        let need = if is_certificate && self.trust != Trust::Anything { Need::Offered } else { Need::Never };
        Demand { need, trust: Trust::Anything, ..self.clone() }
    }
}

/// Who demands what REQUIRETLS asks for.
const SENDER: &str = "the sender: REQUIRETLS";

fn no_tls_there() -> Unfit {
    let words = "is sent to without TLS, as control/ says".to_owned();
    Unfit { policy: PolicyType::NoPolicyFound, result: ResultType::StarttlsNotSupported, words }
}

/// A host whose name DNSSEC or MTA-STS vouches for (RFC 8689 §4.2.1); nothing where neither does, and the certificate must
/// be for the destination itself then.
fn required(settings: &Settings, policy: &Policy, destination: &Destination, host: &Target) -> Result<Option<Demand>, Unfit> {
    if policy.terms.level != Level::Auto {
        return Ok(None);
    }
    match published(settings, policy, destination, host)? {
        demand if demand.trust == Trust::Anything => Ok(None),
        demand => Ok(Some(Demand { need: Need::Always, because: SENDER, ..demand })),
    }
}

/// The names that a certificate may be for. Those of MX hosts prove nothing where anybody can write the MX records.
fn names(policy: &Policy, destination: &Destination, host: &Target) -> Vec<String> {
    if !policy.terms.names.is_empty() {
        return policy.terms.names.clone();
    }
    let mut names = vec![destination.name.trim_matches(['[', ']']).to_owned()];
    if destination.kind == Kind::Mx {
        names.push(format!(".{}", destination.name));
        names.extend(host.is_secure.then(|| host.name.clone()));
    }
    names
}

/// What the destination publishes.
fn published(settings: &Settings, policy: &Policy, destination: &Destination, host: &Target) -> Result<Demand, Unfit> {
    by_found(dane::look_up(settings, destination, host)?, policy.sts.as_ref(), destination, host)
}

fn by_found(found: Published, sts: Option<&Sts>, destination: &Destination, host: &Target) -> Result<Demand, Unfit> {
    let opportunistic = Demand {
        need: Need::Offered,
        trust: Trust::Anything,
        name: host.name.clone(),
        policy: PolicyType::NoPolicyFound,
        because: "nobody",
        starts_at_once: false,
    };
    let is_enforced = sts.is_some_and(|sts| sts.is_enforced);
    match found {
        Published::Records(records, base) => return Ok(by_records(records, base, destination)),
        // TLS all the same: the host says that it has it (RFC 7672 §2.2). They verify nothing, so that they cannot stand in
        // for a policy that does.
        Published::Unusable if !is_enforced => {
            return Ok(Demand { need: Need::Always, policy: PolicyType::Tlsa, because: "its TLSA records", ..opportunistic });
        }
        Published::Unusable | Published::Nothing => {}
    }
    match sts {
        Some(sts) => by_sts(sts, host, opportunistic),
        None => Ok(opportunistic),
    }
}

fn by_records(records: Vec<stafett_tls_client::Record>, base: String, destination: &Destination) -> Demand {
    // RFC 7672 §3.1.2: the name of the records, and for MX hosts that of the domain.
    let names = [base.clone()].into_iter().chain((destination.kind == Kind::Mx).then(|| destination.name.clone())).collect();
    let trust = Trust::Records(records, names);
    let policy = PolicyType::Tlsa;
    Demand { need: Need::Always, trust, name: base, policy, because: "its TLSA records", starts_at_once: false }
}

/// A host that the policy does not name is out, where the policy is enforced (RFC 8461 §4.1).
fn by_sts(sts: &Sts, host: &Target, opportunistic: Demand) -> Result<Demand, Unfit> {
    let need = if sts.is_enforced { Need::Always } else { Need::Offered };
    if sts.admits(&host.name) {
        let trust = Trust::Authorities(vec![host.name.clone()]);
        return Ok(Demand { need, trust, policy: PolicyType::Sts, because: "its MTA-STS policy", ..opportunistic });
    }
    if !sts.is_enforced {
        return Ok(Demand { policy: PolicyType::Sts, ..opportunistic });
    }
    let words = "is not among the MX hosts of the MTA-STS policy".to_owned();
    Err(Unfit { policy: PolicyType::Sts, result: ResultType::CertificateHostMismatch, words })
}

fn required_dane(settings: &Settings, destination: &Destination, host: &Target) -> Result<Demand, Unfit> {
    let unfit = |result, words: &str| Err(Unfit { policy: PolicyType::Tlsa, result, words: words.to_owned() });
    match dane::look_up(settings, destination, host)? {
        Published::Records(records, base) => Ok(by_records(records, base, destination)),
        Published::Unusable => unfit(ResultType::TlsaInvalid, "has TLSA records, but none that can be used for mail"),
        Published::Nothing if host.is_secure => {
            unfit(ResultType::DaneRequired, "has no TLSA records (demanded by the administrator: dane)")
        }
        Published::Nothing => {
            unfit(ResultType::DaneRequired, "has no TLSA records that DNSSEC vouches for (demanded by the administrator: dane)")
        }
    }
}

#[cfg(test)]
#[path = "demand_test.rs"]
mod demand_test;
