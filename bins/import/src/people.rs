//! users/ and alias/: assignments of local parts, and the dot-qmail files of what belongs to no user.
//!
//! What: users/assign is taken line by line; what it says of qmail's own user alias and home is said of ours. The compiled
//! table is made anew. alias/.qmail-* become files of our user for alias/, with their bits for reading and executing.
//! Security stance: a symbolic link in alias/ is read only if it leads to a file in alias/. How it fails: a sentence; an
//! assignment that our reader does not accept is named with its line, and nothing of the file is taken. Known limits: mailboxes
//! in alias/ stay where they are.

use crate::control::read;
use crate::ground::{Fresh, Ground};
use crate::report::{Mark, Report};
use rustix::fs::{Mode, OFlags};
use stafett_instance::people::Role;
use stafett_local_users::{TABLE, parse, write};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Files beside assign from which qmail-pw2u makes it.
const SOURCES: &[&str] = &["append", "exclude", "include", "mailnames", "subusers"];

/// Bytes of a dot-qmail file at most.
const LARGEST: u64 = 1024 * 1024;

/// Takes over both.
///
/// # Errors
/// When something cannot be read or written.
pub fn take(ground: &Ground, report: &mut Report) -> Result<(), String> {
    if !ground.has_service("local") && (ground.applies() || !ground.wanted.services.contains("local")) {
        return Ok(());
    }
    assignments(ground, report)?;
    for name in SOURCES.iter().filter(|name| ground.qmail.join("users").join(name).exists()) {
        report.say(
            Mark::Left,
            format_args!("users/{name}"),
            "qmail-pw2u makes users/assign from it, and stafett-local looks into the user database itself; assign is what counts",
        );
    }
    aliases(ground, report)
}

fn assignments(ground: &Ground, report: &mut Report) -> Result<(), String> {
    let path = ground.qmail.join("users/assign");
    if !path.exists() {
        if ground.qmail.join("users/cdb").exists() {
            report.say(Mark::Left, "users/cdb", "its source, users/assign, is missing; write that anew");
        }
        return Ok(());
    }
    let Ok(text) = String::from_utf8(read(&path)?) else {
        report.say(Mark::Left, "users/assign", "holds bytes that are no UTF-8 text");
        return Ok(());
    };
    if newer(&path, &ground.qmail.join("users/cdb")) {
        report.say(
            Mark::Note,
            "users/assign",
            "is newer than users/cdb, which is what qmail reads; it has not been compiled since it was edited",
        );
    }
    let own = translate(&text, ground);
    let entries = match parse(&own) {
        Ok(entries) => entries,
        Err(bad) => {
            report.say(Mark::Left, format_args!("users/assign:{bad}"), "correct it and run this again");
            return Ok(());
        }
    };
    let how = if own == text { "" } else { "the user alias and its home became those of the instance" };
    ground.put(Fresh::open("users/assign", own.as_bytes(), how), report)?;
    let table = ground.root.join(TABLE);
    let is_ours = fs::read(ground.root.join("users/assign")).is_ok_and(|found| found == own.as_bytes());
    if ground.applies() && is_ours && (newer(&ground.root.join("users/assign"), &table) || !table.exists()) {
        write(&entries, &table, &table.with_extension("tmp")).map_err(|error| format!("unable to write {}: {error}", table.display()))?;
        report.say(Mark::Take, TABLE, "compiled");
    }
    Ok(())
}

/// Lines that name the home of qmail's aliases name ours.
fn translate(text: &str, ground: &Ground) -> String {
    if ground.plan.is_none() {
        return text.to_owned();
    }
    let home = ground.root.join("alias");
    let (uid, gid) = ground.ids(Role::Alias);
    let prefix = ground.plan.as_ref().and_then(|plan| plan.prefix());
    let user = prefix.map_or_else(|| "alias".to_owned(), |prefix| Role::Alias.user(prefix));
    let line = |line: &str| {
        let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        let is_alias = fields.get(4).is_some_and(|found| ground.path_in_script(found) == ground.qmail.join("alias"));
        if is_alias && let [_, name, number, group, place, ..] = &mut fields[..] {
            (*name, *number, *group, *place) = (user.clone(), uid.to_string(), gid.to_string(), home.display().to_string());
        }
        format!("{}\n", fields.join(":"))
    };
    text.lines().map(line).collect()
}

fn aliases(ground: &Ground, report: &mut Report) -> Result<(), String> {
    let directory = ground.qmail.join("alias");
    let unreadable = |error| format!("unable to read {}: {error}", directory.display());
    for name in stafett_site::content::names(&directory).map_err(unreadable)? {
        alias(ground, &directory, &name, report)?;
    }
    Ok(())
}

fn alias(ground: &Ground, directory: &Path, name: &OsString, report: &mut Report) -> Result<(), String> {
    let place = format!("alias/{}", name.to_string_lossy());
    if !name.as_encoded_bytes().starts_with(b".qmail") {
        report.say(Mark::Note, place, "is no dot-qmail file and stays where it is; mail in it can be copied when qmail is gone");
        return Ok(());
    }
    let Some((bytes, mode)) = dot_qmail(directory, name) else {
        report.say(Mark::Left, place, "is a link that leads out of alias/, or no file, or larger than 1 MiB; copy what it shall say");
        return Ok(());
    };
    if bytes.windows(11).any(|word| word == b"fastforward") {
        let text = "write the file of its aliases into control/aliases, and run newaliases: stafett-aliases(8)";
        report.say(Mark::Todo, &place, text);
    }
    if let Some(number) = own_programs(&bytes) {
        let text = "names a place below /var/qmail; make it one that stays, before qmail is removed";
        report.say(Mark::Note, format_args!("{place}:{number}"), text);
    }
    // 1: qmail-local only forwards where a dot-qmail file is executable, and so do we.
    let mode = 0o644 | (mode & 0o111);
    ground.put(Fresh { path: &place, bytes: &bytes, owner: Role::Alias, mode, how: "" }, report)
}

/// The content and mode of a file in alias/. The directory is another user's, who may put links to anything there: one is
/// followed by its own name alone, and only to a file beside it.
fn dot_qmail(directory: &Path, name: &OsString) -> Option<(Vec<u8>, u32)> {
    let path = directory.join(name);
    let path = match fs::read_link(&path) {
        Ok(target) if target.components().count() == 1 => directory.join(target.file_name()?),
        Ok(_) => return None,
        Err(_) => path,
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let found = file.metadata().ok().filter(|found| found.is_file() && found.len() <= LARGEST)?;
    // Another name may be that of a file which the owner of the directory could not read.
    let is_theirs = found.nlink() == 1 || found.mode() & 0o004 != 0 || found.uid() == fs::metadata(directory).ok()?.uid();
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).ok().filter(|_| is_theirs)?;
    Some((bytes, found.permissions().mode()))
}

/// The first line that names something of qmail's own.
fn own_programs(bytes: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.lines().position(|line| !line.starts_with('#') && line.contains("/var/qmail")).map(|index| index + 1)
}

/// Whether a file is there, and newer than another one that is.
pub fn newer(one: &Path, other: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    time(one).zip(time(other)).is_some_and(|(one, other)| one > other)
}

#[cfg(test)]
#[path = "people_test.rs"]
mod people_test;
