//! What the run scripts of qmail's services say, for the instance: ports, limits, rules, block lists, variables, and what is
//! done with mail for users who say nothing.
//!
//! What: the scripts in the directories that were named, or in QMAIL/supervise, QMAIL/service and /service; and QMAIL/rc.
//! Security stance: RELAYCLIENT for every client is never taken. How it fails: a sentence for what cannot be written; a script
//! that cannot be read is listed. Known limits: one service for each kind of port.

use crate::control::{first_fault, put};
use crate::ground::{Fresh, Ground};
use crate::report::{Mark, Report};
use crate::rules::{STRANDED, is_stranding};
use crate::script::{Found, Scripts};
use stafett_control::{Form, rows};
use stafett_instance::tree::{self, Port};
use std::fs;
use std::path::{Path, PathBuf};

/// What the rest needs to know of the scripts.
#[derive(Debug, Default)]
pub struct Said {
    /// The rules that the listener for mail names.
    pub rules: Option<PathBuf>,
    /// What qmail-start is told to do with mail for users who say nothing.
    delivery: Option<(String, String)>,
}

/// Takes over what the scripts say.
///
/// # Errors
/// When a file of the instance cannot be read or written.
pub fn take(ground: &mut Ground, named: &[PathBuf], report: &mut Report) -> Result<Said, String> {
    let mut said = Said::default();
    let scripts = scripts(ground, named);
    for path in &scripts {
        one(ground, path, &mut said, report)?;
    }
    if scripts.is_empty() {
        report.say(Mark::Note, "run scripts", "none were found; name the service directories of qmail with --service");
    }
    delivery(ground, &said, report)?;
    Ok(said)
}

/// The run scripts, and rc.
fn scripts(ground: &Ground, named: &[PathBuf]) -> Vec<PathBuf> {
    let mut directories = named.to_vec();
    if named.is_empty() {
        let below = |parent: PathBuf| {
            let names = stafett_site::content::names(&parent).unwrap_or_default();
            names.into_iter().map(move |name| parent.join(name)).collect::<Vec<_>>()
        };
        directories.extend(below(ground.qmail.join("supervise")));
        directories.extend(below(ground.qmail.join("service")));
        let is_usual = ground.qmail == Path::new("/var/qmail");
        let is_qmails = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("qmail"));
        directories.extend(below(PathBuf::from("/service")).into_iter().filter(|path| is_usual && is_qmails(path)));
    }
    let mut scripts: Vec<PathBuf> = directories.iter().map(|directory| directory.join("run")).collect();
    scripts.retain(|script| script.is_file() || named.iter().any(|named| script.parent() == Some(named)));
    scripts.push(ground.qmail.join("rc"));
    scripts.retain(|script| !script.ends_with("rc") || script.is_file());
    // /service holds links to the directories where they lie.
    let mut seen = std::collections::BTreeSet::new();
    scripts.retain(|script| seen.insert(fs::canonicalize(script).unwrap_or_else(|_| script.clone())));
    scripts
}

fn one(ground: &mut Ground, path: &Path, said: &mut Said, report: &mut Report) -> Result<(), String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            report.say(Mark::Left, path.display(), format_args!("unable to read it: {error}"));
            return Ok(());
        }
    };
    let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
    let found = {
        let find = |named: &str| if named.starts_with('/') { ground.path_in_script(named) } else { directory.join(named) };
        Scripts { find: &find }.read(&text)
    };
    for (line, reason) in &found.left {
        report.say(Mark::Note, format_args!("{}:{line}", path.display()), reason);
    }
    match found.program.first().map(String::as_str) {
        Some("qmail-smtpd") => smtpd(ground, path, found, said, report),
        Some("qmail-start") => {
            said.delivery = found.program.get(1).map(|delivery| (delivery.clone(), path.display().to_string()));
            Ok(())
        }
        Some("qmail-pop3d" | "qmail-popup") => left(path, "POP3 is no part of Stafett; Dovecot reads the same Maildirs", report),
        Some("qmail-qmqpd" | "qmail-qmtpd") => left(path, "Stafett speaks SMTP alone, neither QMQP nor QMTP", report),
        Some(other) => left(path, &format!("it runs {other}, which has no part here"), report),
        // It runs rc, which is read by itself.
        None if found.runs.is_some() => Ok(()),
        None => left(path, "no program of qmail is seen to be started by it", report),
    }
}

