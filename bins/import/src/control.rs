//! The control files of qmail, each taken as it is, translated, or left with the reason.
//!
//! What: a file of a name that means the same with us is taken byte for byte if our reader accepts it; otherwise its lines
//! that do not parse are named, and the admin corrects them. Security stance: without rcpthosts qmail relays for everybody; the
//! instance gets one with the domains of this host. How it fails: a sentence for what cannot be read or written.
//! Known limits: a file with one bad line is left as a whole.

use crate::ground::{Fresh, Ground};
use crate::names::{Fate, fate, service};
use crate::report::{Mark, Report};
use crate::{certificates, lists, relays};
use stafett_control::{Control, Form, Setting, nearest, rows};
use stafett_instance::people::Role;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Takes over all of them.
///
/// # Errors
/// When qmail's control directory cannot be read, or ours not written.
pub fn take(ground: &mut Ground, report: &mut Report) -> Result<(), String> {
    let control = ground.theirs();
    let unreadable = |error| format!("unable to read {}: {error}", control.directory().display());
    for name in stafett_site::content::names(control.directory()).map_err(unreadable)? {
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        one(ground, name, report)?;
    }
    if !control.path(&rows::ME).exists() {
        report.say(Mark::Left, "control/me", "qmail has none, so it cannot have run; write the full name of this host into it");
    }
    if !control.path(&rows::RCPTHOSTS).exists() {
        close(ground, report)?;
    }
    need_local(ground, report);
    Ok(())
}

fn one(ground: &mut Ground, name: &str, report: &mut Report) -> Result<(), String> {
    let place = format!("control/{name}");
    if ground.qmail.join(&place).is_dir() {
        let reason = if let Fate::Not(reason) = fate(name) { reason } else { "is a directory, and no control file of qmail is one" };
        report.say(Mark::Left, place, reason);
        return Ok(());
    }
    match fate(name) {
        Fate::Same(row) => same(ground, row, row.name, report),
        Fate::As(name, row) => same(ground, row, name, report),
        Fate::Routes => relays::take(ground, report),
        Fate::SenderDomain => sender_domain(ground, report),
        Fate::Certificate(row) => certificates::take(ground, row, name, report),
        Fate::Recipients => lists::recipients(ground, report),
        Fate::Rules => Ok(()),
        Fate::Not(reason) => {
            report.say(Mark::Left, place, reason);
            Ok(())
        }
        Fate::Unknown => {
            match nearest(name) {
                Some(known) => {
                    report.say(Mark::Left, place, format_args!("neither qmail nor Stafett reads a file of that name; {known} is one"))
                }
                None => report.say(Mark::Left, place, "Stafett has no control file of that name; stafett-control(5) lists what there is"),
            }
            Ok(())
        }
    }
}

/// Takes the file `name` for `row`.
fn same(ground: &mut Ground, row: &'static Setting, name: &'static str, report: &mut Report) -> Result<(), String> {
    let source = ground.qmail.join("control").join(name);
    let faults = faults(ground, row, name);
    if !faults.is_empty() {
        for fault in faults {
            report.say(Mark::Left, fault, "qmail takes something else for it without a word; correct it and run this again");
        }
        return Ok(());
    }
    let bytes = read(&source)?;
    let how = if row.name == name { String::new() } else { format!("from control/{name}") };
    put(ground, row, &bytes, &how, report)
}

/// What our reader has to say against the file, whatever its name.
fn faults(ground: &Ground, row: &'static Setting, name: &'static str) -> Vec<String> {
    let as_named = Setting { name, ..*row };
    ground.theirs().faults(&as_named).iter().map(ToString::to_string).collect()
}

/// Writes a control file of ours, and asks for the service that it needs.
pub fn put(ground: &mut Ground, row: &'static Setting, bytes: &[u8], how: &str, report: &mut Report) -> Result<(), String> {
    if let Some(service) = service(row.name) {
        ground.want(service);
    }
    let path = format!("control/{}", row.name);
    let (owner, mode) = match row.name {
        name if name == rows::SMTPAUTH.name => (Role::Remote, 0o400),
        name if name == rows::SRSSECRETS.name => (Role::Dkim, 0o400),
        _ => (Role::Root, 0o644),
    };
    ground.put(Fresh { path: &path, bytes, owner, mode, how }, report)
}

/// mfcheck: 0 asks nothing; any other number has qmail refuse senders whose domain has no mail.
fn sender_domain(ground: &mut Ground, report: &mut Report) -> Result<(), String> {
    let text = String::from_utf8_lossy(&read(&ground.qmail.join("control/mfcheck"))?).into_owned();
    match text.lines().next().unwrap_or("").trim().parse::<u64>() {
        Ok(0) => report.say(Mark::Note, "control/mfcheck", "is 0, as without it"),
        Ok(_) => return put(ground, &rows::SENDERDOMAIN, b"require\n", "from control/mfcheck", report),
        Err(_) => report.say(Mark::Left, "control/mfcheck:1", format_args!("\"{}\" is not a number", text.trim())),
    }
    Ok(())
}

/// The instance of an open relay gets a rcpthosts with the domains of this host.
fn close(ground: &mut Ground, report: &mut Report) -> Result<(), String> {
    let own = own_domains(&ground.theirs());
    report.say(
        Mark::Note,
        "control/rcpthosts",
        "qmail has none and so relays for the whole world; the instance takes mail for the domains of this host alone, and from clients with RELAYCLIENT for all",
    );
    let text: String = own.iter().map(|domain| format!("{domain}\n")).collect();
    put(ground, &rows::RCPTHOSTS, text.as_bytes(), "made of me, locals and virtualdomains, so that the relay is closed", report)
}

/// The domains that are of this host for qmail.
fn own_domains(control: &Control) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    match control.list(&rows::LOCALS).ok().flatten() {
        Some(locals) => own.extend(locals.into_iter().map(|item| item.value.to_ascii_lowercase())),
        None => own.extend(control.line(&rows::ME).ok().flatten()),
    }
    for item in control.map(&rows::VIRTUALDOMAINS).ok().flatten().unwrap_or_default() {
        let (key, prepend) = item.value;
        let domain = key.rsplit_once('@').map_or(key.as_str(), |(_, domain)| domain).to_owned();
        if !prepend.trim().is_empty() && !domain.is_empty() {
            own.insert(domain);
        }
    }
    own
}

/// qmail delivers to users of its host unless locals is there and empty.
fn need_local(ground: &mut Ground, report: &mut Report) {
    let control = ground.theirs();
    if own_domains(&control).is_empty() {
        report.say(Mark::Note, "control/locals", "nothing is of this host, so the instance needs no service local");
        return;
    }
    ground.want("local");
}

/// Reads a file of qmail.
///
/// # Errors
/// When that is not possible.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("unable to read {}: {error}", path.display()))
}

/// What is wrong with text for a list or map of ours: the first fault.
pub fn first_fault(row: &Setting, lines: &[String]) -> Option<String> {
    lines.iter().find_map(|line| match row.form {
        Form::List(judge) => judge(line).err(),
        Form::Map(judge) => line.split_once(':').and_then(|(key, value)| judge(key, value).err()),
        _ => None,
    })
}
