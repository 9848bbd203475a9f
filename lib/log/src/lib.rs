//! Lines for the admin, on standard error, where the supervisor's log program reads them.
//!
//! What: one line per call, written with one system call, so that lines of several processes do
//! not mix. Security stance: text from a peer can neither end the line nor drive a terminal; it is
//! made safe here and nowhere else ([`safe`]). How it fails: a log that cannot be written is
//! given up silently, as there is nowhere left to complain. Known limits: a line is cut at
//! [`LONGEST`] bytes, which keeps one write to a pipe whole (pipe(7), PIPE_BUF).

mod failure;

pub use failure::Failure;

use std::fmt;
use std::io::Write;

/// A line's bytes at most, its end included.
pub const LONGEST: usize = 4096;

/// How much a complaint matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The program cannot go on.
    Fatal,
    /// Something asked for was not done; the program goes on.
    Error,
    /// Something is odd, or will become a fault.
    Warning,
    /// For information.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

/// A program's voice: every line begins with its name.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    program: &'static str,
}

impl Log {
    /// The voice of `program`, such as `stafett-smtpd`.
    pub const fn new(program: &'static str) -> Log {
        Log { program }
    }

    /// `program: fatal: text`; the caller exits.
    pub fn fatal(self, text: impl fmt::Display) {
        self.complain(Severity::Fatal, text);
    }

    /// `program: error: text`.
    pub fn error(self, text: impl fmt::Display) {
        self.complain(Severity::Error, text);
    }

    /// `program: warning: text`.
    pub fn warning(self, text: impl fmt::Display) {
        self.complain(Severity::Warning, text);
    }

    /// `program: note: text`.
    pub fn note(self, text: impl fmt::Display) {
        self.complain(Severity::Note, text);
    }

    /// `program: text`, for lines that tell what was done.
    pub fn line(self, text: impl fmt::Display) {
        write_line(format_args!("{}: {text}", self.program));
    }

    /// `text` alone, for lines whose shape others parse (stafett-log(5)).
    pub fn bare(self, text: impl fmt::Display) {
        write_line(format_args!("{text}"));
    }

    fn complain(self, severity: Severity, text: impl fmt::Display) {
        write_line(format_args!("{}: {severity}: {text}", self.program));
    }
}

/// Text from a peer, safe to print: control characters, bytes that are no UTF-8 and `%` become
/// `_`, a line end becomes `/` (qmail-log(5)).
pub fn safe(bytes: &[u8]) -> Safe<'_> {
    Safe(bytes)
}

/// What [`safe`] returns; prints itself.
#[derive(Clone, Copy, Debug)]
pub struct Safe<'a>(&'a [u8]);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                fmt::Write::write_char(f, replaced(character))?;
            }
            if !chunk.invalid().is_empty() {
                f.write_str("_")?;
            }
        }
        Ok(())
    }
}

fn replaced(character: char) -> char {
    match character {
        '\n' => '/',
        '%' => '_',
        // C1 controls, separators and direction marks change what a reader sees.
        c if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') => '_',
        c => c,
    }
}

fn write_line(text: fmt::Arguments<'_>) {
    let mut line = Vec::with_capacity(160);
    let _ = line.write_fmt(text);
    // The last guard: whatever a caller forgot to make safe still cannot start a second line.
    for byte in &mut line {
        if matches!(*byte, b'\n') {
            *byte = b'/';
        } else if *byte < 0x20 && *byte != b'\t' {
            *byte = b'_';
        }
    }
    line.truncate(LONGEST - 1);
    line.push(b'\n');
    let _ = std::io::stderr().write_all(&line);
}

#[cfg(test)]
mod tests;
