//! The rules of tcpserver: their text, or where only the compiled file is left, that turned back into text.
//!
//! What: the file that `-x` of the run script names, or `--rules`, or /etc/tcp.smtp; the text is the name without `.cdb`.
//! Where our reader does not accept the text, the compiled file beside it is taken, which is what tcpserver reads.
//! Security stance: no single rule is left out, a deny or an allow: its clients would fall to a less specific rule, which may let
//! them in or let them relay. Each line that our reader does not accept is named. Not taken are rules that let everybody relay, and
//! those with a program that puts mail into qmail's own queue, which nobody would take out of it.
//! How it fails: a sentence. Known limits: a text that was never compiled is taken as if it were, with a note.

use crate::control::read;
use crate::ground::{Fresh, Ground, HOME};
use crate::people::newer;
use crate::report::{Mark, Report};
use stafett_site::listeners::FIRST_RULES;
use stafett_ucspi::{Instructions, Match, Rule, Rules, faults, parse, variable, write};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
        let text = read(&source)?;
        let faults = faults(&text);
        for fault in &faults {
            report.say(Mark::Left, format_args!("{}:{fault}", source.display()), "correct it, compile the rules and run this again");
        }
        if faults.is_empty() || !cdb.exists() {
            return if faults.is_empty() { put(ground, &source, &text, "", report) } else { Ok(()) };
        }
        return put_compiled(ground, &cdb, "from the compiled file, which is what tcpserver reads; the text has faults", report);
    }
    if !cdb.exists() {
        report.say(Mark::Left, source.display(), "the run script names these rules, but neither text nor cdb is there");
        return Ok(());
    }
    put_compiled(ground, &cdb, "from the compiled file; the text was not there", report)
}

fn put_compiled(ground: &Ground, cdb: &Path, how: &str, report: &mut Report) -> Result<(), String> {
    match decompile(cdb) {
        Ok((text, dead)) => {
            for address in dead {
                let said = "tcpserver matches no client with it; its rule has done nothing and is left out";
                report.say(Mark::Note, format_args!("{}: {address}", cdb.display()), said);
            }
            put(ground, cdb, text.as_bytes(), how, report)
        }
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
    if let Some((line, reason)) = bars(ground, &rules)? {
        report.say(Mark::Left, format_args!("{}{line}", source.display()), reason);
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

const OPEN: &str = "gives RELAYCLIENT to every client, which is an open relay; name the networks that may relay and run this again";

/// What is said where QMAILQUEUE names a program of qmail's: what that accepts would lie in a queue that nobody works off.
pub const STRANDED: &str = "QMAILQUEUE names a program that belongs to qmail, which puts mail into qmail's own queue; scanners are milters \
                            (stafett-milter(8)), or a program that ends by running stafett-queue";

/// Why the rules cannot be taken at all: `:line`, or nothing where it is no single one, and the reason.
fn bars(ground: &Ground, rules: &[Rule]) -> Result<Option<(String, &'static str)>, String> {
    let is_open = |rule: &&Rule| {
        let relays = rule.instructions.variables.iter().any(|(name, _)| name == b"RELAYCLIENT");
        relays && !rule.instructions.deny && (matches!(rule.address.as_str(), "" | "=") || rule.address.ends_with("/0"))
    };
    let strands = |rule: &&Rule| rule.instructions.variables.iter().any(|(name, value)| is_stranding(ground, name, value));
    let at = |rule: &Rule| format!(":{}", rule.line);
    if let Some(open) = rules.iter().find(is_open) {
        return Ok(Some((at(open), OPEN)));
    }
    if let Some(stranding) = rules.iter().find(strands) {
        return Ok(Some((at(stranding), STRANDED)));
    }
    Ok(let_everybody_relay(rules)?.then(|| (String::new(), OPEN)))
}

/// Whether a variable hands mail to a program of qmail's.
pub fn is_stranding(ground: &Ground, name: &[u8], value: &[u8]) -> bool {
    let program = Path::new(std::str::from_utf8(value).unwrap_or_default());
    name == b"QMAILQUEUE" && (program.starts_with(HOME) || program.starts_with(&ground.qmail))
}

/// Rules may be open without saying so in one line: that shows when they are asked.
fn let_everybody_relay(rules: &[Rule]) -> Result<bool, String> {
    let failed = |error: String| format!("unable to judge the rules: {error}");
    let place = Scratch::new().map_err(|error| failed(error.to_string()))?;
    let table = place.0.join("cdb");
    write(rules, &table, &place.0.join("tmp")).map_err(|error| failed(error.to_string()))?;
    Rules::open(&table).map(|rules| rules.let_everybody_relay()).map_err(|error| failed(error.to_string()))
}

/// A directory for a moment.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Scratch> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let place = std::env::temp_dir().join(format!("stafett-import.{}.{since}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&place)?;
        Ok(Scratch(place))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a variable of a rule will not do here.
fn remark(source: &Path, line: usize, name: &[u8], value: &[u8], report: &mut Report) {
    let (place, shown) = (format!("{}:{line}", source.display()), name.escape_ascii());
    match variable(name) {
        None => report.say(Mark::Note, place, format_args!("{shown} means nothing to stafett-smtpd; programs that it runs will see it")),
        Some(known) => {
            if let Err(reason) = known.judge(value) {
                report.say(Mark::Left, place, reason);
            } else if name == b"QMAILQUEUE" {
                report.say(Mark::Todo, place, "see that the program of QMAILQUEUE ends by running stafett-queue, not qmail-queue");
            }
        }
    }
}

/// The text that would be compiled into this, and the addresses of rules that never count: djb's tcprules takes a network with a
/// slash for a name, which tcpserver asks for no client. With us it would count.
fn decompile(cdb: &Path) -> Result<(String, Vec<String>), String> {
    let table = stafett_control::compiled::open(cdb).map_err(|error| format!("is no cdb: {error}"))?;
    let (mut lines, mut dead) = (Vec::new(), Vec::new());
    for record in table.iter() {
        let (key, value) = record.map_err(|error| format!("is damaged: {error}"))?;
        let instructions =
            Instructions::decode(&value).ok_or_else(|| format!("the rule \"{}\" is none of tcprules", key.escape_ascii()))?;
        if !key.contains(&b'@') && !key.starts_with(b"=") && key.contains(&b'/') {
            dead.push(key.escape_ascii().to_string());
            continue;
        }
        std::str::from_utf8(&key).map_err(|_| "a rule's address is no text".to_owned())?;
        let address = Match { key, instructions: instructions.clone() }.address();
        lines.push(format!("{address}:{}{}\n", if instructions.deny { "deny" } else { "allow" }, variables(&instructions)?));
    }
    Ok((lines.concat(), dead))
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

#[cfg(test)]
#[path = "rules_test.rs"]
mod rules_test;
