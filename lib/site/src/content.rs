//! What files in an instance must be like beside the places of the table: those that the admin
//! and the services make.

use crate::Plan;
use stafett_instance::land::{Fault, Land, Seen};
use stafett_instance::people::{Group, People, Role};
use stafett_sys::user::{Gid, Uid};
use std::io;
use std::path::{Path, PathBuf};

/// Directories whose files belong to somebody, and the bits they must have.
const CONTENT: &[(&str, Role, u32)] = &[
    // Every service reads its control files itself, as its own user.
    ("control", Role::Root, 0o444),
    ("queue", Role::Queue, 0o600),
    ("queue/tmp", Role::Queue, 0o600),
    ("queue/new", Role::Queue, 0o600),
    ("queue/cur/*", Role::Queue, 0o600),
    ("queue/hold", Role::Queue, 0o600),
    ("queue/bad", Role::Queue, 0o600),
];

/// The mode of a file that its owner alone may read.
const SECRET: u32 = 0o400;

/// Control files that one service alone reads: its role and group, and the mode.
const SECRETS: &[(&str, Role, Group, u32)] = &[
    ("control/smtpauth", Role::Remote, Group::Own, SECRET),
    // stafett-passwd writes it, as root.
    ("control/accounts", Role::Root, Group::Of(Role::Auth), 0o640),
    // it may hold a password
    ("control/limitstore", Role::Limit, Group::Own, SECRET),
    ("control/srssecrets", Role::Dkim, Group::Own, SECRET),
];

/// Bits that no file in an instance may have: setuid, setgid, writable by everybody.
const FORBIDDEN: u32 = 0o6002;

/// The faults of the files in control/ and queue/.
///
/// # Errors
/// When a directory cannot be read.
pub fn content(plan: &Plan, land: &Land, people: &People) -> io::Result<Vec<(PathBuf, Fault)>> {
    let mut found = Vec::new();
    for &(directory, owner, needed) in CONTENT {
        for directory in expand(directory) {
            for name in names(&plan.root.join(&directory))? {
                let path = directory.join(name);
                let Some(seen) = land.look(&path)? else { continue };
                let faults = match SECRETS.iter().find(|(secret, ..)| path == Path::new(secret)) {
                    Some(&(_, owner, group, mode)) => faults_of_secret(&seen, people.ids(owner, group), group, mode),
                    None => faults(&seen, people.ids(owner, Group::Own), needed),
                };
                found.extend(faults.into_iter().map(|fault| (path.clone(), fault)));
            }
        }
    }
    for (path, role) in private_keys(plan)? {
        let Some(seen) = land.look(&path)? else { continue };
        // Where the instance has no such service, nobody needs the keys and root may have them.
        let faults = faults_of_secret(&seen, people.ids(role, Group::Own), Group::Own, SECRET);
        found.extend(faults.into_iter().map(|fault| (path.clone(), fault)));
    }
    Ok(found)
}

/// The private keys of control/servercerts, clientcerts and dkim, each with its reader.
fn private_keys(plan: &Plan) -> io::Result<Vec<(PathBuf, Role)>> {
    let certificates = below(plan, Path::new("control/servercerts"))?;
    let mut found: Vec<(PathBuf, Role)> = certificates.into_iter().map(|name| (name.join("key.pem"), Role::TlsKeys)).collect();
    let own = below(plan, Path::new("control/clientcerts"))?;
    found.extend(own.into_iter().map(|name| (name.join("key.pem"), Role::Remote)));
    for domain in below(plan, Path::new("control/dkim"))? {
        found.extend(below(plan, &domain)?.into_iter().map(|key| (key, Role::Dkim)));
    }
    Ok(found)
}

/// What lies in a directory; nothing where it is none, which is said where control files are judged.
fn below(plan: &Plan, directory: &Path) -> io::Result<Vec<PathBuf>> {
    match names(&plan.root.join(directory)) {
        Ok(names) => Ok(names.into_iter().map(|name| directory.join(name)).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn faults(seen: &Seen, wanted: (Uid, Gid), needed: u32) -> Vec<Fault> {
    if !seen.is_file() {
        return Vec::new();
    }
    let mode = (seen.mode | needed) & !FORBIDDEN;
    // The group is the admin's affair: a group of editors is fine for control/.
    let stranger = (seen.owner.0 != wanted.0).then_some(Fault::Owner { found: seen.owner, wanted });
    let mode = (seen.mode != mode).then_some(Fault::Mode { found: seen.mode, wanted: mode });
    stranger.into_iter().chain(mode).collect()
}

/// Exactly this mode; and the group counts where it may read.
fn faults_of_secret(seen: &Seen, wanted: (Uid, Gid), group: Group, mode: u32) -> Vec<Fault> {
    let is_theirs = seen.owner.0 == wanted.0 && (group == Group::Own || seen.owner.1 == wanted.1);
    let owner = (!is_theirs).then_some(Fault::Owner { found: seen.owner, wanted });
    let mode = (seen.is_file() && seen.mode != mode).then_some(Fault::Mode { found: seen.mode, wanted: mode });
    owner.into_iter().chain(mode).collect()
}

/// The faults of anything at all in the instance: bits that nothing may have.
///
/// # Errors
/// When a directory cannot be read.
pub fn forbidden_bits(plan: &Plan, land: &Land, below: &Path, found: &mut Vec<(PathBuf, u32)>) -> io::Result<()> {
    for name in names(&plan.root.join(below))? {
        let path = below.join(name);
        let Some(seen) = land.look(&path)? else { continue };
        if seen.is_directory() {
            forbidden_bits(plan, land, &path, found)?;
        }
        // A socket is open to whoever may pass its directory; that is what the directory is for.
        if (seen.is_file() || seen.is_directory()) && seen.mode & FORBIDDEN != 0 {
            found.push((path, seen.mode));
        }
    }
    Ok(())
}

fn expand(directory: &str) -> Vec<PathBuf> {
    match directory.strip_suffix("/*") {
        None => vec![PathBuf::from(directory)],
        Some(parent) => (0..256).map(|shard| Path::new(parent).join(format!("{shard:02x}"))).collect(),
    }
}

/// The names in a directory, in order; none when it is missing.
///
/// # Errors
/// When it cannot be read.
pub fn names(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
