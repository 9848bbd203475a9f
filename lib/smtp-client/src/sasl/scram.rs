//! SCRAM-SHA-256 without channel binding (RFC 5802 §5, RFC 7677), the client's side.
//!
//! Security stance: a server that offers few iterations would let whoever listens guess the password, one that asks for
//! very many would make us compute for it: both are refused. Its signature is compared in constant time.

use std::num::NonZeroU32;

use base64ct::{Base64, Encoding};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};

use super::Fault;

/// RFC 7677 §4 asks for this many at least.
const LEAST_ITERATIONS: u32 = 4096;
/// About a second of computing.
const MOST_ITERATIONS: u32 = 1_000_000;
/// What says that there is no channel binding.
const HEADER: &str = "n,,";
/// Characters of a nonce's base64; 18 bytes need no padding.
const NONCE_BYTES: usize = 18;

/// Where a login stands.
pub struct Scram {
    user: String,
    password: String,
    nonce: String,
    stage: Stage,
}

enum Stage {
    /// The first message did not fit into the command; an empty challenge asks for it.
    Asked(Vec<u8>),
    /// The server has our first message.
    Begun,
    /// The server has our proof and owes this signature.
    Proved(hmac::Key, Vec<u8>),
    /// It has given it.
    Done,
    /// It has broken the rules, and is not believed any more.
    Broken,
}

/// What nobody can foresee, in printable characters.
pub fn nonce() -> Result<String, Fault> {
    let mut bytes = [0; NONCE_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::Random)?;
    Ok(Base64::encode_string(&bytes))
}

impl Scram {
    /// The state and the first message.
    pub fn begin(user: &str, password: &str, nonce: &str) -> (Scram, Vec<u8>) {
        let scram = Scram { user: escaped(user), password: password.to_owned(), nonce: nonce.to_owned(), stage: Stage::Begun };
        let first = format!("{HEADER}{}", scram.bare());
        (scram, first.into_bytes())
    }

    /// The same, with its first message still to be said.
    pub fn after(mut self, first: Vec<u8>) -> Scram {
        self.stage = Stage::Asked(first);
        self
    }

    /// The message for the server's.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Fault> {
        let text = std::str::from_utf8(challenge).map_err(|_| Fault::Server("its challenge is no text"))?;
        match std::mem::replace(&mut self.stage, Stage::Broken) {
            Stage::Asked(first) => {
                self.stage = Stage::Begun;
                Ok(first)
            }
            Stage::Begun => self.prove(text),
            // Why we are not let in stands in the reply after it too.
            refused @ Stage::Proved(..) if text.starts_with("e=") => {
                self.stage = refused;
                Ok(Vec::new())
            }
            Stage::Proved(key, spoken) => {
                verify(&key, &spoken, text)?;
                self.stage = Stage::Done;
                Ok(Vec::new())
            }
            Stage::Done | Stage::Broken => Err(Fault::Server("it goes on after its last word")),
        }
    }

    /// Whether the server has proved itself.
    pub fn finish(&self) -> Result<(), Fault> {
        if matches!(self.stage, Stage::Done) { Ok(()) } else { Err(Fault::Impostor) }
    }

    /// RFC 5802 §3: both proofs are made of all that was said.
    fn prove(&mut self, challenge: &str) -> Result<Vec<u8>, Fault> {
        let Challenge { nonce, salt, iterations } = Challenge::parse(challenge)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(Fault::Server("its nonce does not begin with ours"));
        }
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, self.password.as_bytes(), &mut salted);
        let last = format!("c={},r={nonce}", Base64::encode_string(HEADER.as_bytes()));
        let spoken = format!("{},{challenge},{last}", self.bare()).into_bytes();
        let client = signature(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client.as_ref());
        let proof: Vec<u8> = client.as_ref().iter().zip(signature(stored.as_ref(), &spoken).as_ref()).map(|(a, b)| a ^ b).collect();
        let server = hmac::Key::new(hmac::HMAC_SHA256, signature(&salted, b"Server Key").as_ref());
        self.stage = Stage::Proved(server, spoken);
        Ok(format!("{last},p={}", Base64::encode_string(&proof)).into_bytes())
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }
}

fn signature(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

/// `v=` and the signature.
fn verify(key: &hmac::Key, spoken: &[u8], text: &str) -> Result<(), Fault> {
    let first = text.split(',').next().unwrap_or_default();
    let signature = first.strip_prefix("v=").ok_or(Fault::Impostor)?;
    let signature = Base64::decode_vec(signature).map_err(|_| Fault::Impostor)?;
    hmac::verify(key, spoken, &signature).map_err(|_| Fault::Impostor)
}

/// The server's first message.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl Challenge<'_> {
    fn parse(text: &str) -> Result<Challenge<'_>, Fault> {
        let wrong = Fault::Server("its challenge is not one of SCRAM");
        let mut parts = text.split(',');
        // An extension that must be understood (m=) would stand in front.
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(wrong);
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        let iterations: u32 = iterations.parse().map_err(|_| wrong)?;
        if !(LEAST_ITERATIONS..=MOST_ITERATIONS).contains(&iterations) {
            return Err(Fault::Server("its number of iterations is not from 4096 to 1000000"));
        }
        let salt = Base64::decode_vec(salt).map_err(|_| wrong)?;
        Ok(Challenge { nonce, salt, iterations: NonZeroU32::new(iterations).ok_or(wrong)? })
    }
}

/// `=` and `,` have a meaning of their own (RFC 5802 §5.1).
fn escaped(user: &str) -> String {
    user.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
#[path = "scram_test.rs"]
mod scram_test;
