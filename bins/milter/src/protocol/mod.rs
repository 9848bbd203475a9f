//! The milter protocol, version 6, seen from the mail server: bytes in, values out, no I/O.
//!
//! What it does: frames packets, writes commands, reads what a filter answers. The protocol is Sendmail's; its numbers
//! are those of libmilter's mfdef.h, its behaviour where that file is silent is Postfix's.
//!
//! Security stance: a filter is hostile. Every packet is bounded, every part of it is checked before use, an answer that
//! was not agreed upon is a fault of the filter.
//!
//! How it fails: with [`Malformed`], after which nothing more is read from that filter.

pub mod command;
pub mod frame;
pub mod options;
pub mod reply;
pub mod response;

#[cfg(test)]
mod tests;

use std::fmt;

/// What a filter said is not the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "it does not keep to the protocol: {}", self.0)
    }
}

/// Splits the bytes up to a NUL off, with what is behind it.
fn text(data: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = data.iter().position(|byte| *byte == 0).ok_or(Malformed("a text without its end"))?;
    let (text, rest) = data.split_at(end);
    Ok((text, rest.get(1..).unwrap_or_default()))
}

/// Splits a number of four bytes off, the highest first.
fn number(data: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let (bytes, rest) = data.split_first_chunk::<4>().ok_or(Malformed("a number without its end"))?;
    Ok((u32::from_be_bytes(*bytes), rest))
}
