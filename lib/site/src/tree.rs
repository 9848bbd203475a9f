//! The judgement of an instance's tree: owners, modes, what is missing, what does not belong there,
//! programs, the directories above.

use crate::content::{self, names};
use crate::files::{self, State};
use crate::finding::{Finding, Findings};
use crate::{Plan, ground, programs, scripts};
use stafett_instance::land::{Fault, Land};
use stafett_instance::people::People;
use stafett_instance::tree;
use stafett_log::Failure;
use std::path::{Path, PathBuf};

/// Judges the tree of `plan`; control files only by owner and mode.
///
/// # Errors
/// When the directory cannot be entered or the users cannot be looked up.
pub fn judge(plan: &Plan, findings: &mut Findings) -> Result<(), Failure> {
    let land =
        Land::open(&plan.root).map_err(|error| Failure::lasting(format_args!("unable to enter {}: {error}", plan.root.display())))?;
    match plan.people()? {
        Ok(people) => {
            people.fault().into_iter().for_each(|fault| findings.push(Finding::error(tree::SETTINGS, fault)));
            places(plan, &land, &people, findings);
            owners_of_content(plan, &land, &people, findings);
        }
        Err(missing) => {
            let text = format!("missing users or groups: {}", missing.join(", "));
            findings.push(Finding::error(tree::SETTINGS, text).remedy(format_args!("stafett-setup {} makes them", plan.root.display())));
        }
    }
    surroundings(plan, findings);
    strangers(plan, findings);
    forbidden_bits(plan, &land, findings);
    Ok(())
}

fn places(plan: &Plan, land: &Land, people: &People, findings: &mut Findings) {
    let generated = scripts::all(plan);
    let mut places = plan.directories();
    places.extend(generated.iter().map(|file| tree::file(&file.path, file.executable)));
    places.push(tree::file(tree::SETTINGS, false));
    let mut barred: Vec<PathBuf> = Vec::new();
    for place in places {
        if barred.iter().any(|directory| place.path.starts_with(directory)) {
            continue;
        }
        match land.judge(&place, people) {
            Ok(faults) => faults.iter().for_each(|fault| findings.push(mendable(plan, &place.path, fault))),
            Err(error) => {
                findings.push(Finding::unseen(shown(&place.path), &error));
                barred.push(place.path.parent().unwrap_or(Path::new("")).to_path_buf());
            }
        }
    }
    for file in generated {
        if files::state(plan, &file).is_ok_and(|state| state == State::Outdated) {
            let finding = Finding::warning(file.path.display(), "was written by another version of stafett-setup, or for other options");
            findings.push(finding.remedy(format_args!("stafett-setup {} renews it", plan.root.display())));
        }
    }
}

fn owners_of_content(plan: &Plan, land: &Land, people: &People, findings: &mut Findings) {
    match content::content(plan, land, people) {
        Ok(faults) => faults.iter().for_each(|(path, fault)| findings.push(mendable(plan, path, fault))),
        Err(error) => findings.push(Finding::unseen("queue", &error)),
    }
}

fn mendable(plan: &Plan, path: &Path, fault: &Fault) -> Finding {
    let finding = Finding::error(shown(path), fault);
    match fault {
        Fault::OtherKind(_) => finding.remedy("move it away and run stafett-setup"),
        _ => finding.remedy(format_args!("stafett-setup {} mends it", plan.root.display())),
    }
}

/// A path below the instance; a dot for that itself.
fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

fn surroundings(plan: &Plan, findings: &mut Findings) {
    let (bin, root) = (plan.bin(), plan.root.display());
    for name in programs::missing(&bin) {
        let finding = Finding::error(bin.join(name).display(), "is missing or cannot be executed");
        findings.push(finding.remedy(format_args!("build and install it, or name where it is: stafett-setup {root} --bin BINDIR")));
    }
    if let Some(reason) = plan.prefix().and_then(|_| programs::unfit(&bin)) {
        let finding = Finding::error(bin.display(), format_args!("the programs are not safe or not usable: {reason}"));
        findings.push(finding.remedy(format_args!("stafett-setup {root} copies them")));
    }
    if let Some(reason) = ground::unreachable(plan) {
        findings.push(Finding::error(".", reason));
    }
    if let Some(reason) = ground::replaceable(&plan.root) {
        findings.push(Finding::error(".", format_args!("{reason}; anybody could put another instance in the place of {root}")));
    }
}

/// Names that no version of this instance needs.
fn strangers(plan: &Plan, findings: &mut Findings) {
    let places = plan.directories();
    let files = tree::QUEUE_FILES.iter().map(|name| Path::new("queue").join(name)).chain([PathBuf::from(tree::SETTINGS)]);
    let known: Vec<PathBuf> = files.chain(plan.settings.copied.then(|| PathBuf::from("bin"))).collect();
    let expected = |path: &Path| places.iter().any(|place| place.path == path) || known.iter().any(|known| known == path);
    for directory in ["", "run", "queue", "queue/cur"] {
        for name in names(&plan.root.join(directory)).unwrap_or_default() {
            let path = Path::new(directory).join(&name);
            if !expected(&path) {
                findings.push(Finding::warning(path.display(), "is no part of the instance"));
            }
        }
    }
    for name in superfluous_services(plan) {
        let finding = Finding::warning(format_args!("service/{name}"), "is a service that the instance does not have any more");
        findings.push(finding.remedy("stop it (svc -dx or sv exit) and remove the directory"));
    }
}

/// The names of directories of services that the instance had once: listeners of addresses that were dropped, optional
/// services that were switched off. Other names below service/ are the admin's own affair.
pub fn superfluous_services(plan: &Plan) -> Vec<String> {
    let wanted = tree::service_names(&plan.listener_names(), &plan.services());
    let ours = |name: &str| name.starts_with(tree::LISTENER) || tree::is_optional(name);
    let found = names(&plan.root.join("service")).unwrap_or_default();
    let found = found.into_iter().filter_map(|name| name.into_string().ok());
    found.filter(|name| ours(name) && !wanted.contains(name)).collect()
}

fn forbidden_bits(plan: &Plan, land: &Land, findings: &mut Findings) {
    let mut found = Vec::new();
    // What cannot be seen was said before.
    let _ = content::forbidden_bits(plan, land, Path::new(""), &mut found);
    for (path, mode) in found {
        let what = if mode & 0o6000 != 0 { "is setuid or setgid" } else { "is writable by everybody" };
        findings.push(Finding::error(shown(&path), format_args!("{what} (mode {mode:04o})")));
    }
}
