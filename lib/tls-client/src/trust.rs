//! What a server's certificate must show, and why it does not.
//!
//! DANE as RFC 7672 narrows it: usages 2 and 3 alone. For 3 nothing but the record counts, neither name nor dates (§3.1.1);
//! for 2 the certificate that a record names vouches for the others, and the name must be right (§3.1.2).

use std::error::Error;
use std::fmt;
use std::fmt::Write;

use ring::digest::{SHA256, SHA512, digest};
use rustls::RootCertStore;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Names of a certificate that a text shows.
const MOST_NAMES: usize = 3;

/// What a certificate must show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Nothing: TLS against those who only listen.
    Anything,
    /// An authority that this host trusts, and one of these names; `.domain` is any name below it.
    Authorities(Vec<String>),
    /// One of these records, and for those of usage 2 one of these names.
    Records(Vec<Record>, Vec<String>),
    /// One of these SHA-256 fingerprints, of the certificate or of its public key.
    Fingerprints(Vec<[u8; 32]>),
}

/// A TLSA record (RFC 6698 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    /// 2: an authority; 3: the server's own certificate.
    pub usage: u8,
    /// 0: the whole certificate; 1: its public key.
    pub selector: u8,
    /// 0: as it is; 1: its SHA-256; 2: its SHA-512.
    pub matching: u8,
    /// What is compared.
    pub data: Vec<u8>,
}

/// Why a certificate is not good enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It is for other names, of which these are some.
    Name(Vec<String>),
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Nobody vouches for it whom this host trusts.
    Issuer,
    /// This host has no authorities to trust.
    NoAuthorities,
    /// No TLSA record fits it.
    Records,
    /// Its fingerprint, which is none of those asked for.
    Fingerprint(String),
    /// It cannot be read.
    Malformed(String),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::Name(names) if names.is_empty() => f.write_str("its certificate names no host"),
            Distrust::Name(names) => {
                let more = if names.len() > MOST_NAMES { " and others" } else { "" };
                let shown = names.get(..MOST_NAMES.min(names.len())).unwrap_or_default().join(", ");
                write!(f, "its certificate is for {shown}{more}")
            }
            Distrust::Expired => f.write_str("its certificate has expired"),
            Distrust::NotYetValid => f.write_str("its certificate is not valid yet"),
            Distrust::Issuer => f.write_str("its certificate comes from no authority that this host trusts"),
            Distrust::NoAuthorities => f.write_str("this host has no list of authorities, see control/tlsauthorities"),
            Distrust::Records => f.write_str("its certificate fits none of its TLSA records"),
            Distrust::Fingerprint(print) => write!(f, "the fingerprint of its certificate is sha256:{print}, which was not asked for"),
            Distrust::Malformed(what) => write!(f, "its certificate cannot be read ({what})"),
        }
    }
}

impl Error for Distrust {}

impl Record {
    /// Whether it can be used at all: a usage for mail (RFC 7672 §3.1.3 leaves 0 and 1 out), and data of the right size.
    pub fn is_usable(&self) -> bool {
        let fits = match self.matching {
            0 => !self.data.is_empty(),
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        fits && matches!(self.usage, 2 | 3) && matches!(self.selector, 0 | 1)
    }

    fn fits(&self, certificate: &CertificateDer<'_>) -> bool {
        let key;
        let chosen: &[u8] = match self.selector {
            0 => certificate,
            _ => match EndEntityCert::try_from(certificate) {
                Ok(parsed) => {
                    key = parsed.subject_public_key_info();
                    key.as_ref()
                }
                Err(_) => return false,
            },
        };
        match self.matching {
            0 => self.data == chosen,
            1 => self.data == digest(&SHA256, chosen).as_ref(),
            _ => self.data == digest(&SHA512, chosen).as_ref(),
        }
    }
}

/// A server's certificate, those it sent with it, and the means to judge them.
pub(crate) struct Chain<'a> {
    pub certificate: &'a CertificateDer<'a>,
    pub others: &'a [CertificateDer<'a>],
    pub roots: &'a RootCertStore,
    pub algorithms: WebPkiSupportedAlgorithms,
    pub now: UnixTime,
}

