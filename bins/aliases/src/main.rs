//! stafett-aliases: compiles the text of aliases, such as /etc/aliases, into the table that fastforward(1) reads; newaliases.
//!
//! What: `FILE` into `FILE.cdb`, with `--list` a list's text into `FILE.bin`, with `--print` a table back into text.
//! Security stance: run by the admin on the admin's files; nothing here comes from a peer.
//! How it fails: 100 for usage and for a text that is none, named by its line; 111 for what cannot be read or written. The table
//! is replaced whole or not at all: after a fault the old one is still there.

mod print;
mod shadowed;

use lexopt::prelude::*;
use stafett_alias_table::{Instruction, List, Source, Table};
use stafett_control::{BadLine, Control, rows};
use stafett_injection::Defaults;
use stafett_instance::Instance;
use stafett_log::{Failure, Log};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-aliases");
const USAGE: &str = "usage: stafett-aliases [FILE] | --list FILE | --print [FILE]";
/// The text where neither the command line nor control/aliases names one.
const DEFAULT: &str = "/etc/aliases";

fn main() -> ExitCode {
    LOG.end(run().map(|()| ExitCode::SUCCESS))
}

/// What is asked for.
enum Request {
    /// The table of the file that is named, or of each of the instance's.
    Compile(Option<PathBuf>),
    /// A list.
    List(PathBuf),
    /// The table as text.
    Print(Option<PathBuf>),
}

fn run() -> Result<(), Failure> {
    match arguments()? {
        Request::Compile(Some(file)) => {
            let instructions = compile(&file)?;
            if own_files().is_ok_and(|own| own.contains(&file)) {
                shadowed::warn(&instance()?, &[(file, instructions)]);
            }
            Ok(())
        }
        Request::Compile(None) => {
            let mut compiled = Vec::new();
            let done = own_files()?.into_iter().try_for_each(|file| compile_if_there(file, &mut compiled));
            shadowed::warn(&instance()?, &compiled);
            done
        }
        Request::List(file) => compile_list(&file),
        Request::Print(Some(file)) => print::run(&with_ending(&file, ".cdb")),
        Request::Print(None) => own_files()?.iter().try_for_each(|file| print::run(&with_ending(file, ".cdb"))),
    }
}

fn arguments() -> Result<Request, Failure> {
    let usage = |error: lexopt::Error| Failure::lasting(format_args!("{error}; {USAGE}"));
    let (mut list, mut print, mut file) = (false, false, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("list") => list = true,
            Long("print") => print = true,
            Value(value) if file.is_none() && !value.is_empty() => file = Some(PathBuf::from(value)),
            other => return Err(usage(other.unexpected())),
        }
    }
    match (list, print, file) {
        (false, false, file) => Ok(Request::Compile(file)),
        (false, true, file) => Ok(Request::Print(file)),
        (true, false, Some(file)) => Ok(Request::List(file)),
        (true, ..) => Err(Failure::lasting(USAGE)),
    }
}

/// Packages call newaliases when they are installed, whoever has aliases.
fn compile_if_there(file: PathBuf, compiled: &mut Vec<(PathBuf, Vec<Instruction>)>) -> Result<(), Failure> {
    if file == Path::new(DEFAULT) && !file.exists() {
        LOG.note(format_args!("there is no {DEFAULT}, so nothing is compiled"));
        return Ok(());
    }
    let instructions = compile(&file)?;
    compiled.push((file, instructions));
    Ok(())
}

/// What the new table holds.
fn compile(file: &Path) -> Result<Vec<Instruction>, Failure> {
    let text = text_of(file, std::fs::read(file))?;
    let defaults = defaults()?;
    let source = Source::parse(&text, &|address| defaults.complete(address)).map_err(|bad| faulty(file, &bad))?;
    source.ignored.iter().for_each(|bad| LOG.warning(format_args!("{}:{bad}", file.display())));
    let (table, temporary) = (with_ending(file, ".cdb"), with_ending(file, ".tmp"));
    Table::write(&source.instructions, &table, &temporary).map_err(|error| unwritten(&table, &temporary, &error))?;
    Ok(source.instructions)
}

fn compile_list(file: &Path) -> Result<(), Failure> {
    let text = text_of(file, std::fs::read(file))?;
    let defaults = defaults()?;
    let commands = Source::parse_list(&text, &|address| defaults.complete(address)).map_err(|bad| faulty(file, &bad))?;
    let (list, temporary) = (with_ending(file, ".bin"), with_ending(file, ".tmp"));
    List(commands).write(&list, &temporary).map_err(|error| unwritten(&list, &temporary, &error))
}

fn text_of(file: &Path, read: io::Result<Vec<u8>>) -> Result<String, Failure> {
    let bytes = read.map_err(|error| Failure::temporary(format_args!("unable to read {}: {error}", file.display())))?;
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        return Err(Failure::lasting(format_args!("{}:{line}: holds a NUL, as no text does", file.display())));
    }
    String::from_utf8(bytes).map_err(|_| Failure::lasting(format_args!("{}: holds bytes that are no UTF-8 text", file.display())))
}

fn faulty(file: &Path, bad: &BadLine) -> Failure {
    Failure::lasting(format_args!("unable to compile {}:{bad}", file.display()))
}

fn unwritten(file: &Path, temporary: &Path, error: &io::Error) -> Failure {
    Failure::temporary(format_args!("unable to write {} by way of {}: {error}", file.display(), temporary.display()))
}

/// The files of control/aliases.
fn own_files() -> Result<Vec<PathBuf>, Failure> {
    let lines = control()?.list(&rows::ALIASES).map_err(Failure::lasting)?.unwrap_or_default();
    let files: Vec<PathBuf> = lines.into_iter().map(|line| PathBuf::from(line.value)).collect();
    Ok(if files.is_empty() { vec![PathBuf::from(DEFAULT)] } else { files })
}

fn defaults() -> Result<Defaults, Failure> {
    Defaults::read(&control()?).map_err(Failure::lasting)
}

fn control() -> Result<Control, Failure> {
    Ok(Control::new(instance()?.control()))
}

fn instance() -> Result<Instance, Failure> {
    Instance::from_environment().map_err(Failure::lasting)
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
