//! Signatures of a message: DKIM (RFC 6376, RFC 8301, RFC 8463) and the ARC chain (RFC 8617).
//!
//! What it does: takes the message apart with mail-auth, asks for all keys at once, then lets mail-auth verify with those keys
//! at hand, so that it asks nobody itself.
//!
//! Security stance: every part of the message is hostile. Signatures beyond [`MOST_SIGNATURES`] are not looked at, keys shorter
//! than 1024 bits (RFC 8301 §3.2) or longer than 4096 and SHA-1 (§3.1) count for nothing, nor does a signature that leaves
//! out the From field (RFC 6376 §5.4) or covers only a part of the body (`l=`): what is appended to that would seem signed.
//!
//! How it fails: with a verdict for each signature. Trouble with the DNS is `temperror`.
//!
//! Known limits: the message lies in memory as a whole. Authorized third-party signatures (RFC 6541) and reports on demand
//! (RFC 6651) are not looked for.

use crate::authors;
use crate::keys::Keys;
use crate::names::{Names, canonical};
use mail_auth::arc::ArcError;
use mail_auth::common::crypto::{Algorithm, CryptoError};
use mail_auth::dkim::DkimError;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{AuthenticatedMessage, DkimResult, DnsError, Error, MessageAuthenticator, Parameters};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// DKIM signatures of a message that are looked at.
pub const MOST_SIGNATURES: usize = 10;
/// Fields that one signature names; looking for each of them in the header takes time.
const MOST_NAMES: usize = 200;
const TOO_MANY_NAMES: &str = "too many fields are signed";
const WEAK: &str = "the key is too short or too long";

/// What came of a signature (RFC 8601 §2.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It cannot be understood.
    Neutral,
    /// It holds or not, and is not acceptable here.
    Policy,
    /// Nobody could tell now.
    TempError,
    /// It can never hold.
    PermError,
}

impl Verdict {
    /// Its word in header fields.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Neutral => "neutral",
            Verdict::Policy => "policy",
            Verdict::TempError => "temperror",
            Verdict::PermError => "permerror",
        }
    }
}

/// A DKIM signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What came of it.
    pub verdict: Verdict,
    /// Why; empty where it holds.
    pub reason: &'static str,
    /// Who signed, in lower case.
    pub domain: String,
    /// Which key.
    pub selector: String,
    /// How.
    pub algorithm: &'static str,
    /// The begin of its value in base64, which tells it from others (RFC 6008).
    pub mark: String,
}

/// The ARC chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// What came of it.
    pub verdict: Verdict,
    /// Why; empty where it holds.
    pub reason: &'static str,
    /// How many sets there are.
    pub sets: usize,
    /// Who sealed last, in lower case.
    pub domain: String,
}

/// What a message says about who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authors {
    /// The domains of all addresses in From fields, in lower case.
    pub domains: Vec<String>,
    /// DKIM signatures, in order.
    pub signatures: Vec<Signature>,
    /// The ARC chain, if there is one.
    pub chain: Option<Chain>,
}

/// mail-auth, without anybody that it could ask.
pub struct Verifier(MessageAuthenticator);

impl Verifier {
    /// Prepares it.
    ///
    /// # Errors
    /// What mail-auth says; there is no reason known to us.
    pub fn new() -> Result<Verifier, String> {
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        MessageAuthenticator::new(nobody, ResolverOpts::default()).map(Verifier).map_err(|error| error.to_string())
    }

    /// Verifies a message of CR LF lines; nothing when it has no header.
    pub fn verify(&self, message: &[u8], names: &dyn Names) -> Option<Authors> {
        let mut parsed = AuthenticatedMessage::parse(message)?;
        parsed.dkim_headers.truncate(MOST_SIGNATURES);
        let all = std::mem::take(&mut parsed.dkim_headers);
        let (usual, excessive): (Vec<_>, Vec<_>) = all.into_iter().partition(|field| field.header.h.len() <= MOST_NAMES);
        parsed.dkim_headers = usual;
        for field in &mut parsed.dkim_headers {
            (field.header.atps, field.header.r) = (None, false);
        }
        let keys = Keys::of(&parsed, names);
        let mut signatures = self.signatures(&parsed, &keys);
        signatures.extend(excessive.iter().map(|field| signed(&field.header, (Verdict::Policy, TOO_MANY_NAMES))));
        Some(Authors { domains: authors::domains(parsed.froms(), message), signatures, chain: self.chain(&parsed, &keys) })
    }

    fn signatures(&self, message: &AuthenticatedMessage<'_>, keys: &Keys) -> Vec<Signature> {
        let outputs = finished(self.0.verify_dkim(Parameters::new(message).with_txt_cache(keys))).unwrap_or_default();
        outputs
            .iter()
            .map(|output| {
                let (verdict, reason) = verdict(output.result());
                match output.signature() {
                    Some(signature) => signed(signature, acceptable(signature, keys).unwrap_or((verdict, reason))),
                    None => Signature { verdict, reason, ..unreadable() },
                }
            })
            .take(MOST_SIGNATURES)
            .collect()
    }

