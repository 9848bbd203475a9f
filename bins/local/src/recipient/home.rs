//! The home: whether anything may be delivered there now (qmail-local(8), dot-qmail(5)).

use super::{Delivery, Stop, Work};
use std::os::unix::fs::MetadataExt;

/// Goes to the home and judges it; what there is to warn of when nothing is done.
pub fn enter(delivery: &Delivery, work: Work) -> Result<&'static str, Stop> {
    let home = &delivery.owner.home;
    std::env::set_current_dir(home).map_err(|error| Stop::Later(format!("Unable to switch to {}: {error}. (#4.3.0)", home.display())))?;
    let found = std::fs::metadata(".").map_err(|error| Stop::Later(format!("Unable to stat home directory: {error}. (#4.3.0)")))?;
    if found.mode() & 0o002 != 0 {
        return Err(Stop::Later("Uh-oh: home directory is writable. (#4.7.0)".to_owned()));
    }
    if found.mode() & 0o1000 != 0 {
        // The user looks what the edited file would do.
        if work == Work::Tell {
            return Ok("Warning: home directory is sticky.\n");
        }
        return Err(Stop::Later("Home directory is sticky: user is editing his .qmail file. (#4.2.1)".to_owned()));
    }
    Ok("")
}
