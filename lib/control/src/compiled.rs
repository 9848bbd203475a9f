//! Compiled tables: cdb files, opened only if their header can be one.
//!
//! A maker writes the header last. After a crash of the machine it, or the blocks around it, may be zeros on disk although the
//! file has its name and length; read as it stands, such a table holds nothing, and "no such user" is the answer for everybody.
//! Every maker puts the position of a hash table behind the header also where that table is empty, so a position before its end
//! is none.
//! How it fails: `std::io::Error`. Known limits: what lies behind the header is judged when it is read; who writes into the file
//! in place, rather than renames a new one, is not noticed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of the header: 256 pairs of a position and a number of slots.
const HEADER: usize = 2048;
/// Bytes of a slot.
const SLOT: u64 = 8;

/// Opens the table at `path`.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn open(path: &Path) -> io::Result<cdb2::CDB> {
    check(&File::open(path)?)?;
    cdb2::CDB::open(path)
}

/// Whether an open file has the header of a table, for who opens it with care of its own.
///
/// # Errors
/// When it cannot be read, or has none.
pub fn check(file: &File) -> io::Result<()> {
    let mut header = [0; HEADER];
    (&*file).read_exact(&mut header).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => broken("it is cut short, or no cdb"),
        _ => error,
    })?;
    let length = file.metadata()?.len();
    let is_there = |pair: &[u8; SLOT as usize]| {
        let both = u64::from_le_bytes(*pair);
        let (start, slots) = (both & 0xffff_ffff, both >> 32);
        start >= HEADER as u64 && start + slots * SLOT <= length
    };
    match header.as_chunks().0.iter().all(is_there) {
        true => Ok(()),
        false if header.iter().all(|byte| *byte == 0) => Err(broken("its first blocks are zeros, as after a crash while it was written")),
        false => Err(broken("its header leads out of it, so it is damaged or no cdb")),
    }
}

fn broken(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
#[path = "compiled_test.rs"]
mod compiled_test;
