//! Line ends of a message as programs write it: LF, CRLF, and a CR alone, with which they write over a line on a terminal.
//!
//! No mail may hold a CR without LF (RFC 5321 section 2.3.8), and stafett-queue refuses one. What cron runs prints such lines, and its
//! report must not be lost: they become lines of their own.

use std::io::{self, Read};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// A body whose lines all end in LF.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    after_cr: bool,
    ready: Vec<u8>,
    taken: usize,
    is_over: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of what `input` holds.
    pub fn of(input: R) -> Lines<R> {
        Lines { input, after_cr: false, ready: Vec::new(), taken: 0, is_over: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut space = vec![0; CHUNK];
        let length = self.input.read(&mut space)?;
        (self.taken, self.is_over) = (0, length == 0);
        self.ready.clear();
        convert(space.get(..length).unwrap_or_default(), &mut self.after_cr, &mut self.ready);
        if self.is_over && self.after_cr {
            self.ready.push(b'\n');
        }
        Ok(())
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() && !self.is_over {
            self.fill()?;
        }
        let length = self.ready.get(self.taken..).unwrap_or_default().read(out)?;
        self.taken += length;
        Ok(length)
    }
}

/// Appends `piece` to `out`: CRs and the LF behind them are one line end, and so are CRs that something else follows.
pub fn convert(piece: &[u8], after_cr: &mut bool, out: &mut Vec<u8>) {
    if !*after_cr && !piece.contains(&b'\r') {
        return out.extend_from_slice(piece);
    }
    for &byte in piece {
        match byte {
            b'\r' => *after_cr = true,
            byte => {
                if std::mem::take(after_cr) && byte != b'\n' {
                    out.push(b'\n');
                }
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
#[path = "lines_test.rs"]
mod lines_test;