impl Chain<'_> {
    /// Judges the certificate.
    pub fn judge(&self, trust: &Trust) -> Result<(), Distrust> {
        match trust {
            Trust::Anything => Ok(()),
            Trust::Authorities(_) if self.roots.is_empty() => Err(Distrust::NoAuthorities),
            Trust::Authorities(names) => self.vouched_for(&self.roots.roots).and_then(|()| self.named(names)),
            Trust::Records(records, names) => self.recorded(records, names),
            Trust::Fingerprints(prints) => self.listed(prints),
        }
    }

    fn parsed(&self) -> Result<EndEntityCert<'_>, Distrust> {
        EndEntityCert::try_from(self.certificate).map_err(|error| Distrust::Malformed(error.to_string()))
    }

    fn vouched_for(&self, anchors: &[TrustAnchor<'_>]) -> Result<(), Distrust> {
        let usage = KeyUsage::server_auth();
        let found = self.parsed()?.verify_for_usage(self.algorithms.all, anchors, self.others, self.now, usage, None, None).map(drop);
        found.map_err(|error| match error {
            webpki::Error::CertExpired { .. } => Distrust::Expired,
            webpki::Error::CertNotValidYet { .. } => Distrust::NotYetValid,
            // self-signed, as most certificates that nobody vouches for
            webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity => Distrust::Issuer,
            other => Distrust::Malformed(other.to_string()),
        })
    }

    fn named(&self, names: &[String]) -> Result<(), Distrust> {
        let parsed = self.parsed()?;
        let is_for = |name: &String| match name.strip_prefix('.') {
            None => ServerName::try_from(name.as_str()).is_ok_and(|name| parsed.verify_is_valid_for_subject_name(&name).is_ok()),
            Some(_) => parsed.valid_dns_names().any(|own| is_below(own, name)),
        };
        if names.iter().any(is_for) { Ok(()) } else { Err(Distrust::Name(parsed.valid_dns_names().map(str::to_owned).collect())) }
    }

    fn recorded(&self, records: &[Record], names: &[String]) -> Result<(), Distrust> {
        let of = |usage: u8| records.iter().filter(move |record| record.usage == usage && record.is_usable());
        if of(3).any(|record| record.fits(self.certificate)) {
            return Ok(());
        }
        // An authority that is not sent can stand in the record itself.
        let in_records = of(2).filter(|record| (record.selector, record.matching) == (0, 0)).map(|record| record.data.as_slice());
        let in_records: Vec<CertificateDer<'_>> = in_records.map(CertificateDer::from_slice).collect();
        let sent = self.others.iter().filter(|other| of(2).any(|record| record.fits(other)));
        let anchors: Vec<TrustAnchor<'_>> = sent.chain(&in_records).filter_map(|one| anchor_from_trusted_cert(one).ok()).collect();
        if anchors.is_empty() {
            return Err(Distrust::Records);
        }
        self.vouched_for(&anchors).and_then(|()| self.named(names))
    }

    fn listed(&self, prints: &[[u8; 32]]) -> Result<(), Distrust> {
        let own = digest(&SHA256, self.certificate);
        let key = EndEntityCert::try_from(self.certificate).map(|parsed| digest(&SHA256, parsed.subject_public_key_info().as_ref()));
        let is_listed = |found: &[u8]| prints.iter().any(|print| print.as_slice() == found);
        if is_listed(own.as_ref()) || key.is_ok_and(|key| is_listed(key.as_ref())) {
            return Ok(());
        }
        Err(Distrust::Fingerprint(hexadecimal(own.as_ref())))
    }
}

/// Whether a name of a certificate, which may be `*.domain`, is below `.domain`.
fn is_below(own: &str, suffix: &str) -> bool {
    let own = own.to_ascii_lowercase();
    own.len() > suffix.len() && own.ends_with(suffix)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // a String takes everything
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "trust_test.rs"]
mod trust_test;
