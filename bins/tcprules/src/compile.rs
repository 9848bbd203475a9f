//! From rules to a cdb.
//!
//! A rule whose address stands in the file twice is warned about: the first one counts, and the
//! admin may have meant the second.

use crate::{Failure, LOG};
use stafett_ucspi::Rule;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Compiles `source`, or standard input, to `cdb` by way of `temporary`.
pub fn run(source: Option<&Path>, cdb: &Path, temporary: &Path) -> Result<(), Failure> {
    let name = source.map_or("standard input".to_owned(), |path| path.display().to_string());
    let text = read(source).map_err(|error| Failure::temporary(format_args!("unable to read {name}: {error}")))?;
    let rules = stafett_ucspi::parse(&text).map_err(|error| Failure::lasting(format_args!("unable to compile {name}:{error}")))?;
    warn_about_duplicates(&name, &rules);
    stafett_ucspi::write(&rules, cdb, temporary).map_err(|error| {
        let (cdb, temporary) = (cdb.display(), temporary.display());
        Failure::temporary(format_args!("unable to write {cdb} by way of {temporary}: {error}"))
    })
}

fn read(source: Option<&Path>) -> std::io::Result<Vec<u8>> {
    let Some(path) = source else {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text)?;
        return Ok(text);
    };
    std::fs::read(path)
}

fn warn_about_duplicates(name: &str, rules: &[Rule]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for rule in rules {
        let first = *seen.entry(rule.address.to_ascii_lowercase()).or_insert(rule.line);
        if first != rule.line {
            LOG.warning(format_args!("{name}:{}: no effect, line {first} has the same address and counts", rule.line));
        }
    }
}
