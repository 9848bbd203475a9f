//! All lines of all logs, in the order of their times.
//!
//! How it fails: a file that cannot be read on is named, and its service's next file comes.
//! Known limits: each log is taken as written in the order of time. Where the clock went back
//! its lines stay in their order, and the other logs' lines come between them too early. A line is cut at
//! [`LONGEST`] bytes. Memory: a buffer for each service.

use crate::LOG;
use crate::files::{Directory, Logs};
use crate::span::Span;
use crate::stamp::{self, Moment};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Take};
use std::path::PathBuf;

/// A line's bytes at most.
pub const LONGEST: usize = 65_536;

/// A line of a log.
#[derive(Debug)]
pub struct Line<'a> {
    /// When it was written; a line without a stamp has that of the one before.
    pub at: Moment,
    /// The line as it stands in the file.
    pub raw: &'a [u8],
    /// The line without its time.
    pub text: Cow<'a, str>,
}

impl<'a> Line<'a> {
    /// Takes apart a line of a file whose last line had the time `before`.
    pub fn new(raw: &'a [u8], before: Moment) -> Line<'a> {
        let (at, text) = stamp::split(raw);
        Line { at: at.unwrap_or(before), raw, text: String::from_utf8_lossy(text) }
    }
}

/// How reading a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With its end.
    Line,
    /// With the end of the file; the rest of the line may follow.
    File,
}

/// Reads up to the end of a line, which is not kept, and adds to what `line` holds of it.
pub fn append(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Ended> {
    loop {
        let chunk = match reader.fill_buf() {
            Ok([]) => return Ok(Ended::File),
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', chunk);
        let length = end.unwrap_or(chunk.len());
        let kept = length.min(LONGEST.saturating_sub(line.len()));
        line.extend_from_slice(chunk.get(..kept).unwrap_or_default());
        reader.consume(length + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Ended::Line);
        }
    }
}

/// One pass over all lines of a span.
#[derive(Debug)]
pub struct Lines {
    sources: Vec<Source>,
    span: Span,
    /// The one whose line was shown last.
    shown: Option<usize>,
}

impl Lines {
    /// Begins at the oldest line.
    pub fn new(logs: &Logs, span: Span) -> Lines {
        let mut sources: Vec<Source> = logs.directories.iter().map(Source::new).collect();
        sources.iter_mut().for_each(Source::advance);
        Lines { sources, span, shown: None }
    }

    /// The next line, until there is none.
    pub fn next(&mut self) -> Option<Line<'_>> {
        loop {
            if let Some(source) = self.shown.take().and_then(|index| self.sources.get_mut(index)) {
                source.advance();
            }
            let waiting = self.sources.iter().enumerate().filter(|(_, source)| source.has_line);
            let (index, at) = waiting.map(|(index, source)| (index, source.at)).min_by_key(|(_, at)| *at)?;
            self.shown = Some(index);
            if self.span.holds(at) {
                let source = self.sources.get(index)?;
                return Some(Line::new(&source.line, source.at));
            }
        }
    }
}

/// The files of one service, one after the other.
#[derive(Debug)]
struct Source {
    rotated: VecDeque<PathBuf>,
    current: Option<(File, u64)>,
    open: Option<(BufReader<Take<File>>, PathBuf)>,
    name: PathBuf,
    line: Vec<u8>,
    at: Moment,
    has_line: bool,
}

impl Source {
    fn new(directory: &Directory) -> Source {
        let current = directory.current.as_ref().and_then(|current| Some((current.file.try_clone().ok()?, current.length)));
        let rotated = directory.rotated.iter().cloned().collect();
        Source {
            rotated,
            current,
            open: None,
            name: directory.path.join("current"),
            line: Vec::new(),
            at: Moment(i64::MIN),
            has_line: false,
        }
    }

    /// Goes to the next line.
    fn advance(&mut self) {
        self.has_line = false;
        while self.open.is_some() || self.open_next() {
            match self.read() {
                Ok(true) => return,
                Ok(false) => self.open = None,
                Err(error) => {
                    let name = self.open.take().map_or_else(PathBuf::new, |(_, name)| name);
                    LOG.error(format_args!("unable to read {}: {error}; going on with the next file", name.display()));
                }
            }
        }
    }

    /// Whether there was a line in the file that is open.
    fn read(&mut self) -> io::Result<bool> {
        let Some((reader, name)) = &mut self.open else {
            return Ok(false);
        };
        self.line.clear();
        let ended = append(reader, &mut self.line)?;
        // The last line of `current` may be half written.
        if ended == Ended::File && (self.line.is_empty() || *name == self.name) {
            return Ok(false);
        }
        self.at = stamp::split(&self.line).0.unwrap_or(self.at);
        self.has_line = true;
        Ok(true)
    }

    fn open_next(&mut self) -> bool {
        while let Some(path) = self.rotated.pop_front() {
            // One that is gone was too old to keep; the others were readable when we began.
            if let Ok(file) = File::open(&path) {
                self.open = Some((reader(file, u64::MAX), path));
                return true;
            }
        }
        let Some((mut file, length)) = self.current.take() else {
            return false;
        };
        if file.rewind().is_err() {
            return false;
        }
        self.open = Some((reader(file, length), self.name.clone()));
        true
    }
}

fn reader(file: File, length: u64) -> BufReader<Take<File>> {
    BufReader::with_capacity(1 << 16, file.take(length))
}
