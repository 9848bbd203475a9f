//! The programs that an instance runs: are all there, can the services' users reach them, and can
//! nobody else change what root will execute?

use crate::ground::ancestors;
use stafett_instance::tree;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the admin and the programs of this host need.
const TOOLS: &[&str] = &[
    "stafett-aliases",
    "stafett-check",
    "stafett-dot",
    "stafett-explain",
    "stafett-import",
    "stafett-inject",
    "stafett-log",
    "stafett-passwd",
    "stafett-queue",
    "stafett-sendmail",
    "stafett-setup",
    "stafett-tcprules",
    "stafett-users",
    "qstat",
    "qtool",
];

/// What an instance and its admin need, optional services included: one that is asked for later needs no new copies.
pub fn names() -> impl Iterator<Item = &'static str> {
    let services = tree::all_services().filter_map(|service| service.command.split(' ').next());
    services.chain(TOOLS.iter().copied())
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

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}
