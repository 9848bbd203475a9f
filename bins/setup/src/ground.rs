//! The directory itself: may an instance stand here?
//!
//! Judged before anything is changed: it must be new, empty or an instance already; the services'
//! users must be able to reach it; nobody else may be able to swap it.

use crate::{Failure, LOG, Plan};
use stafett_site::ground::{replaceable, unreachable};
use std::io::ErrorKind;
use std::path::Path;

/// Judges the place; nothing is changed.
pub fn judge(plan: &Plan) -> Result<(), Failure> {
    let root = &plan.root;
    match std::fs::metadata(root) {
        Ok(found) if !found.is_dir() => return Err(Failure::lasting(format_args!("{} is a file, not a directory", root.display()))),
        Ok(_) => acceptable(plan)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(inside_a_file(root)),
        Err(error) => return Err(Failure::lasting(format_args!("unable to look at {}: {error}", root.display()))),
    }
    if let Some(parent) = root.parent().filter(|parent| !parent.exists()) {
        return Err(Failure::lasting(format_args!("{} does not exist; make it first (mkdir -p)", parent.display())));
    }
    unreachable(plan).map_or(Ok(()), |reason| Err(Failure::lasting(reason)))
}

/// Makes the directory where it is missing. Returns whether it was made.
pub fn prepare(plan: &Plan) -> Result<bool, Failure> {
    if plan.root.exists() {
        return Ok(false);
    }
    let made = std::fs::create_dir(&plan.root);
    made.map(|()| true).map_err(|error| Failure::lasting(format_args!("unable to make {}: {error}", plan.root.display())))
}

fn acceptable(plan: &Plan) -> Result<(), Failure> {
    if plan.before.is_some() {
        return Ok(());
    }
    let shown = plan.root.display();
    let mut content = std::fs::read_dir(&plan.root).map_err(|error| Failure::lasting(format_args!("unable to read {shown}: {error}")))?;
    if content.next().is_some() && !plan.root.join("control").is_dir() {
        return Err(Failure::lasting(format_args!("{shown} is not empty and is no instance; name a new or empty directory")));
    }
    if let Some(reason) = replaceable(&plan.root) {
        LOG.warning(format_args!("{shown}: {reason}; anybody could put another instance in its place"));
    }
    Ok(())
}

fn inside_a_file(root: &Path) -> Failure {
    let file = root.ancestors().find(|ancestor| ancestor.is_file()).unwrap_or(root);
    Failure::lasting(format_args!("{} cannot be made, because {} is a file", root.display(), file.display()))
}
