//! Users of this host, where stafett-local serves them: whether the system finds them (nsswitch.conf(5)), whether users/assign is
//! compiled, whether mail of programs to bare names reaches them, and whether there is a postmaster.
//!
//! How it fails: what cannot be told, such as by an ordinary user of another one's tables, gives no finding.

use crate::point::at_file;
use crate::subject::Subject;
use stafett_alias_table::Table;
use stafett_control::rows;
use stafett_instance::tree;
use stafett_local_users::remarks::{FILE, Remark, What, remarks};
use stafett_local_users::{ALIAS, Breaks, Owner, TABLE, Users};
use stafett_route::{Locals, Place};
use stafett_site::{Finding, Findings, Weight};
use stafett_sys::user::Account;
use std::io::ErrorKind;
use std::path::Path;

const ASSIGN: &str = "users/assign";

/// Judges all of it.
pub fn check(subject: &Subject, findings: &mut Findings) {
    if subject.plan.as_ref().is_some_and(|plan| plan.settings.with.contains(tree::LOCAL)) {
        sources(findings);
        assignments(&subject.root, findings);
        bare_names(subject, findings);
        postmaster(subject, findings);
    }
}

fn sources(findings: &mut Findings) {
    let told = match std::fs::read_to_string(FILE) {
        Ok(text) => remarks(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return findings.push(Finding::unseen(FILE, &error)),
    };
    told.iter().map(finding).for_each(|finding| findings.push(finding));
    if told.iter().all(|remark| matches!(remark.what, What::PassedOver(_))) {
        known(findings);
    }
}

/// Without root there are no others: a source is misspelled, or its library is not installed.
fn known(findings: &mut Findings) {
    let text = match Account::by_name("root") {
        Ok(Some(_)) => return,
        Ok(None) => "the system knows no user root by its line passwd, so it knows none: mail for users is returned".to_owned(),
        Err(error) => format!("the system cannot look for users by its line passwd ({error}): mail for users waits"),
    };
    findings.push(Finding::error(FILE, text).remedy("see that the sources are spelled right, and that files is one of them"));
}

fn finding(Remark { line, what }: &Remark) -> Finding {
    let found = match what {
        What::Broken(reason) => {
            let text = format!("{reason}, so the system finds no user at all, and mail for users waits");
            Finding::error(FILE, text).remedy("write it as nsswitch.conf(5) says")
        }
        What::Empty => Finding::error(FILE, "no source of users is named, so the system finds none")
            .remedy("write \"passwd: files\", or what there was"),
        What::PassedOver(source) => {
            let text = format!("{source} is passed over while it is away, because it is written so: mail for its users is returned then");
            Finding::warning(FILE, text)
                .remedy(format_args!("let UNAVAIL and TRYAGAIN return behind {source}, or say nothing of them: mail waits then"))
        }
    };
    found.at(*line)
}

fn assignments(root: &Path, findings: &mut Findings) {
    let changed = |name: &str| std::fs::metadata(root.join(name)).and_then(|found| found.modified()).ok();
    let Some(written) = changed(ASSIGN) else { return };
    let text = match changed(TABLE) {
        None => "does not count, because it was never compiled",
        Some(made) if written > made => "was changed after users/cdb was made, which counts",
        Some(_) => return,
    };
    findings.push(Finding::warning(ASSIGN, text).remedy(format_args!("run stafett-users {}", root.display())));
}

/// cron writes to root, which stafett-inject makes root at control/defaulthost, else at control/me.
fn bare_names(subject: &Subject, findings: &mut Findings) {
    let (Some(me), Some(host)) = (&subject.me, subject.or_me(&rows::DEFAULTHOST)) else { return };
    if !host.eq_ignore_ascii_case(me) || subject.is_here(me) || subject.is_routed(me) {
        return;
    }
    let text = format!("{me} is not in it, so mail that programs of this host send to bare names, such as root, is returned");
    let finding = at_file(Weight::Warning, &rows::LOCALS, text);
    findings.push(finding.remedy(format_args!("add {me}, or write a domain that has those users to defaulthost")));
}

/// Whoever takes mail takes it for postmaster (RFC 5321 section 4.5.1).
fn postmaster(subject: &Subject, findings: &mut Findings) {
    let own = subject.me.iter().cloned().chain(subject.list(&rows::LOCALS).into_iter().map(|item| item.value));
    let Ok(locals) = Locals::read(&subject.control) else { return };
    let is_own =
        |domain: &String| matches!(locals.place(&format!("postmaster@{domain}")), Place::Here(here) if here.starts_with("postmaster@"));
    let Some(domain) = own.into_iter().find(is_own) else { return };
    let breaks = subject.list(&rows::BREAKCHAR).first().map_or_else(Breaks::default, |item| Breaks::new(&item.value));
    let is_somebody = match Users::new(&subject.root, breaks).find("postmaster") {
        Ok(Some(owner)) => is_taken(subject, &owner, &domain),
        Ok(None) => false,
        Err(_) => true,
    };
    if !is_somebody {
        let text = format!("postmaster@{domain} is neither a user nor an alias, so smtpd refuses mail for the postmaster of this host");
        let finding = Finding::warning(format_args!("{ALIAS}/.qmail-postmaster"), text);
        findings
            .push(finding.remedy("write a line such as &name@example.org into that file, or postmaster into a file of control/aliases"));
    }
}

/// Whether dot-qmail files take it, or where alias/.qmail-default alone does, a table of aliases.
fn is_taken(subject: &Subject, owner: &Owner, domain: &str) -> bool {
    let home = subject.root.join(ALIAS);
    if owner.home != home {
        return true;
    }
    let own = format!(".qmail{}{}", owner.dash, owner.ext.to_lowercase().replace('.', ":"));
    let tables = subject.list(&rows::ALIASES);
    let by_default = || home.join(".qmail-default").exists() && (tables.is_empty() || tables.iter().any(|item| holds(&item.value, domain)));
    home.join(own).exists() || by_default()
}

/// Whether a table has it. One that cannot be read was found by itself.
fn holds(text: &str, domain: &str) -> bool {
    let found = Table::open(Path::new(&format!("{text}.cdb"))).and_then(|table| table.incoming("postmaster", domain));
    !matches!(found, Ok(None))
}
