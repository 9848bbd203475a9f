//! What the processes say to each other.
//!
//! What: netstrings, and on them the injector's conversation with queued, the arrivals that queued
//! tells send, the orders and reports between send and remote. Everything is text, tagged and
//! terminated, so that nothing is quoted or parsed twice.
//! Security stance: each side takes the other for hostile: sizes are capped, ids checked, and what
//! does not parse is an error value, never a panic.
//! How it fails: [`Malformed`] for bytes, `std::io::Error` for sockets.
//! Known limits: a packet is at most [`LARGEST_PACKET`] bytes.

pub mod arrival;
pub mod delivery;
mod destination;
pub mod exitcode;
pub mod injector;
pub mod netstring;
pub mod question;

pub use netstring::Malformed;

/// The largest packet on a socket that keeps packet borders, in bytes.
pub const LARGEST_PACKET: usize = 160 * 1024;

/// The answer of a service, with a text behind it (as everywhere in qmail: K, Z, D).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Ok,
    /// Not now.
    Temporary,
    /// Never.
    Permanent,
}

impl Verdict {
    /// The letter on the wire and in the queue file.
    pub fn letter(self) -> u8 {
        match self {
            Verdict::Ok => b'K',
            Verdict::Temporary => b'Z',
            Verdict::Permanent => b'D',
        }
    }

    /// The verdict of a letter.
    pub fn from_letter(letter: u8) -> Option<Verdict> {
        match letter {
            b'K' => Some(Verdict::Ok),
            b'Z' => Some(Verdict::Temporary),
            b'D' => Some(Verdict::Permanent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
