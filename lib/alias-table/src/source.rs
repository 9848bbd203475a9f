//! The text of aliases: `name: recipient, recipient`, as newaliases(1) of fastforward and sendmail read it; and of lists, which
//! have recipients alone.
//!
//! What: an instruction begins at the begin of a line and goes on over lines that are empty or begin with blank space; a line
//! that begins with `#` is a comment, and so is what goes on from it. Names are `user`, `user@host` or `@host`.
//! How it fails: with a [`BadLine`], which names the line and what to write. *Ours*: a missing colon, and words side by side,
//! are faults, where fastforward takes each word for a recipient.

use crate::split::{self, Piece};
use crate::{Command, LONGEST};
use stafett_address::list::{Address, AddressList};
use stafett_address::{Domain, Mailbox};
use stafett_control::BadLine;
use std::collections::HashMap;
use std::path::PathBuf;

/// What is done with mail for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it begins, from 1.
    pub line: usize,
    /// The name, in lower case: `user@`, `user@host` or `@host`.
    pub name: String,
    /// What is done.
    pub commands: Vec<Command>,
    /// For the alias `owner-NAME`: that name, and the address that its mail is sent on from.
    pub owns: Option<(String, String)>,
}

/// A text with aliases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its instructions, in order; of several for one name the first is here.
    pub instructions: Vec<Instruction>,
    /// Lines that have no effect, and why.
    pub ignored: Vec<BadLine>,
}

/// Gives an address the domain that it lacks.
type Complete<'a> = &'a dyn Fn(&mut Address);

impl Source {
    /// Reads a text; `complete` gives recipients their domains.
    ///
    /// # Errors
    /// At the first line that is none.
    pub fn parse(text: &str, complete: Complete<'_>) -> Result<Source, BadLine> {
        let mut source = Source::default();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (line, text) in split::logical_lines(text) {
            let instruction = instruction(line, text, complete)?;
            match seen.get(&instruction.name) {
                Some(first) => {
                    let reason = format!("\"{}\" stands on line {first} already, which counts", shown(&instruction.name));
                    source.ignored.push(BadLine { line, reason });
                }
                None => {
                    seen.insert(instruction.name.clone(), line);
                    source.instructions.push(instruction);
                }
            }
        }
        Ok(source)
    }

    /// Reads the text of a list: recipients and further lists, any number on a line.
    ///
    /// # Errors
    /// At the first line that is none.
    pub fn parse_list(text: &str, complete: Complete<'_>) -> Result<Vec<Command>, BadLine> {
        let mut commands = Vec::new();
        for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.starts_with('#')) {
            for command in recipients(index + 1, text, complete)? {
                if matches!(command, Command::Program { .. }) {
                    let reason = "a list cannot hold a program; a dot-qmail file can (dot-qmail(5))".to_owned();
                    return Err(BadLine { line: index + 1, reason });
                }
                commands.push(command);
            }
        }
        Ok(commands)
    }
}

/// The name as the admin wrote it.
fn shown(name: &str) -> &str {
    name.strip_suffix('@').unwrap_or(name)
}

fn instruction(line: usize, text: &str, complete: Complete<'_>) -> Result<Instruction, BadLine> {
    let fault = |reason: String| BadLine { line, reason };
    let (name, rest) = split::at_colon(text).map_err(fault)?;
    let (name, owner) = target(name).map_err(fault)?;
    // Commands behind a fold stand on lines of their own.
    let before = text.len() - rest.len();
    let first = line + text.get(..before).unwrap_or_default().matches('\n').count();
    let has_recipient = split::pieces(rest).map_err(fault)?.iter().any(|piece| !piece.text.is_empty());
    let commands = recipients(first, rest, complete)?;
    if !has_recipient {
        let reason = format!("\"{}\" has no recipient; write one behind the colon, or /dev/null to throw its mail away", shown(&name));
        return Err(fault(reason));
    }
    let owns = owner.map(|mut address| {
        complete(&mut address);
        let owned = name.get("owner-".len()..).unwrap_or_default().to_owned();
        raw(&address).map(|owner| (owned, owner))
    });
    Ok(Instruction { line, owns: owns.transpose().map_err(fault)?, name, commands })
}

