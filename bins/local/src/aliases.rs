//! Whether a recipient that nothing but alias/.qmail-default takes is an alias: control/aliases (stafett-aliases(8)).
//!
//! Security stance: run as the owner of alias/, as a delivery is. How it fails: a table that cannot be read is no reason to say
//! that there is no such alias.

use stafett_alias_table::Table;
use std::path::PathBuf;

/// Whether one of the files has this name, as fastforward(1) with -d would look for it.
///
/// # Errors
/// When a table cannot be read.
pub fn hold(files: &[PathBuf], local: &str, host: &str) -> Result<bool, String> {
    for file in files {
        let mut compiled = file.as_os_str().to_owned();
        compiled.push(".cdb");
        let compiled = PathBuf::from(compiled);
        let found = Table::open(&compiled).and_then(|table| table.incoming(local, host));
        if found.map_err(|error| format!("unable to read {}: {error}; newaliases makes it", compiled.display()))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
