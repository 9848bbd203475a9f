//! The keys of signatures, fetched before anything is verified, so that mail-auth asks nobody.

use crate::names::{Found, Names};
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::{DomainKey, VerifySignature};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::{AuthenticatedMessage, DnsError, Error, ResolverCache, Txt};
use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

/// ARC sets of a message (RFC 8617 §5.1.1); of a longer chain no key is fetched.
const MOST_SETS: usize = 50;
/// Lengths of RSA keys that count, in bits (RFC 8301 §3.2).
const BITS: std::ops::RangeInclusive<usize> = 1024..=4096;

/// Keys by name; whatever is asked for that was not fetched is not there.
pub struct Keys(HashMap<String, Txt>);

impl Keys {
    /// Those of the signatures of a message.
    pub fn of(message: &AuthenticatedMessage<'_>, names: &dyn Names) -> Keys {
        let mut wanted: BTreeSet<String> = message.dkim_headers.iter().map(|field| key_name(&field.header)).collect();
        if message.as_headers.len() <= MOST_SETS {
            wanted.extend(message.as_headers.iter().map(|field| key_name(&field.header)));
            wanted.extend(message.ams_headers.last().map(|field| key_name(&field.header)));
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        let found = names.texts_of_all(&wanted);
        Keys(wanted.into_iter().zip(found.into_iter().map(key)).collect())
    }

    /// Whether the key of a signature is too short or too long.
    pub fn is_weak(&self, signature: &impl VerifySignature) -> bool {
        matches!(self.0.get(&key_name(signature)), Some(Txt::DomainKey(key))
            if signature.algorithm() != Algorithm::Ed25519Sha256 && !BITS.contains(&key.p.public_key_bits()))
    }
}

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        // Q is str, which the bounds do not say: the one key that equals it is looked for
        let found = self.0.iter().find(|(key, _)| <Box<str> as Borrow<Q>>::borrow(&Box::from(format!("{key}."))) == name);
        Some(found.map_or_else(missing, |(_, key)| key.clone()))
    }

    fn remove<Q>(&self, _name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _name: Box<str>, _key: Txt, _until: std::time::Instant) {}
}

fn missing() -> Txt {
    Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)))
}

fn key_name(signature: &impl VerifySignature) -> String {
    format!("{}._domainkey.{}", signature.selector(), signature.domain()).to_lowercase()
}

/// The key among the texts of a name: the first that is one (RFC 6376 §3.6.2.2).
fn key(found: Found<Vec<u8>>) -> Txt {
    let texts = match found {
        Ok(texts) => texts,
        Err(trouble) => return Txt::Error(Error::Dns(DnsError::Resolver(trouble.0))),
    };
    let mut flaw = None;
    for text in texts {
        match DomainKey::parse(&text) {
            Ok(key) => return Txt::DomainKey(Arc::new(key)),
            Err(error) => flaw = Some(Txt::Error(error)),
        }
    }
    flaw.unwrap_or_else(missing)
}
