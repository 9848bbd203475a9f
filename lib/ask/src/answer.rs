//! What a service says.

use stafett_wire::netstring::{all, push};
use stafett_wire::{Malformed, Verdict};

/// The longest answer, in bytes.
pub(crate) const LONGEST: usize = 32 * 1024;

/// Fields of a packet at most.
pub(crate) const MOST_FIELDS: usize = 4096;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Yes, not now, never; what that means is the question's matter.
    pub verdict: Verdict,
    /// A text for people.
    pub text: String,
    /// What else there is to say.
    pub fields: Vec<Vec<u8>>,
}

impl Answer {
    /// An answer with a text alone.
    pub fn new(verdict: Verdict, text: impl Into<String>) -> Answer {
        Answer { verdict, text: text.into(), fields: Vec::new() }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, field: impl Into<Vec<u8>>) -> Answer {
        self.fields.push(field.into());
        self
    }

    /// A field as text, what is no UTF-8 replaced; nothing when there are fewer.
    pub fn field(&self, index: usize) -> Option<String> {
        self.fields.get(index).map(|field| String::from_utf8_lossy(field).into_owned())
    }

    /// Whether it has more fields than a packet may have.
    pub(crate) fn is_too_much(&self) -> bool {
        self.fields.len() + 2 > MOST_FIELDS
    }

    /// Its packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.text.len());
        push(&mut out, &[self.verdict.letter()]);
        push(&mut out, self.text.as_bytes());
        self.fields.iter().for_each(|field| push(&mut out, field));
        out
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn parse(packet: &[u8]) -> Result<Answer, Malformed> {
        let parts = all(packet, MOST_FIELDS)?;
        let [letter, text, fields @ ..] = &parts[..] else { return Err(Malformed("not an answer")) };
        let verdict = letter.first().filter(|_| letter.len() == 1).and_then(|letter| Verdict::from_letter(*letter));
        Ok(Answer {
            verdict: verdict.ok_or(Malformed("an answer that is neither K, Z nor D"))?,
            text: String::from_utf8_lossy(text).into_owned(),
            fields: fields.iter().map(|field| field.to_vec()).collect(),
        })
    }
}
