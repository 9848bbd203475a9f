//! The directories above an instance: can the services reach it, and can nobody else swap it?

use crate::Plan;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An ancestor that bars the services' users, in words; `None` when there is none, or when one
/// user runs everything.
pub fn unreachable(plan: &Plan) -> Option<String> {
    plan.prefix()?;
    let resolved = nearest(&plan.root)?;
    let own = std::fs::canonicalize(&plan.root).ok();
    let mut parents = ancestors(&resolved).filter(|(path, _)| own.as_deref() != Some(path));
    let barred = parents.find(|(_, found)| found.mode() & 0o001 == 0);
    barred.map(|(path, found)| {
        let mode = found.mode() & 0o7777;
        format!("{} lies below {}, which other users may not search (mode {mode:04o}), so the services cannot reach it; choose another place, such as /var/stafett", plan.root.display(), path.display())
    })
}

/// Who else could put something into the place of `path`, in words.
pub fn replaceable(path: &Path) -> Option<String> {
    let resolved = nearest(path)?;
    let parents = ancestors(&resolved).filter(|(ancestor, _)| *ancestor != path);
    let mut open = parents.filter(|(_, found)| found.mode() & 0o002 != 0 && found.mode() & 0o1000 == 0);
    open.next().map(|(ancestor, _)| format!("{} is writable by everybody and not sticky", ancestor.display()))
}

/// Each directory from `path` up to / with what it is.
pub fn ancestors(path: &Path) -> impl Iterator<Item = (&Path, Metadata)> {
    path.ancestors().filter_map(|ancestor| std::fs::metadata(ancestor).ok().map(|found| (ancestor, found)))
}

/// The path with links resolved, or that of its nearest ancestor which exists.
fn nearest(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|ancestor| std::fs::canonicalize(ancestor).ok())
}
