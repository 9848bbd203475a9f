//! One message to be signed or sealed: what has been found out, and the work that takes time.

use crate::LOG;
use stafett_ask::{Answer, Verdict};
use stafett_log::safe;
use stafett_signing::{Content, Fault, Key, Signer, arc, dkim};
use std::fs::File;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is to be made.
pub enum Kind {
    /// A signature by each key.
    Sign,
    /// A seal, of results in this name.
    Seal(String),
}

/// A key and where its public half is.
pub struct Named {
    /// The domain.
    pub domain: String,
    /// The selector.
    pub selector: String,
    /// The key.
    pub key: Arc<Key>,
}

/// The work.
pub struct Task {
    /// What is to be made.
    pub kind: Kind,
    /// By whom.
    pub keys: Vec<Named>,
    /// Of what.
    pub content: Content,
    /// The message.
    pub file: File,
}

impl Task {
    /// Does it.
    pub fn run(mut self) -> Answer {
        if let Err(fault) = self.content.hash_body(&self.file) {
            return refused(&fault);
        }
        let time = now();
        let mut lines = Vec::new();
        for Named { domain, selector, key } in &self.keys {
            let signer = Signer { domain, selector, key, time };
            let made = match &self.kind {
                Kind::Sign => dkim::sign(&self.content, &signer),
                Kind::Seal(ours) => arc::seal(&self.content, &signer, ours),
            };
            match made {
                Ok(made) => lines.extend(made),
                Err(reason) => return later(&format!("unable to sign for {domain} with {selector}: {reason}")),
            }
        }
        let names: Vec<String> = self.keys.iter().map(|named| format!("{}/{}", named.domain, named.selector)).collect();
        lines.into_iter().fold(Answer::new(Verdict::Ok, names.join(" ")), Answer::with)
    }
}

/// The answer about a message that cannot be signed.
pub fn refused(fault: &Fault) -> Answer {
    match fault {
        Fault::Never(reason) => Answer::new(Verdict::Permanent, *reason),
        Fault::Now(_) => later(&fault.to_string()),
    }
}

/// The answer where something must be mended first.
pub fn later(reason: &str) -> Answer {
    LOG.error(safe(reason.as_bytes()));
    Answer::new(Verdict::Temporary, reason)
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
