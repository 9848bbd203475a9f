//! Each control file by itself: its name, its form, and what the program that reads it demands
//! beyond that.

use crate::point::{at_fault, at_file, at_line, at_value};
use crate::subject::Subject;
use stafett_address::{Domain, Mailbox};
use stafett_control::{Control, Item, Setting, nearest, rows};
use stafett_route::{RcptHosts, SmtpRoutes};
use stafett_site::{Finding, Findings, Weight, content};
use stafett_ucspi::Rules;
use std::net::IpAddr;

/// Judges all of them.
pub fn check(subject: &Subject, findings: &mut Findings) {
    for row in rows::TABLE {
        of_row(subject, row, findings);
    }
    strangers(&subject.control, findings);
}

/// Judges the file of that row as its readers will.
pub fn of_row(subject: &Subject, row: &Setting, findings: &mut Findings) {
    let control = &subject.control;
    let faults = control.faults(row);
    if faults.is_empty() {
        demands(subject, row, findings);
    }
    faults.iter().for_each(|fault| findings.push(at_fault(control, fault)));
}

/// Programs ask for more than a form can say.
fn demands(subject: &Subject, row: &Setting, findings: &mut Findings) {
    match row.name {
        name if name == rows::ME.name => me(subject, findings),
        name if name == rows::LOCALIPHOST.name => host(subject, row, findings),
        name if name == rows::RCPTHOSTS.name => {
            lines(subject, row, findings, |line| RcptHosts::new().insert(1, line).map_err(|error| error.to_string()))
        }
        name if name == rows::BADMAILFROM.name => lines(subject, row, findings, sender),
        name if name == rows::TAPS.name => {
            stafett_taps::Taps::faults(&subject.control).iter().for_each(|fault| findings.push(at_fault(&subject.control, fault)))
        }
        name if name == rows::SMTPROUTES.name => lines(subject, row, findings, route),
        name if name == rows::TCP_SMTP_CDB.name => table(subject, findings),
        name if name == rows::SMTPGREETING.name => greeting(subject, findings),
        _ => {}
    }
}

fn me(subject: &Subject, findings: &mut Findings) {
    let row = &rows::ME;
    let Some(me) = &subject.me else {
        let finding = at_file(Weight::Error, row, "the file is missing or empty");
        return findings.push(finding.remedy("write the full name of this host on its first line"));
    };
    if me.parse::<IpAddr>().is_ok() {
        let finding = at_value(Weight::Error, &subject.control, row, "an address is no name");
        findings.push(finding.remedy("write the full name of this host, such as relay.example.org"));
    } else if !me.contains('.') {
        let finding = at_value(
            Weight::Warning,
            &subject.control,
            row,
            format_args!("\"{me}\" is not a full name, so other hosts may refuse mail from it"),
        );
        findings.push(finding.remedy(format_args!("write the name with its domain, such as {me}.example.org")));
    } else {
        host(subject, row, findings);
    }
}

fn host(subject: &Subject, row: &Setting, findings: &mut Findings) {
    let refused = subject.line(row).and_then(|name| Domain::parse(&name).err());
    if let Some(reason) = refused {
        findings.push(at_value(Weight::Error, &subject.control, row, reason).remedy("write the name of a host"));
    }
}

fn lines(subject: &Subject, row: &Setting, findings: &mut Findings, judge: fn(&str) -> Result<(), String>) {
    for item in subject.lines(row) {
        if let Err(reason) = judge(&item.value) {
            let (text, remedy) = reason.split_once("; ").unwrap_or((&reason, "correct the line or remove it"));
            findings.push(at_line(Weight::Error, &subject.control, row, &item, "", text).remedy(remedy));
        }
    }
}

fn sender(line: &str) -> Result<(), String> {
    let judged = match line.strip_prefix("@.").or_else(|| line.strip_prefix('@')) {
        Some(domain) => Domain::parse(domain).map(drop),
        // the form has judged networks
        None if !line.contains('@') => Ok(()),
        None => Mailbox::from_raw(line).map(drop),
    };
    judged.map_err(|error| error.to_string())
}

fn route(line: &str) -> Result<(), String> {
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    SmtpRoutes::new().insert(key, value).map_err(|bad| bad.to_string())
}

/// The listener looks at every record before it believes one.
fn table(subject: &Subject, findings: &mut Findings) {
    let row = &rows::TCP_SMTP_CDB;
    if let Err(error) = Rules::open(&subject.control.path(row))
        && !error.is_absent()
    {
        findings.push(at_file(Weight::Error, row, error).remedy("run stafett-tcprules tcp.smtp in control/"));
    }
}

/// RFC 5321 section 4.2: the first word of the greeting is the name of the host.
fn greeting(subject: &Subject, findings: &mut Findings) {
    let row = &rows::SMTPGREETING;
    let Some(greeting) = subject.line(row) else { return };
    let word = greeting.split(' ').next().unwrap_or_default();
    if !word.contains('.') || stafett_control::form::host(word).is_err() {
        let at = Item { line: 1, value: () };
        let finding = at_line(
            Weight::Warning,
            &subject.control,
            row,
            &at,
            word,
            format_args!("the first word, \"{word}\", is not the full name of a host (RFC 5321 section 4.2)"),
        );
        let me = subject.me.as_deref().unwrap_or("relay.example.org");
        findings.push(finding.remedy(format_args!("begin the line with the name of this host: {me} {greeting}")));
    }
}

/// Names that nothing reads.
fn strangers(control: &Control, findings: &mut Findings) {
    for name in content::names(control.directory()).unwrap_or_default() {
        let name = name.to_string_lossy();
        if rows::TABLE.iter().any(|row| row.name == name) {
            continue;
        }
        let finding = Finding::warning(format_args!("control/{name}"), "is no control file that this version reads");
        findings.push(match nearest(&name) {
            Some(known) => finding.remedy(format_args!("did you mean {known}?")),
            None => finding.remedy("move it elsewhere; stafett-control(5) lists what is read"),
        });
    }
}
