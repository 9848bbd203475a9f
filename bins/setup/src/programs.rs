//! The programs that an instance runs: are all there, can the services' users reach them, and can
//! nobody else change what root will execute?
//!
//! Where they cannot be reached (a build below /root) or are another user's to change (a build
//! in somebody's home), root's instance gets copies of its own in DIR/bin.

use crate::Failure;
use crate::ground::ancestors;
use crate::plan::Plan;
use stafett_instance::tree;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What an instance and its admin need.
pub fn names() -> impl Iterator<Item = &'static str> {
    let services = tree::SERVICES.iter().filter_map(|service| service.command.split(' ').next());
    services.chain(["stafett-queue", "stafett-tcprules", "qstat"])
}

/// The programs that are missing from `bin`.
pub fn missing(bin: &Path) -> Vec<&'static str> {
    names().filter(|name| !is_executable(&bin.join(name))).collect()
}

/// Why `bin` cannot be used as it stands where each program has a user of its own, in words.
pub fn unfit(bin: &Path) -> Option<String> {
    let programs = names().map(|name| bin.join(name));
    let files = programs.filter_map(|program| fs::metadata(&program).ok().map(|found| (program, found)));
    let steps = ancestors(bin).map(|(path, found)| (path.to_path_buf(), found));
    steps.chain(files).find_map(|(path, found)| unfit_step(&path, &found))
}

fn unfit_step(path: &Path, found: &fs::Metadata) -> Option<String> {
    let (mode, shown) = (found.mode(), path.display());
    let sticky = found.is_dir() && mode & 0o1000 != 0;
    if mode & 0o001 == 0 {
        Some(format!("other users cannot get through {shown}"))
    } else if found.uid() != 0 {
        Some(format!("{shown} belongs to user {}", found.uid()))
    } else if mode & 0o022 != 0 && !sticky {
        Some(format!("{shown} is writable by others than root"))
    } else {
        None
    }
}

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
    let failed = |path: &Path, error: io::Error| Failure::system(format_args!("unable to copy {}: {error}", path.display()));
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

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}
