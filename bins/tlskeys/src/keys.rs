//! The keys and the two questions about them.

use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::SigningKey;
use stafett_ask::{Answer, Question, Service, Verdict};
use stafett_certificates::{Stamp, Store};
use stafett_log::{Log, safe};
use std::collections::HashMap;
use std::sync::Arc;

/// What may be signed at most, in bytes: RFC 8446 §4.4.3 has 64 + 34 + a hash, TLS 1.2 two randoms and parameters.
const LONGEST: usize = 1024;

/// Every scheme that TLS 1.2 and 1.3 of our library know, the best first.
const SCHEMES: [SignatureScheme; 9] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// All keys.
#[derive(Debug)]
pub struct Keys {
    log: Log,
    store: Store,
    loaded: HashMap<String, Loaded>,
}

#[derive(Debug)]
struct Loaded {
    /// That of the file when it was last read, whether it could be used or not.
    stamp: Option<Stamp>,
    key: Option<Arc<dyn SigningKey>>,
    /// The one before, whose certificate stafett-tls may still have in force.
    before: Option<Arc<dyn SigningKey>>,
}

impl Keys {
    /// None are loaded yet.
    pub fn new(log: Log, store: Store) -> Keys {
        Keys { log, store, loaded: HashMap::new() }
    }

    /// Reads all keys that are there, so that faults are told before anybody asks.
    pub fn load_all(&mut self) {
        match self.store.names() {
            Ok(names) => names.iter().for_each(|name| drop(self.key(name))),
            Err(reason) => self.log.error(reason),
        }
    }

    /// The key of a name, read again when its file has changed.
    fn key(&mut self, name: &str) -> Option<Arc<dyn SigningKey>> {
        let stamp = Stamp::of(&self.store.key(name));
        let known = self.loaded.get(name);
        if known.is_none_or(|loaded| loaded.stamp != stamp) {
            let (last, older) = known.map_or((None, None), |loaded| (loaded.key.clone(), loaded.before.clone()));
            let (key, before) = match self.read(name) {
                Ok(key) if last.as_ref().is_some_and(|last| last.public_key() == key.public_key()) => (Some(key), older),
                Ok(key) => (Some(key), last),
                Err(reason) => {
                    let kept = if last.is_some() { " (the last good copy stays in force)" } else { "" };
                    self.log.error(format_args!("{}{kept}", safe(reason.as_bytes())));
                    (last, older)
                }
            };
            self.loaded.insert(name.to_owned(), Loaded { stamp, key, before });
        }
        self.loaded.get(name).and_then(|loaded| loaded.key.clone())
    }

    /// The key of a name that has this public half, `now` or the one before.
    fn with_public(&self, name: &str, now: Arc<dyn SigningKey>, public: &[u8]) -> Option<Arc<dyn SigningKey>> {
        let before = self.loaded.get(name).and_then(|loaded| loaded.before.clone());
        [Some(now), before].into_iter().flatten().find(|key| key.public_key().is_some_and(|own| own.as_ref() == public))
    }

    fn read(&self, name: &str) -> Result<Arc<dyn SigningKey>, String> {
        let der = self.store.private_key(name)?;
        any_supported_type(&der).map_err(|error| format!("unable to use {}: {error}", self.store.key(name).display()))
    }

    fn answer(&mut self, question: &Question) -> Result<Answer, String> {
        let name = question.text(1).ok_or("a question without a name")?;
        if !self.store.has(name) {
            return Err("there is no such name".to_owned());
        }
        let key = self.key(name).ok_or("the key of that name cannot be used")?;
        match question.verb() {
            "public" => {
                let public = key.public_key().ok_or("the key does not tell its public half")?;
                let schemes = SCHEMES.iter().filter(|scheme| key.choose_scheme(&[**scheme]).is_some());
                let answer = Answer::new(Verdict::Ok, "").with(public.as_ref());
                Ok(schemes.fold(answer, |answer, scheme| answer.with(u16::from(*scheme).to_string())))
            }
            "sign" => {
                let scheme = question.text(2).and_then(|text| text.parse::<u16>().ok()).ok_or("a question without a scheme")?;
                let text = question.fields.get(3).filter(|text| text.len() <= LONGEST).ok_or("nothing that could be signed")?;
                let key = match question.fields.get(4) {
                    Some(public) => self.with_public(name, key, public).ok_or("the key of that certificate is not there any more")?,
                    None => key,
                };
                let signer = key.choose_scheme(&[SignatureScheme::from(scheme)]).ok_or("the key cannot sign by that scheme")?;
                let signature = signer.sign(text).map_err(|error| format!("unable to sign: {error}"))?;
                Ok(Answer::new(Verdict::Ok, "").with(signature))
            }
            _ => Err("an unknown question".to_owned()),
        }
    }
}

impl Service for Keys {
    /// Files are looked at when they are asked for.
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, question: Question) {
        let answer = self.answer(&question).unwrap_or_else(|reason| {
            self.log.error(format_args!("no answer for {}: {}", safe(question.verb().as_bytes()), safe(reason.as_bytes())));
            Answer::new(Verdict::Temporary, reason)
        });
        question.answer(&answer);
    }
}
