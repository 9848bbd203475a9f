//! What became of TLS with one host, in the words of RFC 8460 (TLSRPT): every attempt comes by here, the good ones too.
//!
//! How it fails: never; a report that nobody takes is lost, and mail goes on.

use std::net::IpAddr;

use stafett_sts::{Count, Kind as Counted};
use stafett_wire::delivery::{Destination, Kind};

use super::policy::Policy;
use crate::settings::Settings;

/// The policy that an attempt was under (RFC 8460 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyType {
    /// DANE
    Tlsa,
    /// MTA-STS
    Sts,
    /// None: the destination publishes none, or the administrator's own word counts.
    NoPolicyFound,
}

/// How an attempt ended (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// TLS, as the policy wants it.
    Success,
    /// The host offers no STARTTLS, or refuses it.
    StarttlsNotSupported,
    /// The certificate is for other names, or the host is not one that the policy names.
    CertificateHostMismatch,
    /// The certificate has expired, or is not valid yet.
    CertificateExpired,
    /// Nobody trusted vouches for the certificate.
    CertificateNotTrusted,
    /// Anything else, above all in the handshake.
    ValidationFailure,
    /// The certificate fits no TLSA record, or none can be used.
    TlsaInvalid,
    /// The look-up of TLSA records failed.
    DnssecInvalid,
    /// DANE is demanded, and there are no TLSA records.
    DaneRequired,
    /// The certificate is not what MTA-STS wants, beyond name, date and authority.
    StsWebpkiInvalid,
}

impl PolicyType {
    /// The word of RFC 8460.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyType::Tlsa => "tlsa",
            PolicyType::Sts => "sts",
            PolicyType::NoPolicyFound => "no-policy-found",
        }
    }
}

impl ResultType {
    /// The word of RFC 8460; nothing for a success, which is only counted.
    #[must_use]
    pub fn as_str(self) -> Option<&'static str> {
        Some(match self {
            ResultType::Success => return None,
            ResultType::StarttlsNotSupported => "starttls-not-supported",
            ResultType::CertificateHostMismatch => "certificate-host-mismatch",
            ResultType::CertificateExpired => "certificate-expired",
            ResultType::CertificateNotTrusted => "certificate-not-trusted",
            ResultType::ValidationFailure => "validation-failure",
            ResultType::TlsaInvalid => "tlsa-invalid",
            ResultType::DnssecInvalid => "dnssec-invalid",
            ResultType::DaneRequired => "dane-required",
            ResultType::StsWebpkiInvalid => "sts-webpki-invalid",
        })
    }
}

/// One attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The domain of the recipients.
    pub destination: &'a str,
    /// The policy that it was under.
    pub policy: PolicyType,
    /// The MX host.
    pub mx: &'a str,
    /// Its address, where one was connected to.
    pub address: Option<IpAddr>,
    /// Our address, where control/ names one.
    pub source: Option<IpAddr>,
    /// How it ended.
    pub result: ResultType,
    /// The same in our words; empty for a success.
    pub words: &'a str,
}

/// Tells whoever counts; a note for the log where that fails. Relays that the administrator names are not counted.
pub fn report_outcome(settings: &Settings, destination: &Destination, policy: &Policy, outcome: &Outcome<'_>) -> Option<String> {
    if destination.kind != Kind::Mx {
        return None;
    }
    let is_sts = outcome.policy == PolicyType::Sts;
    if is_sts && outcome.result != ResultType::Success && policy.sts.as_ref().is_some_and(|sts| sts.is_enforced) {
        settings.services.policy_failed(&destination.name);
    }
    let counted = settings.services.count(|| count(policy, outcome));
    counted.err().map(|error| format!("a session with {} was not counted: unable to tell stafett-tlsrpt: {error}", outcome.mx))
}

/// A domain whose policy cannot be had has failed by that, however the session went (RFC 8460 §4.3.2).
fn count(policy: &Policy, outcome: &Outcome<'_>) -> Count {
    let trouble = policy.sts_trouble.as_ref().filter(|_| outcome.policy == PolicyType::NoPolicyFound);
    let sts = policy.sts.as_ref().filter(|_| outcome.policy == PolicyType::Sts);
    let kind = match outcome.policy {
        PolicyType::Tlsa => Counted::Tlsa,
        PolicyType::NoPolicyFound if trouble.is_none() => Counted::None,
        PolicyType::Sts | PolicyType::NoPolicyFound => Counted::Sts,
    };
    Count {
        domain: outcome.destination.to_owned(),
        kind,
        policy: sts.map(|sts| sts.lines.clone()).unwrap_or_default(),
        patterns: sts.map(|sts| sts.patterns.clone()).unwrap_or_default(),
        result: trouble.cloned().unwrap_or_else(|| outcome.result.as_str().unwrap_or_default().to_owned()),
        from: outcome.source.map(|address| address.to_string()).unwrap_or_default(),
        host: outcome.mx.to_owned(),
        address: outcome.address.map(|address| address.to_string()).unwrap_or_default(),
        words: outcome.words.to_owned(),
    }
}
