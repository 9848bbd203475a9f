//! SipHash-2-4 (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012): 64 bits that nobody can steer without the key.
//!
//! Kept on disk as keys of triplets, so it must be the same in every version; the hasher of the standard library may change.

/// The key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret(pub u64, pub u64);

struct State([u64; 4]);

/// The hash of these parts, each ended by a NUL byte.
pub fn hash(secret: Secret, parts: &[&[u8]]) -> u64 {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        bytes.extend_from_slice(part);
        bytes.push(0);
    }
    of(secret, &bytes)
}

fn of(Secret(first, second): Secret, bytes: &[u8]) -> u64 {
    let mut state = State([
        first ^ 0x736f_6d65_7073_6575,
        second ^ 0x646f_7261_6e64_6f6d,
        first ^ 0x6c79_6765_6e65_7261,
        second ^ 0x7465_6462_7974_6573,
    ]);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        state.take(little(word));
    }
    state.take(little(words.remainder()) | (bytes.len() as u64) << 56);
    state.0[2] ^= 0xff;
    (0..4).for_each(|_| state.round());
    state.0.iter().fold(0, |all, word| all ^ word)
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl State {
    fn take(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn round(&mut self) {
        let [a, b, c, d] = &mut self.0;
        *a = a.wrapping_add(*b);
        *b = b.rotate_left(13) ^ *a;
        *a = a.rotate_left(32);
        *c = c.wrapping_add(*d);
        *d = d.rotate_left(16) ^ *c;
        *a = a.wrapping_add(*d);
        *d = d.rotate_left(21) ^ *a;
        *c = c.wrapping_add(*b);
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }
}

#[cfg(test)]
#[path = "siphash_test.rs"]
mod siphash_test;
