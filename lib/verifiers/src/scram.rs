//! What a server keeps for SCRAM-SHA-256 (RFC 5802 §3): `$scram-sha-256$i=ITERATIONS$SALT$STOREDKEY$SERVERKEY`.

use crate::{bare, from_bare, random};
use ring::{hmac, pbkdf2};
use std::fmt;
use std::num::NonZeroU32;
use subtle::ConstantTimeEq;

/// Work that a client has with each log-in, and whoever tries passwords with each of them.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(100_000) {
    Some(number) => number,
    None => NonZeroU32::MIN,
};
/// The least that RFC 7677 §4 allows, and what no client should be asked to do.
const FEWEST: u32 = 4096;
const MOST: u32 = 10_000_000;
const SALT: usize = 16;

/// A key or hash of SHA-256.
pub type Key = [u8; 32];

/// A verifier for proofs.
#[derive(Clone, PartialEq, Eq)]
pub struct Scram {
    /// How often a client hashes.
    pub iterations: NonZeroU32,
    /// What a client hashes with the password.
    pub salt: Vec<u8>,
    stored: Key,
    server: Key,
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scram")
    }
}

impl Scram {
    /// That of a password.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn of(password: &str) -> Result<Scram, String> {
        Ok(Scram::with(password, random::<SALT>()?.to_vec(), ITERATIONS))
    }

    /// That of a password with this salt.
    pub fn with(password: &str, salt: Vec<u8>, iterations: NonZeroU32) -> Scram {
        let mut salted = Key::default();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password.as_bytes(), &mut salted);
        Scram { iterations, salt, stored: digest(&mac(&salted, b"Client Key")), server: mac(&salted, b"Server Key") }
    }

    /// One that no proof fits, with a salt that is always the same for a name: whoever asks cannot tell that there is no
    /// such account. Rounds and length of the salt are those of `like`.
    pub fn of_nobody(secret: &[u8], name: &str, like: Option<&Scram>) -> Scram {
        let (iterations, length) = like.map_or((ITERATIONS, SALT), |like| (like.iterations, like.salt.len()));
        let mut salt = mac(secret, name.as_bytes()).to_vec();
        while salt.len() < length {
            salt.extend_from_slice(&mac(secret, &salt));
        }
        salt.truncate(length);
        Scram { iterations, salt, stored: Key::default(), server: Key::default() }
    }

    /// What of it a client sees before it proves anything: the rounds, and the length of the salt.
    pub fn cost(&self) -> (u32, usize) {
        (self.iterations.get(), self.salt.len())
    }

    /// Reads what stands behind `$scram-sha-256$`.
    pub(crate) fn parse(text: &str) -> Result<Scram, String> {
        let wrong = || "a verifier of SCRAM-SHA-256 is damaged; set the password anew with stafett-passwd".to_owned();
        let parts: Vec<&str> = text.split('$').collect();
        let [iterations, salt, stored, server] = parts[..] else { return Err(wrong()) };
        let iterations = iterations.strip_prefix("i=").and_then(|number| number.parse::<u32>().ok());
        let iterations = iterations.filter(|number| (FEWEST..=MOST).contains(number)).and_then(NonZeroU32::new).ok_or_else(wrong)?;
        let salt = from_bare(salt).filter(|salt| (8..=64).contains(&salt.len())).ok_or_else(wrong)?;
        let key = |text: &str| from_bare(text).and_then(|bytes| Key::try_from(bytes).ok()).ok_or_else(wrong);
        Ok(Scram { iterations, salt, stored: key(stored)?, server: key(server)? })
    }

    /// Whether a proof is that of whoever knows the password, for these messages (RFC 5802 §3).
    pub fn proves(&self, proof: &[u8], messages: &[u8]) -> bool {
        let signature = mac(&self.stored, messages);
        let Ok(proof) = Key::try_from(proof) else { return false };
        let mut client = signature;
        client.iter_mut().zip(proof).for_each(|(byte, other)| *byte ^= other);
        same(&digest(&client), &self.stored)
    }

    /// Whether a password that came in the clear is the one.
    pub fn fits(&self, password: &str) -> bool {
        let other = Scram::with(password, self.salt.clone(), self.iterations);
        same(&other.stored, &self.stored)
    }

    /// What shows the client that we know the verifier.
    pub fn signature(&self, messages: &[u8]) -> Key {
        mac(&self.server, messages)
    }
}

impl fmt::Display for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scram { iterations, salt, stored, server } = self;
        write!(f, "$scram-sha-256$i={iterations}${}${}${}", bare(salt), bare(stored), bare(server))
    }
}

/// HMAC-SHA-256.
pub fn mac(key: &[u8], message: &[u8]) -> Key {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    Key::try_from(tag.as_ref()).unwrap_or_default()
}

/// SHA-256.
pub fn digest(bytes: &[u8]) -> Key {
    Key::try_from(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref()).unwrap_or_default()
}

/// Compares in a time that depends on the lengths alone.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
