//! Counts the stations that a message has passed: Received and Delivered-To lines in its header.
//!
//! A message that has seen too many of them runs in a circle and is refused (RFC 5321 §6.3). The header is looked at as it
//! streams by; a few bytes of the current line are all that is kept.

/// Enough of a line to know the two field names.
const KEPT: usize = DELIVERED.len();
const RECEIVED: &[u8] = b"received:";
const DELIVERED: &[u8] = b"delivered-to:";

/// Counts while the message streams by.
#[derive(Debug, Default)]
pub struct HopCounter {
    /// The first bytes of the current line.
    start: [u8; KEPT],
    filled: usize,
    body: bool,
    hops: u32,
}

impl HopCounter {
    /// For a message whose first byte comes next.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes of the decoded message.
    pub fn feed(&mut self, input: &[u8]) {
        let mut rest = input;
        while !self.body && !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (line, after) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            self.collect(line);
            if end.is_some() {
                self.end_line();
            }
            rest = after;
        }
    }

    /// How many stations have been counted.
    pub fn hops(&self) -> u32 {
        self.hops
    }

    fn collect(&mut self, bytes: &[u8]) {
        let room = self.start.iter_mut().skip(self.filled);
        let copied = room.zip(bytes).map(|(slot, byte)| *slot = byte.to_ascii_lowercase()).count();
        self.filled += copied;
    }

    fn end_line(&mut self) {
        let line = self.start.get(..self.filled).unwrap_or_default();
        self.body = matches!(line, b"\r\n" | b"\n");
        self.hops += u32::from(line.starts_with(RECEIVED) || line.starts_with(DELIVERED));
        self.filled = 0;
    }
}
