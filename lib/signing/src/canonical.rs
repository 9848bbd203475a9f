//! The canonical forms that are hashed and signed (RFC 6376 section 3.4, "relaxed" for header and body).

use ring::digest::{Context, SHA256};

/// Canonical bytes that are hashed at once.
const PIECE: usize = 8 * 1024;

/// A header field as it is signed, its line end included.
pub(crate) fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + value.len() + 3);
    out.extend(name.trim_ascii().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The hash of a body, of which bytes come as they are read.
pub(crate) struct Body {
    hash: Context,
    ready: Vec<u8>,
    /// Line ends that count only if something follows.
    ends: usize,
    /// Blank space that counts only if its line goes on.
    blank: bool,
    empty: bool,
}

impl Body {
    pub(crate) fn new() -> Body {
        Body { hash: Context::new(&SHA256), ready: Vec::with_capacity(PIECE), ends: 0, blank: false, empty: true }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\r' => {}
                b'\n' => {
                    self.blank = false;
                    self.ends += 1;
                }
                b' ' | b'\t' => self.blank = true,
                byte => self.put(*byte),
            }
        }
    }

    /// The SHA-256 hash.
    pub(crate) fn finish(mut self) -> [u8; 32] {
        // an empty body has no line end, any other ends with one
        if !self.empty {
            self.ready.extend_from_slice(b"\r\n");
        }
        self.hash.update(&self.ready);
        let mut hash = [0; 32];
        hash.iter_mut().zip(self.hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }

    fn put(&mut self, byte: u8) {
        self.empty = false;
        while self.ends > 0 {
            self.ends -= 1;
            self.ready.extend_from_slice(b"\r\n");
            self.hash_full();
        }
        if std::mem::take(&mut self.blank) {
            self.ready.push(b' ');
        }
        self.ready.push(byte);
        self.hash_full();
    }

    fn hash_full(&mut self) {
        if self.ready.len() >= PIECE {
            self.hash.update(&self.ready);
            self.ready.clear();
        }
    }
}
