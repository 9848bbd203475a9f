//! The rules of tcpserver: their text, or where only the compiled file is left, that turned back into text.
//!
//! What: the file that `-x` of the run script names, or `--rules`, or /etc/tcp.smtp; the text is the name without `.cdb`.
//! Security stance: rules that our reader does not accept are named with line and column and left, so that no deny is lost
//! without a word. How it fails: a sentence. Known limits: a text that was never compiled is taken as if it were, with a note.

use crate::control::read;
use crate::ground::{Fresh, Ground};
use crate::people::newer;
use crate::report::{Mark, Report};
use stafett_site::listeners::FIRST_RULES;
use stafett_ucspi::{Instructions, parse, variable, write};
use std::fs;
use std::path::{Path, PathBuf};

/// Where qmail's guides have the rules.
const USUAL: &[&str] = &["/etc/tcp.smtp", "/var/qmail/control/tcp.smtp", "/var/qmail/tcp.smtp"];

/// Takes them over; `named` is what a script or the admin names.
///
/// # Errors
/// When something cannot be read or written.
pub fn take(ground: &Ground, named: Option<&Path>, report: &mut Report) -> Result<(), String> {
    let usual = || USUAL.iter().map(|path| ground.path_in_script(path)).find(|path| path.exists() || compiled(path).exists());
    let Some(source) = named.map(text_of).or_else(usual) else {
        report.say(Mark::Note, "control/tcp.smtp", "no rules of tcpserver were found; name them with --rules if there are some");
        return Ok(());
    };
    let cdb = compiled(&source);
    if source.exists() {
        if newer(&source, &cdb) {
            report.say(
                Mark::Note,
                source.display(),
                "is newer than its cdb, which is what tcpserver reads; it has not been compiled since it was edited",
            );
        }
        return put(ground, &source, &read(&source)?, "", report);
    }
    if !cdb.exists() {
        report.say(Mark::Left, source.display(), "the run script names these rules, but neither text nor cdb is there");
        return Ok(());
    }
    match decompile(&cdb) {
        Ok(text) => put(ground, &cdb, text.as_bytes(), "from the compiled file; the text was not there", report),
        Err(reason) => {
            report.say(Mark::Left, cdb.display(), reason);
            Ok(())
        }
    }
}

fn put(ground: &Ground, source: &Path, text: &[u8], how: &str, report: &mut Report) -> Result<(), String> {
    let rules = match parse(text) {
        Ok(rules) => rules,
        Err(fault) => {
            report.say(Mark::Left, format_args!("{}:{fault}", source.display()), "correct it and run this again");
            return Ok(());
        }
    };
    let opens = |rule: &&stafett_ucspi::Rule| {
        let relays = rule.instructions.variables.iter().any(|(name, _)| name == b"RELAYCLIENT");
        matches!(rule.address.as_str(), "" | "=") && relays && !rule.instructions.deny
    };
    if let Some(open) = rules.iter().find(opens) {
        let text = "gives RELAYCLIENT to every client, which is an open relay; name the networks that may relay and run this again";
        report.say(Mark::Left, format_args!("{}:{}", source.display(), open.line), text);
        return Ok(());
    }
    for rule in &rules {
        for (name, value) in &rule.instructions.variables {
            remark(source, rule.line, name, value, report);
        }
    }
    let how = if how.is_empty() { format!("from {}", source.display()) } else { how.to_owned() };
    ground.put_over(Fresh::open("control/tcp.smtp", text, &how), FIRST_RULES.as_bytes(), report)?;
    let (own, table) = (ground.root.join("control/tcp.smtp"), ground.root.join("control/tcp.smtp.cdb"));
    let is_ours = fs::read(&own).is_ok_and(|found| found == text);
    if ground.applies() && is_ours && (newer(&own, &table) || !table.exists()) {
        let temporary = ground.root.join("control/.tcp.smtp.cdb.importing");
        write(&rules, &table, &temporary).map_err(|error| format!("unable to write {}: {error}", table.display()))?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(&table, mode).map_err(|error| format!("unable to change {}: {error}", table.display()))?;
        report.say(Mark::Take, "control/tcp.smtp.cdb", "compiled");
    }
    Ok(())
}

/// What a variable of a rule will not do here.
fn remark(source: &Path, line: usize, name: &[u8], value: &[u8], report: &mut Report) {
    let (place, shown) = (format!("{}:{line}", source.display()), name.escape_ascii());
    match variable(name) {
        None => report.say(Mark::Note, place, format_args!("{shown} means nothing to stafett-smtpd; programs that it runs will see it")),
        Some(known) => {
            if let Err(reason) = known.judge(value) {
                report.say(Mark::Left, place, reason);
            } else if name == b"QMAILQUEUE" && value.starts_with(b"/var/qmail/") {
                report.say(Mark::Note, place, "a program of qmail's stands before the queue; it must end by running stafett-queue");
            }
        }
    }
}

/// The text that would be compiled into this.
fn decompile(cdb: &Path) -> Result<String, String> {
    let table = cdb2::CDB::open(cdb).map_err(|error| format!("is no cdb: {error}"))?;
    let mut lines = Vec::new();
    for record in table.iter() {
        let (key, value) = record.map_err(|error| format!("is damaged: {error}"))?;
        let instructions =
            Instructions::decode(&value).ok_or_else(|| format!("the rule \"{}\" is none of tcprules", key.escape_ascii()))?;
        let address = String::from_utf8(key).map_err(|_| "a rule's address is no text".to_owned())?;
        lines.push(format!("{address}:{}{}\n", if instructions.deny { "deny" } else { "allow" }, variables(&instructions)?));
    }
    Ok(lines.concat())
}

fn variables(instructions: &Instructions) -> Result<String, String> {
    let mut text = String::new();
    for (name, value) in &instructions.variables {
        let (name, value) = (String::from_utf8_lossy(name), std::str::from_utf8(value).map_err(|_| "a variable is no text".to_owned())?);
        let quote = ['"', '\'', '/', '|', '!'].into_iter().find(|quote| !value.contains(*quote));
        let quote = quote.ok_or_else(|| format!("no quote fits the value of {name}"))?;
        text.push_str(&format!(",{name}={quote}{value}{quote}"));
    }
    Ok(text)
}

fn text_of(named: &Path) -> PathBuf {
    if named.extension().is_some_and(|extension| extension == "cdb") { named.with_extension("") } else { named.to_owned() }
}

fn compiled(text: &Path) -> PathBuf {
    let mut name = text.as_os_str().to_owned();
    name.push(".cdb");
    PathBuf::from(name)
}
