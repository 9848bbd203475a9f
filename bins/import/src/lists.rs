//! Compiled lists of recipients.
//!
//! What: validrcptto.cdb of the qmail patches holds addresses, and `@domain` for all of one; its keys are ours if they are in
//! lower case and of that form. Security stance: a key that would mean something else is not taken. How it fails: the first odd
//! key is named and the file is left. Known limits: the values are dropped, nobody reads them.

use crate::control::put;
use crate::ground::Ground;
use crate::report::{Mark, Report};
use stafett_control::{compiled, rows};
use stafett_route::recipients::compiled_key;

/// Takes over validrcptto.cdb.
///
/// # Errors
/// When it cannot be written.
pub fn recipients(ground: &mut Ground, report: &mut Report) -> Result<(), String> {
    let path = ground.qmail.join("control/validrcptto.cdb");
    if let Some(odd) = odd_key(&path) {
        report.say(Mark::Left, "control/validrcptto.cdb", format_args!("{odd}; make it anew with stafett-tcprules --recipients"));
        return Ok(());
    }
    let bytes = crate::control::read(&path)?;
    put(ground, &rows::VALIDRCPTTO_CDB, &bytes, "", report)
}

fn odd_key(path: &std::path::Path) -> Option<String> {
    let table = match compiled::open(path) {
        Ok(table) => table,
        Err(error) => return Some(format!("is no cdb: {error}")),
    };
    table.iter().find_map(|record| match record {
        Err(error) => Some(format!("is damaged: {error}")),
        Ok((key, _)) => {
            let is_ours = std::str::from_utf8(&key).is_ok_and(|text| compiled_key(text).is_ok_and(|ours| ours == text));
            (!is_ours).then(|| format!("its key \"{}\" is neither an address nor @domain in lower case", key.escape_ascii()))
        }
    })
}