    fn chain(&self, message: &AuthenticatedMessage<'_>, keys: &Keys) -> Option<Chain> {
        let sets = message.as_headers.len().max(message.ams_headers.len()).max(message.aar_headers.len());
        if sets == 0 && !message.has_arc_errors {
            return None;
        }
        let sealer = message.as_headers.last().map(|field| canonical(&field.header.d)).unwrap_or_default();
        if message.ams_headers.is_empty() || message.has_arc_errors {
            return Some(Chain { verdict: Verdict::Fail, reason: "the chain is broken", sets, domain: sealer });
        }
        if message.ams_headers.iter().any(|field| field.header.h.len() > MOST_NAMES) {
            return Some(Chain { verdict: Verdict::Fail, reason: TOO_MANY_NAMES, sets, domain: sealer });
        }
        let output = finished(self.0.verify_arc(Parameters::new(message).with_txt_cache(keys)))?;
        let (verdict, reason) = match verdict(output.result()) {
            // a chain holds or is broken (RFC 8617 §5.2)
            (Verdict::Pass, reason) => (Verdict::Pass, reason),
            (Verdict::TempError, reason) => (Verdict::TempError, reason),
            (_, reason) => (Verdict::Fail, reason),
        };
        let weak = message.as_headers.iter().any(|field| keys.is_weak(&field.header))
            || message.ams_headers.last().is_some_and(|field| keys.is_weak(&field.header));
        match weak {
            true if verdict == Verdict::Pass => Some(Chain { verdict: Verdict::Fail, reason: WEAK, sets, domain: sealer }),
            _ => Some(Chain { verdict, reason, sets, domain: sealer }),
        }
    }
}

/// A verdict that goes before that of mail-auth.
fn acceptable(signature: &mail_auth::dkim::Signature, keys: &Keys) -> Option<(Verdict, &'static str)> {
    if signature.a == Algorithm::RsaSha1 {
        return Some((Verdict::PermError, "SHA-1 is not accepted"));
    }
    if !signature.h.iter().any(|name| name.eq_ignore_ascii_case("from")) {
        return Some((Verdict::PermError, "From is not signed"));
    }
    keys.is_weak(signature).then_some((Verdict::Policy, WEAK))
}

fn signed(signature: &mail_auth::dkim::Signature, (verdict, reason): (Verdict, &'static str)) -> Signature {
    Signature {
        verdict,
        reason,
        domain: canonical(&signature.d),
        selector: signature.s.clone(),
        algorithm: match signature.a {
            Algorithm::RsaSha1 => "rsa-sha1",
            Algorithm::RsaSha256 => "rsa-sha256",
            Algorithm::Ed25519Sha256 => "ed25519-sha256",
        },
        mark: base64(signature.b.get(..6).unwrap_or_default()),
    }
}

fn unreadable() -> Signature {
    let (domain, selector, mark) = (String::new(), String::new(), String::new());
    Signature { verdict: Verdict::Neutral, reason: "", domain, selector, algorithm: "", mark }
}

fn verdict(result: &DkimResult) -> (Verdict, &'static str) {
    let (otherwise, error) = match result {
        DkimResult::Pass => return (Verdict::Pass, ""),
        DkimResult::None => return (Verdict::Neutral, "no signature"),
        DkimResult::Neutral(error) => (Verdict::Neutral, error),
        DkimResult::Fail(error) => (Verdict::Fail, error),
        DkimResult::PermError(error) => (Verdict::PermError, error),
        DkimResult::TempError(error) => (Verdict::TempError, error),
    };
    match error {
        Error::Dns(DnsError::Resolver(_)) => (Verdict::TempError, "the key cannot be had now"),
        Error::Dns(_) => (Verdict::PermError, "no key for the signature"),
        Error::Dkim(DkimError::RevokedPublicKey) => (Verdict::PermError, "the key was revoked"),
        Error::Dkim(DkimError::FailedBodyHashMatch) | Error::Arc(ArcError::FailedBodyHashMatch) => (Verdict::Fail, "the body has changed"),
        Error::Dkim(DkimError::SignatureExpired) | Error::Arc(ArcError::SignatureExpired) => (Verdict::PermError, "expired"),
        Error::Dkim(DkimError::SignatureLength) | Error::Arc(ArcError::SignatureLength) => {
            (Verdict::Policy, "a part of the body is not signed")
        }
        Error::Dkim(DkimError::FailedAuidMatch) => (Verdict::PermError, "i= is not in d="),
        Error::Crypto(CryptoError::FailedVerification) => (Verdict::Fail, "the header has changed"),
        Error::Crypto(_) => (Verdict::PermError, "the key cannot be used"),
        _ => (otherwise, "cannot be understood"),
    }
}

/// The result of what never waits.
fn finished<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Base64 of bytes in threes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let triple = |three: &[u8]| three.iter().fold(0, |all, byte| all << 8 | u32::from(*byte));
    let letter = |all: u32, shift: u32| LETTERS.get((all >> shift & 63) as usize).map_or('=', |letter| char::from(*letter));
    bytes.chunks_exact(3).map(triple).flat_map(|all| [18, 12, 6, 0].map(|shift| letter(all, shift))).collect()
}

#[cfg(test)]
#[path = "signatures_test.rs"]
mod tests;
