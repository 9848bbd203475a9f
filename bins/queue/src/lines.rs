//! From the line ends of programs (LF) to those of mail (CRLF).
//!
//! A CR that stands before no LF is refused: the next server may take it for a line end, and then
//! for an end of the message that we did not see.

use crate::failure::Failure;

/// The state between two pieces of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines {
    after_cr: bool,
    in_line: bool,
}

impl Lines {
    /// Appends `piece` to `out`, each LF alone as CRLF.
    pub fn take(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { return Ok(()) };
        if self.after_cr && *first != b'\n' {
            return Err(bare_cr());
        }
        let mut done = 0;
        for at in memchr::memchr2_iter(b'\r', b'\n', piece) {
            if piece.get(at) == Some(&b'\r') {
                if piece.get(at + 1).is_some_and(|next| *next != b'\n') {
                    return Err(bare_cr());
                }
            } else if !at.checked_sub(1).map_or(self.after_cr, |before| piece.get(before) == Some(&b'\r')) {
                out.extend_from_slice(piece.get(done..at).unwrap_or_default());
                out.push(b'\r');
                done = at;
            }
        }
        out.extend_from_slice(piece.get(done..).unwrap_or_default());
        self.after_cr = *last == b'\r';
        self.in_line = *last != b'\n';
        Ok(())
    }

    /// Ends the message: a last line without its end gets one.
    pub fn end(self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.after_cr {
            return Err(bare_cr());
        }
        if self.in_line {
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

fn bare_cr() -> Failure {
    Failure::refused("554 5.6.0 the message holds a CR without LF")
}

#[cfg(test)]
#[path = "lines_test.rs"]
mod lines_test;
