//! Printing messages as they would be delivered: the header lines that are put in front, then the
//! message, byte for byte. On a terminal, what could drive it becomes `_`.

use crate::plan::Plan;
use crate::{LOG, Outcome};
use stafett_envelope::Head;
use stafett_log::safe;
use stafett_queue_store::{Entry, Listed, Store};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Seek, SeekFrom, Write};

/// Bytes that are copied at a time.
const PIECE: usize = 64 * 1024;

/// Prints them, each behind a line with its id where there are several.
///
/// # Errors
/// When standard output cannot be written, but for a reader who has seen enough.
pub fn all(store: &Store, plan: &Plan, envelope: bool) -> io::Result<Outcome> {
    let stdout = io::stdout().lock();
    let mut out = Printer { is_terminal: stdout.is_terminal(), out: BufWriter::new(stdout) };
    let mut partly = plan.incomplete;
    for target in &plan.targets {
        if plan.targets.len() > 1 {
            out.put(format!("==> {} <==\n", target.listed.id).as_bytes())?;
        }
        match open(store, target.listed) {
            Ok((file, size, entry)) => match out.message(&file, size, &entry, envelope) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Outcome::Done),
                done => done?,
            },
            Err(reason) => {
                partly = true;
                LOG.error(format_args!("unable to print {}: {reason}", target.listed.id));
            }
        }
    }
    match out.out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ if partly => Ok(Outcome::Partly),
        _ => Ok(Outcome::Done),
    }
}

/// Opens a message, wherever it has moved to since it was listed, and verifies it.
fn open(store: &Store, listed: Listed) -> Result<(File, u64, Entry), String> {
    let (id, size) = (listed.id, listed.size);
    let found = store.find(id, size).map_err(|error| error.to_string())?.ok_or("it is gone")?;
    let file = store.open_message(id, size, found.place).map_err(|error| error.to_string())?;
    let entry = Entry::read(&file, id, size).map_err(|error| error.to_string())?.map_err(|damage| format!("it is damaged: {damage}"))?;
    Ok((file, size, entry))
}

struct Printer<W: Write> {
    out: BufWriter<W>,
    is_terminal: bool,
}

impl<W: Write> Printer<W> {
    fn message(&mut self, mut file: &File, size: u64, entry: &Entry, envelope: bool) -> io::Result<()> {
        if envelope {
            self.tail(file, size)?;
        }
        for head in &entry.envelope.head {
            let line = match head {
                Head::Line(line) => line.clone(),
                Head::WithId(before, after) => format!("{before}{after}"),
            };
            self.put(format!("{line}\r\n").as_bytes())?;
        }
        file.seek(SeekFrom::Start(0))?;
        self.copy(file.take(size))
    }

    /// Envelope, commit line and journal as they stand in the file (stafett-queue(5)), and an empty
    /// line.
    fn tail(&mut self, mut file: &File, size: u64) -> io::Result<()> {
        file.seek(SeekFrom::Start(size))?;
        self.copy(file)?;
        self.put(b"\n")
    }

    fn copy(&mut self, mut from: impl Read) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let count = from.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            self.put(piece.get(..count).unwrap_or_default())?;
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.is_terminal {
            return self.out.write_all(bytes);
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, end) = line.strip_suffix(b"\n").map_or((line, ""), |text| (text, "\n"));
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            for (number, part) in text.split(|byte| *byte == b'\t').enumerate() {
                write!(self.out, "{}{}", if number == 0 { "" } else { "\t" }, safe(part))?;
            }
            self.out.write_all(end.as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "print_test.rs"]
mod print_test;
