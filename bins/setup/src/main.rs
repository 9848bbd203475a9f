//! Makes an instance, mends it, and judges it.
//!
//! What: `stafett-setup DIR --me HOST …` makes or mends the instance in DIR from the table in
//! lib/instance; `--check` judges its tree and changes nothing
//! (stafett-check judges the control files too); `--print`, `--sample`, `--samples` and
//! `--manual` write what is generated: scripts, control files, stafett-control(5).
//! Security stance: as root it creates users and changes owners, so it follows no symbolic link
//! inside an instance and touches nothing that the table does not name. It changes no control
//! file that exists and no script that was edited.
//! How it fails: 100 with a sentence that says what to do, before anything was changed where that
//! can be known; 111 when the system refuses. `--check` exits 0, 1 for warnings, 100 for errors.
//! Known limits: it starts and stops nothing; users are made by useradd(8) or busybox adduser.

mod accounts;
mod check;
mod control;
mod files;
mod ground;
mod make;
mod manual;
mod options;
mod plan;
mod programs;
mod samples;
#[cfg(test)]
mod tests;

use options::Work;
use stafett_log::{Failure, Log};
use stafett_site::Plan;
use std::fmt;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-setup");

fn main() -> ExitCode {
    let done = options::of_process().and_then(|work| match work {
        Work::Make(request) => make::run(&request).map(|()| ExitCode::SUCCESS),
        Work::Check(request) => check::run(&request),
        Work::Print { directory, path } => make::print(&directory, &path).map(|()| ExitCode::SUCCESS),
        Work::Manual => say(manual::page()),
        Work::Sample(name) => samples::one(&name).and_then(say),
        Work::Samples(directory) => samples::all(&directory).map(|()| ExitCode::SUCCESS),
        Work::Help => say(options::USAGE),
    });
    LOG.end(done)
}

/// Prints to standard output; a reader that has gone away is no fault.
fn say(text: impl fmt::Display) -> Result<ExitCode, Failure> {
    use std::io::Write;
    let text = text.to_string();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = write!(std::io::stdout(), "{text}{end}");
    Ok(ExitCode::SUCCESS)
}
