//! The source text of rules: one per line, `address:allow` or `address:deny`, then variables as
//! `,NAME="value"` in which any character may stand for the quotes.
//!
//! The address ends at the first colon behind which `allow` or `deny` follows, so that IPv6
//! addresses need no quoting. Lines that begin with `#` and blank lines are skipped; blanks at the
//! end of a line are dropped (tcprules(1)).
//! How it fails: at the first fault, with its line and column. djb's tcprules skips a line without
//! a colon; that is an error here, as are addresses that no client can have.

use crate::address::{self, Keys};
use crate::instructions::Instructions;
use std::fmt;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its line in the source, from 1.
    pub line: usize,
    /// The address as it was written.
    pub address: String,
    /// What it says.
    pub instructions: Instructions,
    pub(crate) keys: Keys,
}

/// A fault in the source; prints as `line:column: reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
    /// What is wrong and, where it helps, what to write.
    pub reason: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.reason)
    }
}

impl std::error::Error for SourceError {}

/// Reads the rules of a source, in order.
///
/// # Errors
/// The first line that is no rule.
pub fn parse(source: &[u8]) -> Result<Vec<Rule>, SourceError> {
    let lines = source.split(|byte| *byte == b'\n').enumerate();
    let rules = lines.filter_map(|(index, line)| parse_line(index + 1, line).transpose());
    rules.collect()
}

/// Every line of a source that is no rule, for whoever mends it.
pub fn faults(source: &[u8]) -> Vec<SourceError> {
    let lines = source.split(|byte| *byte == b'\n').enumerate();
    lines.filter_map(|(index, line)| parse_line(index + 1, line).err()).collect()
}

fn parse_line(number: usize, line: &[u8]) -> Result<Option<Rule>, SourceError> {
    let line = trim_end(line);
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let fault = |column: usize, reason: String| SourceError { line: number, column: column + 1, reason };
    if let Some(at) = line.iter().position(|byte| matches!(byte, 0 | b'\r')) {
        return Err(fault(at, "a NUL or carriage return; rules are lines of plain text".to_owned()));
    }
    let colon = separator(line).map_err(|at| fault(at, EXPECTED.to_owned()))?;
    let address = line.get(..colon).unwrap_or_default();
    let keys = address::keys(address).map_err(|problem| fault(problem.offset, problem.reason))?;
    let mut reader = Reader { line, at: colon + 1 };
    let instructions = reader.instructions().map_err(|reason| fault(reader.at, reason.to_owned()))?;
    Ok(Some(Rule { line: number, address: String::from_utf8_lossy(address).into_owned(), instructions, keys }))
}

const EXPECTED: &str = "expected `address:allow` or `address:deny`";

/// The colon behind the address, or where one would be looked for.
fn separator(line: &[u8]) -> Result<usize, usize> {
    let colons = || line.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let follows = |at: &usize| {
        let rest = line.get(at + 1..).unwrap_or_default();
        rest.starts_with(b"allow") || rest.starts_with(b"deny")
    };
    colons().find(follows).ok_or_else(|| colons().next().map_or(line.len(), |at| at + 1))
}

struct Reader<'a> {
    line: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn instructions(&mut self) -> Result<Instructions, &'static str> {
        let deny = self.take(b"deny");
        if !deny && !self.take(b"allow") {
            return Err("expected `allow` or `deny`");
        }
        let mut variables = Vec::new();
        while self.at < self.line.len() {
            variables.push(self.variable()?);
        }
        Ok(Instructions { deny, variables })
    }

    fn variable(&mut self) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
        if !self.take(b",") {
            return Err("expected `,NAME=\"value\"` or the end of the line");
        }
        let name = self.until(b'=').ok_or("a variable needs `=` and a quoted value")?;
        if name.is_empty() {
            return Err("a variable without a name");
        }
        let quote = *self.line.get(self.at).ok_or("a variable without a value; write \"\" for an empty one")?;
        self.at += 1;
        let value = self.until(quote).ok_or("the closing quote is missing (it is the character after `=`)")?;
        Ok((name, value))
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let found = self.line.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if found {
            self.at += word.len();
        }
        found
    }

    /// What stands before the next `end`, which is skipped.
    fn until(&mut self, end: u8) -> Option<Vec<u8>> {
        let rest = self.line.get(self.at..)?;
        let length = rest.iter().position(|byte| *byte == end)?;
        self.at += length + 1;
        rest.get(..length).map(<[u8]>::to_vec)
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let kept = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    line.get(..kept).unwrap_or_default()
}
