//! `--check`: judges an instance and changes nothing.
//!
//! Errors are what keeps it from working or from being safe; warnings are what an admin probably
//! did not mean. One line each on standard error. As an ordinary user some of root's instance
//! cannot be seen; what could not be judged is a warning.

use crate::files::{self, State};
use crate::judgement::{self, names};
use crate::options::Request;
use crate::plan::Plan;
use crate::{Failure, LOG, accounts, ground, programs, scripts};
use stafett_control::{Control, rows};
use stafett_instance::land::Land;
use stafett_instance::people::People;
use stafett_instance::tree;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Judges the instance; exits 0, 1 for warnings, 100 for errors.
pub fn run(request: &Request) -> Result<ExitCode, Failure> {
    let plan = Plan::of_existing(&request.directory)?;
    let land = Land::open(&plan.root).map_err(|error| Failure::lasting(format_args!("unable to enter {}: {error}", plan.root.display())))?;
    let mut findings = Findings::default();
    check_settings(&plan, request, &mut findings);
    match plan.people()? {
        Ok(people) => {
            accounts::fault(&people).into_iter().for_each(|fault| findings.error(fault));
            check_places(&plan, &land, &people, &mut findings);
            check_content(&plan, &land, &people, &mut findings);
        }
        Err(missing) => findings.error(format_args!("missing users or groups: {}; stafett-setup {} makes them", missing.join(", "), plan.root.display())),
    }
    check_surroundings(&plan, &mut findings);
    check_extra(&plan, &mut findings);
    check_bits(&plan, &land, &mut findings);
    check_control(&plan, &mut findings);
    Ok(findings.exit_code())
}

#[derive(Default)]
struct Findings {
    errors: usize,
    warnings: usize,
}

impl Findings {
    fn error(&mut self, text: impl Display) {
        self.errors += 1;
        LOG.error(text);
    }

    fn warning(&mut self, text: impl Display) {
        self.warnings += 1;
        LOG.warning(text);
    }

    /// Something that could not be seen.
    fn unseen(&mut self, what: &Path, error: &std::io::Error) {
        if error.kind() == ErrorKind::PermissionDenied {
            self.warning(format_args!("unable to judge {}: {error}; run this as root or as the owner of the instance", what.display()));
        } else {
            self.error(format_args!("unable to judge {}: {error}", what.display()));
        }
    }

    fn exit_code(&self) -> ExitCode {
        match (self.errors, self.warnings) {
            (0, 0) => ExitCode::SUCCESS,
            (0, _) => ExitCode::from(1),
            _ => ExitCode::from(100),
        }
    }
}

/// What the options say against what the instance remembers.
fn check_settings(plan: &Plan, request: &Request, findings: &mut Findings) {
    let settings = &plan.settings;
    let mut compare = |option: &str, asked: Option<String>, known: String| {
        if let Some(asked) = asked
            && asked != known
        {
            findings.error(format_args!("{option} {asked}: the instance in {} has {known}", plan.root.display()));
        }
    };
    let me = Control::new(plan.root.join("control")).line(&rows::ME).ok().flatten();
    compare("--me", request.me.clone(), me.unwrap_or_default());
    compare("--port", request.port.map(|port| port.to_string()), settings.port.to_string());
    compare("--user-prefix", request.prefix.clone(), plan.prefix().unwrap_or("one user for everything").to_owned());
    let bin = request.bin.as_deref().map(|bin| std::fs::canonicalize(bin).unwrap_or_else(|_| bin.to_path_buf()));
    compare("--bin", bin.map(|bin| bin.display().to_string()), settings.bin.display().to_string());
    let addresses = Some(request.addresses.join(" ")).filter(|addresses| !addresses.is_empty());
    compare("--address", addresses, settings.addresses.join(" "));
}

fn check_places(plan: &Plan, land: &Land, people: &People, findings: &mut Findings) {
    let files = scripts::all(plan);
    let mut places = tree::directories(&plan.listeners());
    places.extend(files.iter().map(|file| tree::file(&file.path, file.executable)));
    places.push(tree::file(tree::SETTINGS, false));
    let mut barred: Vec<PathBuf> = Vec::new();
    for place in places {
        if barred.iter().any(|directory| place.path.starts_with(directory)) {
            continue;
        }
        let path = plan.root.join(&place.path);
        match land.judge(&place, people) {
            Ok(faults) => faults.iter().for_each(|fault| findings.error(format_args!("{} {fault}", path.display()))),
            Err(error) => {
                findings.unseen(&path, &error);
                barred.push(place.path.parent().unwrap_or(Path::new("")).to_path_buf());
            }
        }
    }
    for file in files {
        if files::state(plan, &file).is_ok_and(|state| state == State::Outdated) {
            findings.warning(format_args!("{} was written by another version; stafett-setup {} renews it", plan.root.join(&file.path).display(), plan.root.display()));
        }
    }
}