fn left(path: &Path, reason: &str, report: &mut Report) -> Result<(), String> {
    report.say(Mark::Left, path.display(), reason);
    Ok(())
}

fn smtpd(ground: &mut Ground, path: &Path, found: Found, said: &mut Said, report: &mut Report) -> Result<(), String> {
    let shown = path.display();
    let Some((address, port)) = &found.listens else {
        return left(path, "qmail-smtpd is not seen behind tcpserver; give the port to stafett-setup", report);
    };
    let Some((kind, number)) = kind(port, found.tls, &found) else {
        return left(path, &format!("its port \"{port}\" is no number and no name for mail"), report);
    };
    port_of(ground, kind, number, &shown.to_string(), report);
    if !matches!(address.as_str(), "0" | "0.0.0.0" | "::" | "::0" | ":0") {
        report.say(
            Mark::Todo,
            &shown,
            format_args!("it listens at {address} alone: stafett-setup --address {address}, if the instance shall"),
        );
    }
    if kind == Port::Mail {
        said.rules.clone_from(&found.rules);
        limit(ground, "concurrencyincoming", found.limit.as_deref(), &shown.to_string(), report)?;
        limit(ground, "concurrencyperip", found.per_address.as_deref(), &shown.to_string(), report)?;
        block_lists(ground, &found.lists, &shown.to_string(), report)?;
    }
    authentication(ground, path, &found, report);
    variables(ground, kind, path, &found, report)
}

/// The kind of a port by its name or number.
fn kind(port: &str, tls: bool, found: &Found) -> Option<(Port, u16)> {
    let number = match port {
        "smtp" => 25,
        "submission" => 587,
        "smtps" | "submissions" | "ssmtp" | "urd" => 465,
        number => number.parse().ok()?,
    };
    let from_the_start = tls || found.variables.iter().any(|(_, name, _)| name == "SMTPS");
    let kind = match number {
        465 => Port::Submissions,
        587 => Port::Submission,
        _ if from_the_start => Port::Submissions,
        _ => Port::Mail,
    };
    Some((kind, number))
}

fn port_of(ground: &mut Ground, kind: Port, number: u16, place: &str, report: &mut Report) {
    let has = ground.plan.as_ref().map(|plan| match kind {
        Port::Mail => Some(plan.settings.port),
        Port::Submission => plan.settings.submission,
        Port::Submissions => plan.settings.submissions,
    });
    if has == Some(Some(number)) {
        return report.say(Mark::Have, place, format_args!("port {number}"));
    }
    let wanted = match kind {
        Port::Mail => &mut ground.wanted.port,
        Port::Submission => &mut ground.wanted.submission,
        Port::Submissions => &mut ground.wanted.submissions,
    };
    *wanted = Some(number);
}

fn limit(ground: &mut Ground, name: &'static str, value: Option<&str>, place: &str, report: &mut Report) -> Result<(), String> {
    let Some(value) = value else { return Ok(()) };
    let Some(row) = rows::TABLE.iter().find(|row| row.name == name) else { return Ok(()) };
    let is_the_files = fs::read_to_string(ground.qmail.join("control").join(name)).is_ok_and(|text| text.trim() == value);
    if is_the_files {
        return Ok(());
    }
    let number = value.parse::<u64>().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
    if !number.is_some_and(|number| matches!(row.form, Form::Integer { least, most, .. } if (least..=most).contains(&number))) {
        report.say(Mark::Left, place, format_args!("its limit \"{value}\" is no number that is possible; write one into control/{name}"));
        return Ok(());
    }
    put(ground, row, format!("{value}\n").as_bytes(), &format!("from {place}"), report)
}

