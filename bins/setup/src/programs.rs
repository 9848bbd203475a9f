//! The programs that an instance runs: making sure that its scripts will find them.
//!
//! Where they cannot be reached (a build below /root) or are another user's to change (a build
//! in somebody's home), root's instance gets copies of its own in DIR/bin.

use crate::{Failure, Plan};
use stafett_site::programs::{missing, names, unfit};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Refuses a directory that lacks programs, with their names.
pub fn are_there(bin: &Path) -> Result<(), Failure> {
    let lacking = missing(bin);
    if lacking.is_empty() {
        return Ok(());
    }
    let (bin, lacking) = (bin.display(), lacking.join(", "));
    Err(Failure::lasting(format_args!("{bin} lacks {lacking}; build them (cargo build --release) or name another directory with --bin")))
}

/// Makes sure that the scripts will find every program, and settles whether from copies. `say` is
/// told what was copied.
pub fn provide(plan: &mut Plan, say: &mut impl FnMut(String)) -> Result<(), Failure> {
    let source = plan.settings.bin.clone();
    let copies = plan.root.join("bin");
    let keeps_copies = plan.settings.copied && plan.is_unchanged_bin() && missing(&copies).is_empty();
    if keeps_copies && !missing(&source).is_empty() {
        return Ok(());
    }
    are_there(&source)?;
    let reason = plan.prefix().and_then(|_| unfit(&source));
    plan.settings.copied = reason.is_some();
    match reason {
        Some(reason) => copy_all(&source, &copies, &reason, say),
        None => Ok(()),
    }
}

fn copy_all(source: &Path, target: &Path, reason: &str, say: &mut impl FnMut(String)) -> Result<(), Failure> {
    let failed = |path: &Path, error: io::Error| Failure::temporary(format_args!("unable to copy {}: {error}", path.display()));
    let mut copied = Vec::new();
    if !target.is_dir() {
        fs::create_dir(target).map_err(|error| failed(target, error))?;
    }
    set_mode(target).map_err(|error| failed(target, error))?;
    for name in names() {
        let (from, to) = (source.join(name), target.join(name));
        if !same(&from, &to) {
            replace(&from, &to).map_err(|error| failed(&from, error))?;
            copied.push(name);
        }
    }
    if !copied.is_empty() {
        say(format!("copied {} programs from {} to {}, because {reason}", copied.len(), source.display(), target.display()));
    }
    Ok(())
}

/// A running program cannot be written to, but its name can be given to a new file.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let fresh: PathBuf = to.with_extension("new");
    fs::copy(from, &fresh)?;
    set_mode(&fresh)?;
    fs::rename(&fresh, to)
}

fn set_mode(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn same(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|found| found.len());
    let equal = matches!((length(one), length(other)), (Ok(a), Ok(b)) if a == b);
    equal && matches!((fs::read(one), fs::read(other)), (Ok(a), Ok(b)) if a == b)
}
