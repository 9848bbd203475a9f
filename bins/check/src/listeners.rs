//! What a listener tells smtpd beside the rules: the variables in its env/, and what a port for submission needs.

use crate::subject::Subject;
use stafett_control::rows;
use stafett_instance::tree::{self, Port};
use stafett_site::{Finding, Findings, content};
use stafett_ucspi::{VARIABLES, variable};
use std::fs;

/// What stands in env/ and is not for smtpd: for the listener itself, its libraries and its run script.
const OTHERS: [&str; 5] = ["DNSCACHEIP", "HANDOFF", "PATH", "STAFETT", "TZ"];

/// Judges each listener, whether the instance still needs it or not.
pub fn check(subject: &Subject, findings: &mut Findings) {
    for service in content::names(&subject.root.join("service")).unwrap_or_default() {
        let service = service.to_string_lossy();
        if tree::listener_kind(&service).is_some() {
            environment(subject, &service, findings);
        }
    }
    submission(subject, findings);
}

/// The variables of one listener that smtpd could not understand, so that it would turn every client away.
pub fn environment(subject: &Subject, service: &str, findings: &mut Findings) {
    let directory = subject.root.join("service").join(service).join("env");
    for name in content::names(&directory).unwrap_or_default() {
        let name = name.to_string_lossy();
        let place = format!("service/{service}/env/{name}");
        match variable(name.as_bytes()) {
            Some(known) => {
                // envdir(8): a file of no bytes takes the variable away, else its first line counts.
                let Some(bytes) = fs::read(directory.join(&*name)).ok().filter(|bytes| !bytes.is_empty()) else { continue };
                let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
                if let Err(reason) = known.judge(line) {
                    let finding = Finding::error(place, format_args!("{reason}; every client would be turned away"));
                    findings.push(finding.remedy("correct it and restart the service"));
                }
            }
            None if OTHERS.contains(&&*name) || name.starts_with("LC_") || name == "LANG" => {}
            None => {
                let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
                let finding = Finding::warning(place, "smtpd is not told of this variable");
                findings.push(finding.remedy(format_args!("remove the file; what smtpd knows is {}", known.join(", "))));
            }
        }
    }
}

/// Nobody can log in without these.
fn submission(subject: &Subject, findings: &mut Findings) {
    let Some(plan) = &subject.plan else { return };
    let Some(listener) = plan.listeners().into_iter().find(|listener| listener.kind != Port::Mail) else { return };
    let (place, root) = (format!("service/{}", listener.name), subject.root.display());
    for needed in ["auth", "tls", "tlskeys"].into_iter().filter(|name| tree::is_optional(name)) {
        if !plan.services().iter().any(|service| service.name == needed) {
            let text = format!("nobody can submit mail: it needs the service {needed}, which this instance does not have");
            findings.push(Finding::error(&place, text).remedy(format_args!("run stafett-setup {root} --with {needed}")));
        }
    }
    if matches!(subject.control.directory_of(&rows::SERVERCERTS), Ok(None)) {
        let finding = Finding::error(&place, "nobody can submit mail: there is no certificate in control/servercerts");
        findings.push(finding.remedy("put one there as stafett-tls(8) says, or run stafett-setup with --no-submission"));
    }
}