fn block_lists(ground: &mut Ground, lists: &[String], place: &str, report: &mut Report) -> Result<(), String> {
    if lists.is_empty() {
        return Ok(());
    }
    if let Some(fault) = first_fault(&rows::DNSBLLIST, lists) {
        report.say(Mark::Left, place, format_args!("block lists: {fault}"));
        return Ok(());
    }
    let text: String = lists.iter().map(|line| format!("{line}\n")).collect();
    put(ground, &rows::DNSBLLIST, text.as_bytes(), &format!("from rblsmtpd in {place}"), report)
}

/// qmail-smtpd with AUTH has the host, a checkpassword and another program behind it.
fn authentication(ground: &mut Ground, path: &Path, found: &Found, report: &mut Report) {
    let checker = found.program.iter().skip(1).find(|word| word.starts_with('/'));
    let Some(checker) = checker else { return };
    ground.want("auth");
    let text = format!(
        "passwords are asked of {checker}: write \"checkpassword {checker}\" into control/authsource, if its user may run it, or make accounts with stafett-passwd"
    );
    report.say(Mark::Todo, path.display(), text);
}

/// Variables for smtpd go into env/ of the listener.
fn variables(ground: &mut Ground, kind: Port, path: &Path, found: &Found, report: &mut Report) -> Result<(), String> {
    let listener = tree::listener_name(kind, 1);
    for (line, name, value) in &found.variables {
        let place = format!("{}:{line}", path.display());
        let known = stafett_ucspi::variable(name.as_bytes());
        match known.map(|known| known.judge(value.as_bytes())) {
            None => report.say(Mark::Note, place, format_args!("{name} means nothing to stafett-smtpd")),
            Some(Err(reason)) => report.say(Mark::Left, place, reason),
            Some(Ok(())) if name == "RELAYCLIENT" => {
                report.say(Mark::Left, place, "gives RELAYCLIENT to every client, which is an open relay unless only your own can connect; name their networks in control/tcp.smtp");
            }
            Some(Ok(())) if is_stranding(ground, name.as_bytes(), value.as_bytes()) => report.say(Mark::Left, place, STRANDED),
            Some(Ok(())) if !ground.root.join("service").join(&listener).join("env").is_dir() => {
                report.say(
                    Mark::Todo,
                    place,
                    format_args!("{name} goes into service/{listener}/env; make that listener with stafett-setup, then run this again"),
                );
            }
            Some(Ok(())) => {
                let how = format!("from {place}");
                ground.put(Fresh::open(&format!("service/{listener}/env/{name}"), format!("{value}\n").as_bytes(), &how), report)?;
            }
        }
    }
    Ok(())
}

/// control/defaultdelivery of the instance is what qmail-start was told, or qmail's own file of that name.
fn delivery(ground: &mut Ground, said: &Said, report: &mut Report) -> Result<(), String> {
    let Some((delivery, place)) = &said.delivery else {
        if !ground.qmail.join("control/defaultdelivery").exists() {
            report.say(
                Mark::Note,
                "control/defaultdelivery",
                "qmail-start was not found in a script; where users say nothing, mail goes into ./Maildir/",
            );
        }
        return Ok(());
    };
    let lines: Vec<String> = delivery.lines().map(str::to_owned).filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let is_the_files =
        fs::read_to_string(ground.qmail.join("control/defaultdelivery")).is_ok_and(|file| file.trim_end() == delivery.trim_end());
    if is_the_files || lines.is_empty() {
        return Ok(());
    }
    if let Some(fault) = first_fault(&rows::DEFAULTDELIVERY, &lines) {
        report.say(Mark::Left, place, format_args!("what qmail-start does with mail for users who say nothing: {fault}"));
        return Ok(());
    }
    put(ground, &rows::DEFAULTDELIVERY, text.as_bytes(), &format!("from {place}"), report)
}

#[cfg(test)]
#[path = "services_test.rs"]
mod services_test;
