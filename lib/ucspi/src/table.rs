//! A compiled rules file in memory: checked whole, then asked.
//!
//! It is read, not mapped: the rules must stay in force when somebody truncates or overwrites the
//! file in place, which would take a mapping away under our feet. The format is djb's cdb: 256
//! pairs (position, slots) of hash tables, records, then the tables with pairs (hash, position);
//! all numbers are 32 bits, little-endian.
//! Security stance: no position is followed before it was checked, and none can end the process.

use crate::instructions::Instructions;

/// The bytes of a cdb whose every value is a rule's instructions.
pub(crate) struct Table {
    bytes: Vec<u8>,
}

pub(crate) const NOT_A_RULE: &str = "a record is not a rule";
const CUT: &str = "the file is cut short or not a cdb";
const HEADER_PAIRS: usize = 256;

impl Table {
    /// Follows every pointer once: header, hash tables, records.
    pub(crate) fn new(bytes: Vec<u8>) -> Result<Table, &'static str> {
        let table = Table { bytes };
        for index in 0..HEADER_PAIRS {
            let (start, slots) = table.pair(index * 8)?;
            // Every maker puts a table behind the header, an empty one as well: zeros are what a crash has left of it.
            if start < HEADER_PAIRS * 8 || slots.saturating_mul(8).saturating_add(start) > table.bytes.len() {
                return Err(CUT);
            }
            for slot in 0..slots {
                table.check_slot(start + slot * 8)?;
            }
        }
        Ok(table)
    }

    /// The value of the first record with that key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&[u8]> {
        let hash = hash(key);
        let (start, slots) = self.pair(hash % HEADER_PAIRS * 8).ok()?;
        let first = (hash / HEADER_PAIRS).checked_rem(slots)?;
        for step in 0..slots {
            let (found, position) = self.pair(start + (first + step) % slots * 8).ok()?;
            if position == 0 {
                return None;
            }
            if found == hash
                && let Some((_, value)) = self.record(position).ok().filter(|(known, _)| *known == key)
            {
                return Some(value);
            }
        }
        None
    }

    fn check_slot(&self, at: usize) -> Result<(), &'static str> {
        let (_, position) = self.pair(at)?;
        if position == 0 {
            return Ok(());
        }
        let (_, value) = self.record(position)?;
        Instructions::decode(value).map(drop).ok_or(NOT_A_RULE)
    }

    fn record(&self, position: usize) -> Result<(&[u8], &[u8]), &'static str> {
        let (key, value) = self.pair(position)?;
        let rest = self.bytes.get(position + 8..).ok_or(CUT)?;
        let (key, rest) = rest.split_at_checked(key).ok_or(CUT)?;
        Ok((key, rest.get(..value).ok_or(CUT)?))
    }

    fn pair(&self, at: usize) -> Result<(usize, usize), &'static str> {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).ok_or(CUT)?;
        let both = u64::from_le_bytes(*bytes);
        Ok(((both & 0xffff_ffff) as usize, (both >> 32) as usize))
    }
}

/// The hash of cdb: 5381, then times 33, xor byte; modulo 2^32.
fn hash(key: &[u8]) -> usize {
    key.iter().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(*byte)) as usize
}
