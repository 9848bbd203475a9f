//! What an exchange has come to, kept by whoever asks: sealed, so that only we can have made it, and not for long.
//!
//! Security stance: the key is as old as the process. What is sealed is no secret, smtpd has seen all of it.

use stafett_verifiers::{Key, mac, random};
use stafett_wire::netstring::{all, push};
use std::time::{Duration, Instant};

/// How long a client may take for its next message.
const LIFE: Duration = Duration::from_secs(300);
const MOST_FIELDS: usize = 16;

/// Seals and opens.
#[derive(Debug)]
pub struct Seal {
    key: Key,
    begin: Instant,
}

impl Seal {
    /// With a key of its own.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> Result<Seal, String> {
        Ok(Seal { key: random()?, begin: Instant::now() })
    }

    /// Seals fields.
    pub fn close(&self, fields: &[&[u8]], now: Instant) -> Vec<u8> {
        let mut body = Vec::new();
        push(&mut body, now.duration_since(self.begin).as_secs().to_string().as_bytes());
        fields.iter().for_each(|field| push(&mut body, field));
        let mut sealed = mac(&self.key, &body).to_vec();
        sealed.extend_from_slice(&body);
        sealed
    }

    /// The fields; nothing where we have not sealed them, or too long ago.
    pub fn open<'a>(&self, sealed: &'a [u8], now: Instant) -> Option<Vec<&'a [u8]>> {
        let (tag, body) = sealed.split_at_checked(size_of::<Key>())?;
        if !stafett_verifiers::same(&mac(&self.key, body), tag) {
            return None;
        }
        let mut fields = all(body, MOST_FIELDS).ok()?;
        let made: u64 = std::str::from_utf8(fields.first()?).ok()?.parse().ok()?;
        let age = now.duration_since(self.begin).checked_sub(Duration::from_secs(made))?;
        fields.remove(0);
        (age <= LIFE).then_some(fields)
    }
}

#[cfg(test)]
#[path = "seal_test.rs"]
mod seal_test;
