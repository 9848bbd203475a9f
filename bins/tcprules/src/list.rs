//! From a list to a cdb whose keys are its lines: domains for morercpthosts.cdb, recipients for validrcptto.cdb.
//!
//! A line that does not parse refuses the whole list, for a list with a hole would refuse mail or let it pass.

use crate::Failure;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What a line becomes.
pub type Key = fn(&str) -> Result<String, stafett_address::Error>;

/// Compiles standard input to `cdb` by way of `temporary`.
pub fn run(key: Key, cdb: &Path, temporary: &Path) -> Result<(), Failure> {
    let mut text = String::new();
    let read = io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::temporary(format_args!("unable to read standard input: {error}")))?;
    let keys = keys(&text, key)?;
    let written = fill(&keys, temporary).and_then(|()| std::fs::rename(temporary, cdb));
    written.map_err(|error| {
        let _ = std::fs::remove_file(temporary);
        let (cdb, temporary) = (cdb.display(), temporary.display());
        Failure::temporary(format_args!("unable to write {cdb} by way of {temporary}: {error}"))
    })
}

fn keys(text: &str, key: Key) -> Result<Vec<String>, Failure> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    let counted = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let keys = counted.map(|(number, line)| {
        key(line).map_err(|reason| Failure::lasting(format_args!("unable to compile standard input:{number}: \"{line}\": {reason}")))
    });
    keys.collect()
}

fn fill(keys: &[String], temporary: &Path) -> io::Result<()> {
    let file = File::create(temporary)?;
    let mut maker = cdb2::CDBMake::new(file.try_clone()?)?;
    for key in keys {
        maker.add(key.as_bytes(), b"")?;
    }
    maker.finish()?;
    file.sync_all()
}
