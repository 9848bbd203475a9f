//! Control files with a password that more people can read than need it.
//!
//! The password itself is never shown. Who may see the directory control/ is everybody; so the file's own mode counts.

use crate::point::at_file;
use crate::subject::Subject;
use stafett_control::form::limitstore::is_secret;
use stafett_control::rows;
use stafett_site::{Findings, Weight};
use std::os::unix::fs::PermissionsExt;

/// Judges control/limitstore.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let row = &rows::LIMITSTORE;
    let holds_one = subject.lines(row).iter().any(|item| is_secret(&item.value));
    let Ok(found) = std::fs::metadata(subject.control.path(row)) else { return };
    if holds_one && found.permissions().mode() & 0o004 != 0 {
        let finding = at_file(Weight::Error, row, "it holds a password, and everybody may read it");
        findings.push(finding.remedy("give it to the user of the service limit, mode 0400, and choose another password"));
    }
}
