//! The guard at the queue's door: every line ends with CRLF and holds no other CR or LF.
//!
//! What passes here can be sent by SMTP without another look, and no server behind us can be made
//! to see a line end, or an end of data, that we did not see (SMTP smuggling).

/// Watches the bytes of one message go by, in pieces of any size.
#[derive(Clone, Copy, Debug, Default)]
pub struct StrictLines {
    after_cr: bool,
    in_line: bool,
    broken: bool,
}

impl StrictLines {
    /// Looks at the next piece.
    pub fn look(&mut self, piece: &[u8]) {
        let Some(last) = piece.last() else { return };
        if self.after_cr && piece.first() != Some(&b'\n') {
            self.broken = true;
        }
        for at in memchr::memchr2_iter(b'\r', b'\n', piece) {
            let good = match piece.get(at) {
                Some(b'\r') => piece.get(at + 1).is_none_or(|next| *next == b'\n'),
                _ => at.checked_sub(1).map_or(self.after_cr, |before| piece.get(before) == Some(&b'\r')),
            };
            self.broken |= !good;
        }
        self.after_cr = *last == b'\r';
        self.in_line = *last != b'\n';
    }

    /// Whether all that went by is lines that end with CRLF; nothing at all is fine.
    pub fn are_whole(self) -> bool {
        !self.broken && !self.in_line
    }
}
