//! `--service NAME`: what keeps that service from starting. Its run script asks this first.
//!
//! Only errors count, and only those in files that the service reads; each is one line on standard
//! error, which is the service's log. It must be quick: control/ alone is read, and no name is looked up.

use crate::options::Options;
use crate::subject::Subject;
use crate::{LOG, files, listeners, routes, rules};
use stafett_control::{Setting, rows};
use stafett_instance::tree;
use stafett_log::Failure;
use stafett_site::{Findings, Weight};

/// Judges the files of the service; 100 when it must not start.
pub fn run(options: &Options, name: &str) -> Result<u8, Failure> {
    let program = program(name)?;
    let mut findings = Findings::default();
    let subject = Subject::open(options.directory.as_deref(), &mut findings)?;
    // An instance without memory still runs.
    findings.retain(|finding| finding.place != tree::SETTINGS);
    for row in read_by(program) {
        files::of_row(&subject, row, &mut findings);
    }
    match program {
        tree::LISTENER => {
            rules::open_table(&subject, &mut findings);
            listeners::environment(&subject, name, &mut findings);
        }
        "smtpd" => rules::open_environment(&subject, &mut findings),
        "send" => routes::loops(&subject, &mut findings),
        _ => {}
    }
    findings.retain(|finding| finding.weight == Weight::Error);
    findings.iter().for_each(|finding| LOG.error(finding));
    if findings.exit_code() != 0 {
        LOG.fatal(format_args!("{name} is not started until this is put right"));
    }
    Ok(findings.exit_code())
}

/// The program of a service, without `stafett-`.
fn program(name: &str) -> Result<&'static str, Failure> {
    let wanted = if tree::listener_kind(name).is_some() { tree::LISTENER } else { name };
    let known = || tree::all_services().map(|service| service.name);
    known().find(|known| *known == wanted).ok_or_else(|| {
        Failure::lasting(format_args!("--service {name}: there is no such service; these are: {}", known().collect::<Vec<_>>().join(", ")))
    })
}

fn read_by(program: &'static str) -> impl Iterator<Item = &'static Setting> {
    rows::TABLE.iter().copied().filter(move |row| row.readers.contains(&program))
}
