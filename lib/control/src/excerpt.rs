//! The line that a fault is about, and the part of it that is meant, for messages with a caret.
//!
//! A judge of a row says what is wrong in words that begin with the part it means in quotes,
//! `"mail host" is not the name of a host or domain`; that part is looked for in the line. A part
//! that stands there twice is taken to be the last one, because judges go from left to right and
//! values stand behind keys.
//! Security stance: a password that was written into smtproutes is not shown again, and of a file of passwords nothing is.
//! Known limits: the file is read again, so it may have changed since the fault was found; a line
//! that is not text, or a part that is not in it, gives a caret below the whole line or nothing.

use crate::error::Error;
use crate::read::Control;
use crate::rows;

/// A line of a file and a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line without its end; control characters are shown as `?`, tabs as blanks.
    pub text: String,
    /// Where the part begins, in characters, from 1.
    pub column: usize,
    /// How many characters it has, 1 at least.
    pub width: usize,
}

/// A line's characters at most; the rest is left away.
const LONGEST: usize = 200;

impl Excerpt {
    /// The part `part` of `line`; all of it where that does not occur.
    pub fn of(line: &str, part: &str) -> Excerpt {
        let (line, hidden) = without_password(line.trim_end());
        let start = (!part.is_empty()).then(|| line.rfind(part)).flatten();
        let before = start.and_then(|start| line.get(..start)).map_or(0, |before| before.chars().count());
        let width = start.map_or(line, |_| part).chars().count();
        Excerpt { text: format!("{}{hidden}", shown(line)), column: before + 1, width: width.max(1) }.fitting()
    }

    /// What stands at `column`, counted in bytes from 1, of `line` to its end; `?` stands for what is no text.
    pub fn at(line: &[u8], column: usize) -> Excerpt {
        let before = line.get(..column.saturating_sub(1)).unwrap_or(line);
        let before = String::from_utf8_lossy(before).chars().count();
        let text = String::from_utf8_lossy(line);
        Excerpt { text: shown(text.trim_end()), column: before + 1, width: 1 }.fitting()
    }

    fn fitting(mut self) -> Excerpt {
        if let Some((end, _)) = self.text.char_indices().nth(LONGEST) {
            self.text.truncate(end);
            self.text.push_str(" ...");
            self.column = self.column.min(LONGEST);
            self.width = self.width.min(LONGEST + 1 - self.column);
        }
        self
    }
}

impl Control {
    /// The line that `error` is about; `None` when it is about a file as a whole, or that is gone.
    pub fn excerpt(&self, error: &Error) -> Option<Excerpt> {
        let name = error.file.strip_prefix("control/")?;
        if rows::SECRETS.iter().any(|row| row.name == name) {
            return None;
        }
        let line = self.nth_line(name, error.line)?;
        match std::str::from_utf8(&line) {
            Err(fault) => Some(Excerpt::at(&line, fault.valid_up_to() + 1)),
            Ok(text) => Some(match text.trim_end().find(|c: char| c.is_control() && c != '\t') {
                Some(at) => Excerpt::at(&line, at + 1),
                None => Excerpt::of(text, quoted(&error.reason)),
            }),
        }
    }

    /// A line of a file in the directory, from 1.
    pub fn nth_line(&self, name: &str, number: usize) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.directory().join(name)).ok()?;
        let line = bytes.split(|byte| *byte == b'\n').nth(number.checked_sub(1)?)?;
        Some(line.to_vec())
    }
}

/// What stands between the first two quotes.
fn quoted(reason: &str) -> &str {
    reason.split('"').nth(1).unwrap_or_default()
}

/// A route's part up to the first `|`, and what is shown for the rest.
fn without_password(line: &str) -> (&str, &'static str) {
    line.split_once('|').map_or((line, ""), |(head, _)| (head, "|..."))
}

fn shown(text: &str) -> String {
    let safe = |c: char| match c {
        '\t' => ' ',
        '\u{fffd}' => '?',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
#[path = "excerpt_test.rs"]
mod excerpt_test;
