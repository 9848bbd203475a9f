//! The counts of a day on disk: state/tlsrpt/DAY, a line for what was added, and for each domain that is done with.
//!
//! `NUMBER`, tab, then the fields of the row with tabs between, `|` between the lines of one field, and `%` with two digits for
//! these three; or `done`, tab, domain. Lines are appended in batches and the file is written anew when it has grown much longer than
//! the counts in it.
//! Security stance: what does not parse counts for nothing; a torn last line is dropped.
//! How it fails: a file that cannot be written is said once, and counting goes on in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stafett_log::Log;
use stafett_sts::Count;

use crate::calendar::Day;
use crate::tally::Tally;

/// The file's size at most when it is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;
/// Lines beyond four times the rows before the file is written anew.
const SLACK: usize = 4000;

/// A day's file.
#[derive(Debug)]
pub struct Journal {
    log: Log,
    path: PathBuf,
    file: Option<File>,
    lines: usize,
    pending: BTreeMap<Count, u64>,
    /// When the first of what waits was noted.
    since: Instant,
    is_faulty: bool,
}

/// What a day's file says.
#[derive(Debug, Default)]
pub struct Kept {
    /// The counts.
    pub tally: Tally,
    /// The domains that are done with.
    pub done: BTreeSet<String>,
    lines: usize,
    /// The last line has its end.
    is_whole: bool,
}

/// Where the counts of a day lie.
pub fn path(directory: &Path, day: Day) -> PathBuf {
    directory.join(day.to_string())
}

/// The days of which there are counts, in order.
///
/// # Errors
/// When the directory cannot be read.
pub fn days(directory: &Path) -> io::Result<Vec<Day>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(directory)? {
        days.extend(entry?.file_name().to_str().and_then(Day::parse));
    }
    days.sort();
    Ok(days)
}

/// Reads a day's file; one that is not there is empty.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> io::Result<Kept> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => drop(file.take(LARGEST).read_to_end(&mut text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut kept = Kept { is_whole: whole == text.len(), ..Kept::default() };
    for line in text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n') {
        kept.lines += 1;
        match std::str::from_utf8(line).ok().and_then(|line| line.split_once('\t')) {
            Some(("done", domain)) => drop(kept.done.insert(domain.to_owned())),
            Some((times, fields)) => drop(times.parse().ok().zip(parse(fields)).map(|(times, count)| kept.tally.add(count, times))),
            None => {}
        }
    }
    Ok(kept)
}

/// Notes that a domain is done with.
///
/// # Errors
/// When it cannot be written.
pub fn done(path: &Path, domain: &str) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(format!("done\t{domain}\n").as_bytes())
}

impl Journal {
    /// The file of a day, to go on with, and what it says.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn open(log: Log, path: PathBuf) -> io::Result<(Journal, Tally)> {
        let kept = read(&path)?;
        let mut journal =
            Journal { log, path, file: None, lines: kept.lines, pending: BTreeMap::new(), since: Instant::now(), is_faulty: false };
        if kept.is_whole {
            journal.file = OpenOptions::new().append(true).create(true).open(&journal.path).ok();
        }
        Ok((journal, kept.tally))
    }

    /// Notes an addition for the next batch.
    pub fn note(&mut self, count: Count) {
        if self.pending.is_empty() {
            self.since = Instant::now();
        }
        *self.pending.entry(count).or_insert(0) += 1;
    }

    /// How long what waits may still wait for more, if `batch` is the longest; nothing where nothing waits.
    pub fn due(&self, batch: Duration) -> Option<Duration> {
        (!self.pending.is_empty()).then(|| batch.saturating_sub(self.since.elapsed()))
    }

    /// Writes what waits; all of it when the file has become too long.
    pub fn write(&mut self, tally: &Tally) {
        if self.pending.is_empty() {
            return;
        }
        let text: String = self.pending.iter().map(|(count, times)| line(count, *times)).collect();
        let done = match &mut self.file {
            Some(file) if self.lines <= 4 * tally.len() + SLACK => {
                self.lines += self.pending.len();
                file.write_all(text.as_bytes())
            }
            _ => self.write_anew(tally),
        };
        self.pending.clear();
        match done {
            Ok(()) => self.is_faulty = false,
            Err(error) => {
                // What may stand there now in part is cut off by the next whole copy.
                self.file = None;
                if !std::mem::replace(&mut self.is_faulty, true) {
                    self.log
                        .error(format_args!("unable to write {}: {error}; what is counted is lost at the next stop", self.path.display()));
                }
            }
        }
    }

    fn write_anew(&mut self, tally: &Tally) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        let mut file = io::BufWriter::new(File::create(&temporary)?);
        for (count, times) in tally.rows() {
            file.write_all(line(count, times).as_bytes())?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        self.lines = tally.len();
        Ok(())
    }
}

/// The verb that stands first among the fields gives its place to the number.
fn line(count: &Count, times: u64) -> String {
    let fields = count.fields();
    let fields: Vec<String> = fields.iter().skip(1).map(|field| written(field)).collect();
    format!("{times}\t{}\n", fields.join("\t"))
}

fn parse(fields: &str) -> Option<Count> {
    let fields: Vec<Vec<u8>> = std::iter::once("").chain(fields.split('\t')).map(|field| unwritten(field).into_bytes()).collect();
    Count::from_fields(&fields)
}

fn written(field: &str) -> String {
    field.replace('%', "%25").replace('|', "%7C").replace('\t', "%09").replace('\n', "|")
}

fn unwritten(field: &str) -> String {
    field.replace('|', "\n").replace("%09", "\t").replace("%7C", "|").replace("%25", "%")
}

#[cfg(test)]
#[path = "journal_test.rs"]
mod journal_test;
