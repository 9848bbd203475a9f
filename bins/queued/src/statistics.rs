//! What was done since the start: counted for whoever asks with `S`.
//!
//! Security stance: numbers alone, no word of a caller or a message. Cost: a few relaxed additions
//! for each message, and two looks at the clock around its sync. Known limits: the numbers
//! are read one after the other, so those of a message that is just being counted may be there in part.

use stafett_queue_store::Committed;
use stafett_wire::injector::Answer;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper ends of the classes of sync times, in microseconds; what is above is in the total alone.
pub const BOUNDS: [u64; 10] = [500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// Why messages are refused, by the beginning of what the caller is told; the first that fits.
const REASONS: [(&str, &str); 6] =
    [("full", "452 "), ("callers", "451 4.3.2"), ("write", "451 "), ("large", "552 "), ("protocol", "554 5.3.0"), ("content", "554 ")];

/// The counters.
#[derive(Debug, Default)]
pub struct Statistics {
    accepted: AtomicU64,
    bytes: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
    syncs: AtomicU64,
    sync_micros: AtomicU64,
    sync_classes: [AtomicU64; BOUNDS.len()],
}

impl Statistics {
    /// A message is on disk.
    pub fn accept(&self, message: &Committed) {
        add(&self.accepted, 1);
        add(&self.bytes, message.size);
        self.sync(message.sync_time);
    }

    /// A caller was told no.
    pub fn refuse(&self, answer: &Answer) {
        let (Answer::Temporary(text) | Answer::Permanent(text)) = answer else { return };
        let fitting = REASONS.iter().zip(&self.refused).find(|((_, start), _)| text.starts_with(start));
        if let Some((_, counter)) = fitting {
            add(counter, 1);
        }
    }

    fn sync(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        add(&self.syncs, 1);
        add(&self.sync_micros, micros);
        if let Some((_, counter)) = BOUNDS.iter().zip(&self.sync_classes).find(|(bound, _)| micros <= **bound) {
            add(counter, 1);
        }
    }

    /// Names and numbers, all divided by blanks. A class of sync times counts what is in it
    /// alone, not what is in smaller ones.
    pub fn text(&self) -> String {
        let mut text = format!("accepted {} bytes {}", read(&self.accepted), read(&self.bytes));
        for ((name, _), counter) in REASONS.iter().zip(&self.refused) {
            let _ = write!(text, " refused_{name} {}", read(counter));
        }
        let _ = write!(text, " fsync_count {} fsync_micros {}", read(&self.syncs), read(&self.sync_micros));
        for (bound, counter) in BOUNDS.iter().zip(&self.sync_classes) {
            let _ = write!(text, " fsync_to_{bound} {}", read(counter));
        }
        text
    }
}

fn add(counter: &AtomicU64, value: u64) {
    counter.fetch_add(value, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