fn check_content(plan: &Plan, land: &Land, people: &People, findings: &mut Findings) {
    match judgement::content(plan, land, people) {
        Ok(faults) => faults.iter().for_each(|(path, fault)| findings.error(format_args!("{} {fault}", plan.root.join(path).display()))),
        Err(error) => findings.unseen(&plan.root, &error),
    }
}

fn check_surroundings(plan: &Plan, findings: &mut Findings) {
    let bin = plan.bin();
    for name in programs::missing(&bin) {
        findings.error(format_args!("{} is missing or cannot be executed; stafett-setup {} --bin BINDIR names where it is", bin.join(name).display(), plan.root.display()));
    }
    if let Some(reason) = plan.prefix().and_then(|_| programs::unfit(&bin)) {
        findings.error(format_args!("the programs in {} are not safe or not usable: {reason}; stafett-setup {} copies them", bin.display(), plan.root.display()));
    }
    if let Some(reason) = ground::unreachable(plan) {
        findings.error(reason);
    }
    if let Some(reason) = ground::replaceable(&plan.root) {
        findings.error(format_args!("{reason}; anybody could put another instance in the place of {}", plan.root.display()));
    }
}

/// Names that no version of this instance needs.
fn check_extra(plan: &Plan, findings: &mut Findings) {
    let listeners = plan.listeners();
    let places = tree::directories(&listeners);
    let files = tree::QUEUE_FILES.iter().map(|name| Path::new("queue").join(name)).chain([PathBuf::from(tree::SETTINGS)]);
    let known: Vec<PathBuf> = files.chain(plan.settings.copied.then(|| PathBuf::from("bin"))).collect();
    let expected = |path: &Path| places.iter().any(|place| place.path == path) || known.iter().any(|known| known == path);
    for directory in ["", "run", "queue", "queue/cur"] {
        for name in names(&plan.root.join(directory)).unwrap_or_default() {
            let path = Path::new(directory).join(&name);
            if !expected(&path) {
                findings.warning(format_args!("{} is no part of the instance", plan.root.join(path).display()));
            }
        }
    }
    for name in names(&plan.root.join("service")).unwrap_or_default() {
        let name = name.to_string_lossy();
        if name.starts_with(tree::LISTENER) && !listeners.iter().any(|listener| *listener == name) {
            findings.warning(format_args!("{} listens at an address that the instance does not have any more", plan.root.join("service").join(&*name).display()));
        }
    }
}

fn check_bits(plan: &Plan, land: &Land, findings: &mut Findings) {
    let mut found = Vec::new();
    // What cannot be seen was said before.
    let _ = judgement::forbidden_bits(plan, land, Path::new(""), &mut found);
    let setup = |mode: u32| if mode & 0o6000 != 0 { "is setuid or setgid" } else { "is writable by everybody" };
    for (path, mode) in found {
        findings.error(format_args!("{} {} (mode {mode:04o})", plan.root.join(path).display(), setup(mode)));
    }
}

fn check_control(plan: &Plan, findings: &mut Findings) {
    let control = Control::new(plan.root.join("control"));
    for row in rows::TABLE {
        if let Err(error) = control.check(row) {
            findings.error(error);
        }
    }
    if let Ok(None) = control.line(&rows::ME) {
        findings.error("control/me is missing or empty; write the full name of this host on its first line");
    }
    check_rules(&control, findings);
    for name in names(control.directory()).unwrap_or_default() {
        let name = name.to_string_lossy();
        if !rows::TABLE.iter().any(|row| row.name == name) {
            findings.warning(format_args!("control/{name} is no control file{}", hint(&name)));
        }
    }
}

fn check_rules(control: &Control, findings: &mut Findings) {
    let (source, compiled) = (control.path(&rows::TCP_SMTP), control.path(&rows::TCP_SMTP_CDB));
    let Ok(text) = std::fs::read(&source) else { return };
    if let Err(fault) = stafett_ucspi::parse(&text) {
        findings.error(format_args!("control/tcp.smtp:{fault}"));
    }
    let changed = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    match (changed(&source), changed(&compiled)) {
        (_, None) => findings.warning("control/tcp.smtp is not compiled, so none of it counts; run stafett-tcprules tcp.smtp in control/"),
        (Some(edited), Some(made)) if edited > made => {
            findings.warning("control/tcp.smtp was edited after tcp.smtp.cdb was made; run stafett-tcprules tcp.smtp in control/");
        }
        _ => {}
    }
}

/// The known name that is nearest to an unknown one, if it is near.
fn hint(name: &str) -> String {
    let known = rows::TABLE.iter().map(|row| (distance(name, row.name), row.name)).min();
    match known {
        Some((steps, known)) if steps <= 3 && steps < known.len() => format!("; did you mean {known}?"),
        _ => " that this version reads".to_owned(),
    }
}

/// How many letters must be put in, left out or changed to make one word of the other
/// (Levenshtein), one row of the table at a time.
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for (column, pair) in row.windows(2).enumerate() {
            let &[corner, above] = pair else { continue };
            let left = next.last().copied().unwrap_or_default();
            let changed = corner + usize::from(other.get(column) != Some(&letter));
            next.push(changed.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
