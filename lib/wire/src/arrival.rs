//! What queued tells send: a message has come, with its envelope, so that send reads no file.
//!
//! Each is one packet: `A`, the queue id, blank, the size in bytes, LF, the
//! envelope's text; or `S` alone: look at queue/new again, because a message could not be told.

use crate::Malformed;
use crate::netstring::number;

/// The largest arrival that is told with its envelope; a larger one is told as [`Arrival::Scan`].
pub const LARGEST_ARRIVAL: usize = 64 * 1024;

/// One thing that queued tells send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// A message lies in queue/new.
    Message {
        /// Its queue id.
        id: u64,
        /// The bytes of the message.
        size: u64,
        /// The text form of its envelope.
        envelope: &'a [u8],
    },
    /// Messages may lie in queue/new that were not told.
    Scan,
}

impl Arrival<'_> {
    /// The bytes of the packet.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Arrival::Scan => b"S".to_vec(),
            Arrival::Message { id, size, envelope } => {
                let mut out = format!("A{id} {size}\n").into_bytes();
                out.extend_from_slice(envelope);
                out
            }
        }
    }

    /// Reads what [`Arrival::encode`] wrote.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(bytes: &[u8]) -> Result<Arrival<'_>, Malformed> {
        match bytes.split_first() {
            Some((b'S', [])) => Ok(Arrival::Scan),
            Some((b'A', rest)) => parse_message(rest),
            _ => Err(Malformed("an unknown arrival")),
        }
    }
}

fn parse_message(bytes: &[u8]) -> Result<Arrival<'_>, Malformed> {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (first, envelope) = (parts.next().unwrap_or_default(), parts.next().ok_or(Malformed("an arrival without envelope"))?);
    let mut words = first.splitn(2, |byte| *byte == b' ');
    let id = number(words.next().unwrap_or_default())?;
    let size = number(words.next().unwrap_or_default())?;
    Ok(Arrival::Message { id, size, envelope })
}
