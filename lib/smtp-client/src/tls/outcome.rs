//! What became of TLS with one host, in the words of RFC 8460 (TLSRPT): every attempt comes by here, the good ones too.
//!
//! How it fails: never; a report that nobody takes is lost, and mail goes on.

use std::net::IpAddr;

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
    /// How it ended.
    pub result: ResultType,
    /// The same in our words; empty for a success.
    pub words: &'a str,
}

/// Tells whoever counts.
pub fn report_outcome(_settings: &Settings, _outcome: &Outcome<'_>) {}
