//! Packets on a stream: four bytes of length, a byte that says what it is, then its data.

use super::Malformed;

/// The largest packet that a filter may send, in bytes; libmilter sends 64 KiB at most.
pub const LARGEST: usize = 256 * 1024;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub code: u8,
    /// What it says.
    pub data: Vec<u8>,
}

/// Appends a packet.
pub fn push(out: &mut Vec<u8>, code: u8, parts: &[&[u8]]) {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    // Callers keep their parts far below 4 GiB.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    out.push(code);
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Takes the first packet out of what has come, if it is whole.
///
/// # Errors
/// When its length is none that a filter may send.
pub fn take(buffer: &mut Vec<u8>) -> Result<Option<Frame>, Malformed> {
    let Some((length, rest)) = buffer.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length == 0 || length > LARGEST {
        return Err(Malformed("a packet of a length that cannot be"));
    }
    let Some((code, data)) = rest.get(..length).and_then(<[u8]>::split_first) else { return Ok(None) };
    let frame = Frame { code: *code, data: data.to_vec() };
    buffer.drain(..4 + length);
    Ok(Some(frame))
}
