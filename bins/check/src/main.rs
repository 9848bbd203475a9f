//! stafett-check: judges control/ and the tree of an instance, and changes nothing.
//!
//! What: every control file by its row, what contradicts between files, the listener's rules,
//! owners and modes, what runs, the ground it stands on, and with `--dns` the names. With
//! `--service NAME`, which the run scripts call before they start a program: only errors in files
//! that this service reads.
//! Security stance: reads only. Called by root it reads files of the services, so it takes what they
//! hold for text to show, never for a path to follow.
//! How it fails: exit 0 when there is nothing to say, 1 for warnings alone, 100 for errors (also in
//! the command line), 111 when the system refuses. What could not be looked at is a warning.
//! Known limits: it sees one moment; whether a service took its files in, its log says.

mod accounts;
mod aliases;
mod bounces;
mod certificates;
mod credentials;
mod files;
mod limits;
mod listeners;
mod names;
mod needs;
mod options;
mod outgoing;
mod point;
mod ports;
mod processes;
mod routes;
mod rules;
mod secondary;
mod service;
mod show;
mod signing;
mod subject;
mod surroundings;
#[cfg(test)]
mod tests;
mod tlsout;
mod users;

use options::Options;
use stafett_log::{Failure, Log};
use stafett_site::{Findings, tree};
use std::process::ExitCode;
use subject::Subject;

const LOG: Log = Log::new("stafett-check");

fn main() -> ExitCode {
    let code = Options::read().and_then(|options| match &options.service {
        Some(name) => service::run(&options, name),
        None => run(&options),
    });
    LOG.end(code.map(ExitCode::from))
}

fn run(options: &Options) -> Result<u8, Failure> {
    if options.help {
        return show::text(options::USAGE);
    }
    let mut findings = Findings::default();
    let subject = Subject::open(options.directory.as_deref(), &mut findings)?;
    control(&subject, &mut findings);
    users::check(&subject, &mut findings);
    if let Some(plan) = &subject.plan {
        if let Err(failure) = tree::judge(plan, &mut findings) {
            // What was found may be the reason.
            show::all(&findings, options.least());
            return Err(failure);
        }
        processes::check(&subject, plan, &mut findings);
    }
    surroundings::check(&subject, &mut findings);
    if options.dns {
        names::check(&subject, &mut findings);
    }
    show::all(&findings, options.least());
    Ok(findings.exit_code())
}

/// All that control/ alone tells.
fn control(subject: &Subject, findings: &mut Findings) {
    files::check(subject, findings);
    rules::check(subject, findings);
    listeners::check(subject, findings);
    routes::check(subject, findings);
    secondary::check(subject, findings);
    aliases::check(subject, findings);
    outgoing::check(subject, findings);
    certificates::check(subject, findings);
    credentials::check(subject, findings);
    tlsout::check(subject, findings);
    accounts::check(subject, findings);
    bounces::check(subject, findings);
    limits::check(subject, findings);
    needs::check(subject, findings);
    signing::check(subject, findings);
}
