//! A compiled table as text: `name: command, command;`, a command a line, as printforward(1) of fastforward prints it.

use crate::Failure;
use stafett_alias_table::{Command, Table};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Prints the table at `path`.
pub fn run(path: &Path) -> Result<(), Failure> {
    let unreadable = |error| Failure::temporary(format_args!("unable to read {}: {error}", path.display()));
    let entries = Table::open(path).and_then(|table| table.all()).map_err(unreadable)?;
    let mut text = String::new();
    for (name, entry) in entries {
        let owner = entry.owner.map(|owner| format!("?{}", escaped(owner.as_bytes())));
        let all: Vec<String> = owner.into_iter().chain(entry.commands.iter().map(shown)).collect();
        let _ = writeln!(text, "{}: {};", escaped(name.as_bytes()), all.join(", "));
    }
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::temporary(format_args!("unable to write to standard output: {error}")))
}

fn shown(command: &Command) -> String {
    let mut bytes = Vec::new();
    command.write(&mut bytes);
    escaped(bytes.strip_suffix(b"\0").unwrap_or(&bytes))
}

/// With a backslash in front of what divides commands.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_whitespace() || ",;:#\\".contains(c) {
            text.push('\\');
        }
        text.push(if c.is_control() { '?' } else { c });
    }
    text
}
