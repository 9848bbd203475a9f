//! What becomes of mail for an alias: all that its entry leads to, each once.
//!
//! As fastforward(1): a recipient that is itself an entry (of exactly this address) is expanded in its place, unless that
//! entry has an owner; then it gets a copy by way of the queue, so that its members hear from its owner. A list is read where its
//! compiled form lies. *Ours*: where there is only its text, that is read.
//! How it fails: a table or list that cannot be read now puts the message off; nobody has got anything then. *Ours*: aliases that
//! lead round to themselves alone return it, where it would reach nobody and be gone.

use stafett_alias_table::{Command, Entry, List, Source, Table};
use stafett_control::Control;
use stafett_injection::Defaults;
use stafett_instance::Instance;
use stafett_log::Failure;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// What is to be done with the message, in this order.
#[derive(Debug, Default)]
pub struct Work {
    /// Programs, each for the shell, and whether it gets lines in front.
    pub programs: Vec<(Vec<u8>, bool)>,
    /// Addresses.
    pub recipients: Vec<String>,
}

/// What an incoming message's entry leads to. `address` is that of the entry itself.
///
/// # Errors
/// When a table or a list cannot be read, or all that it leads to is the entry itself.
pub fn expand(table: &Table, address: &str, entry: &Entry) -> Result<Work, Failure> {
    let mut expansion = Expansion { table, work: Work::default(), addresses: HashSet::new(), lists: HashSet::new(), goes_round: false };
    expansion.addresses.extend([address.to_owned(), address.to_ascii_lowercase()]);
    expansion.follow(entry.commands.clone())?;
    let Expansion { work, goes_round, .. } = expansion;
    if goes_round && work.programs.is_empty() && work.recipients.is_empty() {
        return Err(Failure::lasting(format_args!("the aliases lead from {address} to itself and nowhere else (#5.4.6)")));
    }
    Ok(work)
}

struct Expansion<'a> {
    table: &'a Table,
    work: Work,
    addresses: HashSet<String>,
    lists: HashSet<PathBuf>,
    /// Something led to what had been expanded already.
    goes_round: bool,
}

impl Expansion<'_> {
    /// Takes the commands in order; what one leads to comes in its place. Without recursion: an alias may lead through as many
    /// others as there are.
    fn follow(&mut self, commands: Vec<Command>) -> Result<(), Failure> {
        let mut waiting: Vec<Command> = commands.into_iter().rev().collect();
        while let Some(command) = waiting.pop() {
            let inner = match command {
                Command::Program { line, with_lines } => {
                    self.work.programs.push((line, with_lines));
                    continue;
                }
                Command::Recipient(address) => self.recipient(address)?,
                Command::List(path) => self.list(path)?,
            };
            waiting.extend(inner.into_iter().rev());
        }
        Ok(())
    }

    fn recipient(&mut self, address: String) -> Result<Vec<Command>, Failure> {
        if !self.addresses.insert(address.clone()) {
            self.goes_round = true;
            return Ok(Vec::new());
        }
        let found = self.table.exact(&address);
        match found.map_err(|error| Failure::temporary(format_args!("unable to look up {address}: {error}")))? {
            Some(Entry { commands, owner: None }) => Ok(commands),
            _ => {
                self.work.recipients.push(address);
                Ok(Vec::new())
            }
        }
    }

    fn list(&mut self, path: PathBuf) -> Result<Vec<Command>, Failure> {
        if self.lists.contains(&path) {
            self.goes_round = true;
            return Ok(Vec::new());
        }
        let commands = match List::open(&path) {
            Ok(List(commands)) => commands,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.extension().is_some_and(|end| end == "bin") => {
                text(&path.with_extension(""))?
            }
            Err(error) => return Err(Failure::temporary(format_args!("unable to read the list {}: {error}", path.display()))),
        };
        self.lists.insert(path);
        Ok(commands)
    }
}

/// The commands of a list's text.
fn text(path: &Path) -> Result<Vec<Command>, Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::temporary(format_args!("unable to read the list {}: {error}", path.display()));
    let bytes = List::text(path).map_err(|error| unreadable(&error))?;
    let instance = Instance::from_environment().map_err(Failure::temporary)?;
    let defaults = Defaults::read(&Control::new(instance.control())).map_err(Failure::temporary)?;
    let commands = Source::parse_list(&bytes, &|address| defaults.complete(address));
    commands.map_err(|bad| Failure::temporary(format_args!("unable to use the list {}:{bad}", path.display())))
}
