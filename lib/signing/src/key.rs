//! One private key: what it signs by, its signature, and the record for its public half.

use crate::{base64, der, pem};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use std::fmt;

/// What a key signs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// rsa-sha256 (RFC 6376 section 3.3.1).
    Rsa,
    /// ed25519-sha256 (RFC 8463).
    Ed25519,
}

/// A private key.
pub struct Key(Pair);

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl Algorithm {
    /// The word in `a=`.
    #[must_use]
    pub fn signs(self) -> &'static str {
        match self {
            Algorithm::Rsa => "rsa-sha256",
            Algorithm::Ed25519 => "ed25519-sha256",
        }
    }

    /// The word in a record's `k=`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Algorithm::Rsa => "rsa",
            Algorithm::Ed25519 => "ed25519",
        }
    }
}

impl Key {
    /// The key in PEM text: PKCS #8, or PKCS #1 for RSA.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn from_pem(text: &str) -> Result<Key, String> {
        let (kind, bytes) = pem::decode(text).ok_or("it is no PEM text")?;
        match kind {
            "PRIVATE KEY" => Key::from_pkcs8(&bytes),
            "RSA PRIVATE KEY" => {
                RsaKeyPair::from_der(&bytes).map(Key::rsa).map_err(|why| format!("it is no RSA key that can be used: {why}"))
            }
            _ => Err(format!("it holds a {}, not a PRIVATE KEY", kind.escape_default())),
        }
    }

    /// The key in PKCS #8 form (RFC 5958).
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Key, String> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes) {
            return Ok(Key(Pair::Ed25519(pair)));
        }
        RsaKeyPair::from_pkcs8(bytes)
            .map(Key::rsa)
            .map_err(|why| format!("it is neither an Ed25519 key nor an RSA key of 2048 bits or more: {why}"))
    }

    /// The PKCS #8 form of an Ed25519 key from 32 random bytes.
    #[must_use]
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Vec<u8> {
        der::ed25519_private(seed)
    }

    fn rsa(pair: RsaKeyPair) -> Key {
        Key(Pair::Rsa(Box::new(pair)))
    }

    /// What it signs by.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Pair::Rsa(_) => Algorithm::Rsa,
            Pair::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The signature of a text, in base64.
    ///
    /// # Errors
    /// When the library cannot sign, which needs random bytes for RSA.
    pub(crate) fn sign(&self, text: &[u8]) -> Result<String, String> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
                signed.map_err(|_| "the key cannot sign")?;
                Ok(base64::encode(&signature))
            }
            // RFC 8463 section 3: what is signed is the hash
            Pair::Ed25519(pair) => {
                let hash = ring::digest::digest(&ring::digest::SHA256, text);
                Ok(base64::encode(pair.sign(hash.as_ref()).as_ref()))
            }
        }
    }

    /// The public half as DKIM publishes it, in base64: `p=` of the record.
    #[must_use]
    pub fn public(&self) -> String {
        match &self.0 {
            Pair::Rsa(pair) => base64::encode(&der::rsa_public(pair.public_key().as_ref())),
            Pair::Ed25519(pair) => base64::encode(pair.public_key().as_ref()),
        }
    }

    /// The text of the record (RFC 6376 section 3.6.1).
    #[must_use]
    pub fn record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.algorithm().word(), self.public())
    }
}

/// Nothing of the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.algorithm().word())
    }
}
