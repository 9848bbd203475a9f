//! Domains that this host is the secondary MX for: what holdlifetime says, held to the files that take and judge their mail.

use crate::point::at_line;
use crate::subject::Subject;
use stafett_control::form::callout::Callout;
use stafett_control::{Item, rows};
use stafett_route::{DomainMap, RcptHosts};
use stafett_site::{Findings, Weight};

/// Judges each line.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let (hosts, asked) = (subject.rcpthosts(), asked(subject));
    for item in subject.lines(&rows::HOLDLIFETIME) {
        let key = item.value.rsplit_once(':').map_or("", |(key, _)| key).to_owned();
        // What is said of all below a domain is tried with one of them.
        let domain = if key.starts_with('.') { format!("any{key}") } else { key.clone() };
        if !domain.is_empty() {
            is_taken(subject, &hosts, (&item, &key, &domain), findings);
            is_elsewhere(subject, (&item, &key, &domain), findings);
            has_recipients(subject, &asked, (&item, &key, &domain), findings);
        }
    }
}

/// A line, its key, and a domain that it is about.
type Line<'a> = (&'a Item<String>, &'a str, &'a str);

fn warn(subject: &Subject, (item, key, _): Line<'_>, text: String, remedy: &str, findings: &mut Findings) {
    let finding = at_line(Weight::Warning, &subject.control, &rows::HOLDLIFETIME, item, key, text);
    findings.push(finding.remedy(remedy));
}

fn is_taken(subject: &Subject, hosts: &RcptHosts, line: Line<'_>, findings: &mut Findings) {
    if !subject.accepts(hosts, line.2) {
        let text = format!("this host is to keep mail for {}, but takes none: rcpthosts does not list it", line.1);
        warn(subject, line, text, &format!("add {} to rcpthosts", line.1), findings);
    }
}

fn is_elsewhere(subject: &Subject, line: Line<'_>, findings: &mut Findings) {
    let here = [&rows::LOCALS, &rows::VIRTUALDOMAINS];
    let names = |row: &&stafett_control::Setting| subject.lines(row).iter().any(|item| item.value.split(':').next() == Some(line.2));
    if let Some(row) = here.into_iter().find(names) {
        let text = format!("{} is of this host ({}), so there is no other whose return its mail could wait for", line.1, row.name);
        warn(subject, line, text, "remove one of the two lines", findings);
    }
}

/// A secondary that does not know the recipients makes bounces to senders who may be forged.
fn has_recipients(subject: &Subject, asked: &DomainMap<bool>, line: Line<'_>, findings: &mut Findings) {
    let is_listed = subject.control.path(&rows::VALIDRCPTTO).exists() || subject.control.path(&rows::VALIDRCPTTO_CDB).exists();
    if !is_listed && !asked.look_up(line.2).copied().unwrap_or(false) {
        let text = format!("mail for {} is kept without knowing its recipients, and what its own host refuses later bounces", line.1);
        let remedy = format!("write \"{}:on\" into callout, or the recipients into validrcptto; see stafett-secondary(7)", line.1);
        warn(subject, line, text, &remedy, findings);
    }
}

fn asked(subject: &Subject) -> DomainMap<bool> {
    let mut asked = DomainMap::default();
    for item in subject.control.map(&rows::CALLOUT).ok().flatten().unwrap_or_default() {
        asked.insert(&item.value.0, Callout::parse(&item.value.1).is_ok_and(|callout| callout.on));
    }
    asked
}