/// The name for the table; and where it is that of an owner, its address.
fn target(text: &str) -> Result<(String, Option<Address>), String> {
    let meant = split::without_comments(text);
    let meant = meant.trim();
    if let Some(host) = meant.strip_prefix('@') {
        let host = Domain::parse(host).map_err(|error| format!("\"{meant}\" is no host: {error}; write @host"))?;
        return Ok((format!("@{host}").to_ascii_lowercase(), None));
    }
    let unreadable = |why: &str| format!("\"{meant}\" is no name of an alias: {why}; write user, user@host or @host before the colon");
    let list = AddressList::parse(meant.as_bytes()).map_err(|error| unreadable(&error.to_string()))?;
    let mut addresses = list.addresses();
    let (Some(address), None) = (addresses.next(), addresses.next()) else { return Err(unreadable("it must be one word")) };
    if address.local.contains('\\') {
        return Err(unreadable("a backslash has no meaning in it"));
    }
    let name = format!("{}@{}", address.local, address.domain.as_deref().unwrap_or_default()).to_ascii_lowercase();
    let is_owner = name.strip_prefix("owner-").is_some_and(|owned| !owned.starts_with('@'));
    Ok((name, is_owner.then(|| Address { local: address.local.to_ascii_lowercase(), ..address.clone() })))
}

fn recipients(first: usize, text: &str, complete: Complete<'_>) -> Result<Vec<Command>, BadLine> {
    let pieces = split::pieces(text).map_err(|reason| BadLine { line: first, reason })?;
    let mut commands = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.text.is_empty()) {
        let command = command(piece, complete).map_err(|reason| BadLine { line: first + piece.line, reason })?;
        commands.extend(command);
    }
    Ok(commands)
}

/// What stands between two commas; nothing for the device that swallows everything.
fn command(piece: &Piece<'_>, complete: Complete<'_>) -> Result<Option<Command>, String> {
    let text = piece.text;
    let whole = split::unquoted(text);
    let plain = whole.as_deref().unwrap_or(text);
    if let Some(path) = split::included(text) {
        return list(&path).map(Some);
    }
    match plain.chars().next() {
        Some('|') => program(plain, whole.is_some()).map(Some),
        Some('/') if whole.is_some() || !text.contains('@') => file(plain).map(|()| None),
        _ => recipient(text, complete).map(Some),
    }
}

fn list(path: &str) -> Result<Command, String> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(format!(":include:{path} names no file; write a path that begins with /"));
    }
    Ok(Command::List(PathBuf::from(format!("{path}.bin"))))
}

/// `"|program"`, `|"program"` or `|word`.
fn program(plain: &str, is_quoted: bool) -> Result<Command, String> {
    let rest = plain.get(1..).unwrap_or_default();
    let inside = if is_quoted { None } else { split::unquoted(rest.trim()) };
    let is_word = is_quoted || inside.is_some() || !rest.contains(|c: char| c.is_whitespace() || "\"'\\()<>@;:".contains(c));
    if !is_word {
        return Err(format!("the program {plain} must stand in double quotes: \"{}\"", plain.replace(['"', '\n'], " ")));
    }
    let line = inside.as_deref().unwrap_or(rest).trim();
    if line.is_empty() || line.contains(['\0', '\n']) {
        return Err("a program has no name, or a line end in it; write \"|program arguments\"".to_owned());
    }
    Ok(Command::Program { line: line.as_bytes().to_vec(), with_lines: true })
}

fn file(path: &str) -> Result<(), String> {
    if path == "/dev/null" {
        return Ok(());
    }
    Err(format!("mail is not appended to {path} from here; let a dot-qmail file of a user do that (dot-qmail(5))"))
}

fn recipient(text: &str, complete: Complete<'_>) -> Result<Command, String> {
    let bare = split::without_comments(text);
    let unreadable = |why: &str| format!("\"{}\" is no recipient: {why}", text.escape_debug());
    if split::has_group(&bare) {
        return Err(unreadable("a colon or semicolon has no meaning there; divide recipients by commas"));
    }
    let mut list = AddressList::parse(text.as_bytes()).map_err(|error| unreadable(&error.to_string()))?;
    let mut addresses = list.addresses_mut();
    let (Some(address), None) = (addresses.next(), addresses.next()) else { return Err(unreadable("there is no address in it")) };
    if address.local.contains('\\') {
        return Err(unreadable("a backslash has no meaning here; what a user wants done with mail is said by a dot-qmail file"));
    }
    complete(address);
    raw(address).map(Command::Recipient)
}

/// The form for the envelope.
fn raw(address: &Address) -> Result<String, String> {
    let domain = address.domain.as_deref().unwrap_or_default();
    let mailbox = Domain::parse(domain).and_then(|domain| Mailbox::new(&address.local, domain));
    let raw = mailbox.map(|mailbox| mailbox.raw()).map_err(|error| format!("\"{address}\" is no address: {error}"))?;
    if raw.len() > LONGEST { Err(format!("an address has more than {LONGEST} bytes")) } else { Ok(raw) }
}

#[cfg(test)]
#[path = "source_test.rs"]
mod source_test;
