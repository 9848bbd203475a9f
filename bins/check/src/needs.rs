//! Checks that are switched on while the service that does their work is not there.
//!
//! smtpd or remote would put off every mail that the check is about; mail for users of this host would go elsewhere.

use crate::subject::Subject;
use stafett_control::{Form, Setting, rows};
use stafett_instance::tree;
use stafett_site::{Finding, Findings};

/// A control file, and the optional service that it puts to work.
const NEEDS: &[(&Setting, &str)] = &[
    (&rows::ACCOUNTS, "auth"),
    (&rows::ARCSEAL, "dkim"),
    (&rows::AUTHSOURCE, "auth"),
    (&rows::CALLOUT, "callout"),
    (&rows::DKIMSIGN, "dkim"),
    (&rows::DMARCBEHAVIOR, "verify"),
    (&rows::DNSBLLIST, "dnsbl"),
    (&rows::GREYLIST, "limit"),
    (&rows::LIMITS, "limit"),
    (&rows::LOCALS, "local"),
    (&rows::MILTERS, "milter"),
    (&rows::MTASTS, "mtasts"),
    (&rows::REVERSEDNS, "dnsbl"),
    (&rows::RHSBLLIST, "dnsbl"),
    (&rows::SENDERDOMAIN, "dnsbl"),
    (&rows::SPFBEHAVIOR, "verify"),
    (&rows::SRSDOMAIN, "dkim"),
    (&rows::TLSRPT, "tlsrpt"),
    (&rows::VIRTUALDOMAINS, "local"),
];

/// Judges each of them.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let Some(plan) = &subject.plan else { return };
    let services = plan.services();
    for (row, service) in NEEDS {
        let is_there = services.iter().any(|one| one.name == *service);
        let Some(place) = switched_on(subject, row).filter(|_| !is_there) else { continue };
        let effect = match *service {
            "auth" => "nobody can log in",
            "tlsrpt" => "nothing would be counted",
            tree::LOCAL => "its mail would go to other hosts",
            _ => "mail would be put off",
        };
        let text = format!("it needs the service {service}, which this instance does not have: {effect}");
        let root = subject.root.display();
        findings.push(Finding::error(place, text).remedy(format_args!("run stafett-setup {root} --with {service}, or remove the file")));
    }
}

/// What switches a check on: a file's line; a greylist needs none.
fn switched_on(subject: &Subject, row: &Setting) -> Option<String> {
    let at = |line| format!("control/{}:{line}", row.name);
    let by_itself = row.name == rows::GREYLIST.name && subject.control.path(row).exists();
    let first = match row.form {
        Form::Integer { .. } => (subject.effective(row) > 0).then_some(1),
        _ => subject.lines(row).into_iter().find(|item| !item.value.ends_with(":off") && item.value != "none").map(|item| item.line),
    };
    first.map(at).or_else(|| by_itself.then(|| format!("control/{}", row.name)))
}
