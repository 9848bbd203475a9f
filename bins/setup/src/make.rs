//! Making and mending, in order: judge the request, users, directories, programs, files, and last
//! what is remembered.

use crate::options::Request;
use crate::{Failure, LOG, Plan, accounts, control, files, ground, plan, programs};
use stafett_instance::land::{Fault, Land};
use stafett_instance::people::People;
use stafett_instance::tree::{self, Kind, Listener, Place, Port};
use stafett_site::settings::Settings;
use stafett_site::{content, listeners, scripts, tree as site_tree};
use std::collections::BTreeSet;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// Makes or mends the instance.
pub fn run(request: &Request) -> Result<(), Failure> {
    let mut plan = plan::new(request)?;
    ground::judge(&plan)?;
    control::needs_me(&plan, request.me.as_deref())?;
    if !plan.settings.copied || request.bin.is_some() {
        programs::are_there(&plan.settings.bin)?;
    }
    let made = ground::prepare(&plan)?;
    let mut teller = Teller::default();
    if made {
        teller.tell(format!("made {}", plan.root.display()));
        teller.made.insert(PathBuf::new());
    }
    let people = accounts::ensure(&plan, &mut |line| teller.tell(line))?;
    lay_out(&plan, &people, &mut teller)?;
    programs::provide(&mut plan, &mut |line| teller.tell(line))?;
    control::begin(&plan, request.me.as_deref(), &mut |line| teller.tell(line))?;
    write_files(&mut plan, &people, &mut teller)?;
    mend_files(&plan, &people, &mut teller)?;
    remember(&plan, &people, &mut teller)?;
    superfluous_services(&plan);
    let had = plan.before.as_ref().map(listeners::all).unwrap_or_default();
    plan.listeners().iter().filter(|listener| !had.contains(listener)).for_each(try_port);
    Ok(())
}

/// Prints a file as it would be generated.
pub fn print(directory: &Path, path: &Path) -> Result<(), Failure> {
    let plan = Plan::of_existing(directory)?;
    let all = scripts::all(&plan);
    let Some(file) = all.iter().find(|file| file.path == path) else {
        let known: Vec<String> = all.iter().map(|file| file.path.display().to_string()).collect();
        return Err(Failure::lasting(format_args!("{} is no generated file; these are: {}", path.display(), known.join(", "))));
    };
    crate::say(&file.text).map(drop)
}

/// Says what is done, but of what lies in a directory that was itself made now only the whole.
#[derive(Default)]
struct Teller {
    made: BTreeSet<PathBuf>,
}

impl Teller {
    fn tell(&self, line: String) {
        let _ = crate::say(line);
    }

    fn tell_of(&mut self, place: &Place, fault: &Fault) {
        let parent = place.path.parent().unwrap_or(Path::new(""));
        let (path, within) = (place.path.display(), self.made.contains(parent));
        match fault {
            Fault::Missing if place.kind == Kind::Directory => {
                self.made.insert(place.path.clone());
                // A new instance names its main directories, not what is in them.
                if !within || self.made.contains(Path::new("")) && parent.as_os_str().is_empty() {
                    self.tell(format!("made {path}"));
                }
            }
            _ if within => {}
            Fault::Missing | Fault::OtherKind(_) => {}
            Fault::Owner { .. } | Fault::Mode { .. } => self.tell(format!("mended {}: it {fault}", shown(&place.path))),
        }
    }
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { "the directory of the instance".to_owned() } else { path.display().to_string() }
}

fn lay_out(plan: &Plan, people: &People, teller: &mut Teller) -> Result<(), Failure> {
    let land = open(plan)?;
    for place in plan.directories() {
        mend(&land, &place, people, teller)?;
    }
    Ok(())
}

fn write_files(plan: &mut Plan, people: &People, teller: &mut Teller) -> Result<(), Failure> {
    for file in scripts::all(plan) {
        let parent_is_new = file.path.parent().is_some_and(|parent| teller.made.contains(parent));
        let mut say = |line| {
            if !parent_is_new {
                teller.tell(line)
            }
        };
        files::bring_up_to_date(plan, &file, &mut say)?;
        if parent_is_new {
            give(plan, &tree::file(&file.path, file.executable), people)?;
        }
    }
    Ok(())
}

/// Owners and modes of all files that are the admin's: scripts, variables, control files; and the
/// owner of what lies in the queue.
fn mend_files(plan: &Plan, people: &People, teller: &mut Teller) -> Result<(), Failure> {
    let land = open(plan)?;
    for file in scripts::all(plan) {
        mend(&land, &tree::file(&file.path, file.executable), people, teller)?;
    }
    for (path, fault) in content::content(plan, &land, people).map_err(|error| barred(plan, &error))? {
        let done = match fault {
            Fault::Owner { wanted, .. } => land.give(&path, wanted),
            Fault::Mode { wanted, .. } => land.set_mode(&path, wanted),
            Fault::Missing | Fault::OtherKind(_) => continue,
        };
        match done {
            // A message that was delivered meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Failure::temporary(format_args!("unable to mend {}: {error}", plan.root.join(&path).display()))),
            Ok(()) => {}
        }
        teller.tell(format!("mended {}: it {fault}", path.display()));
    }
    Ok(())
}

fn mend(land: &Land, place: &Place, people: &People, teller: &mut Teller) -> Result<(), Failure> {
    let found = land.mend(place, people).map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::PermissionDenied { "; run this as root or as the owner of the instance" } else { "" };
        Failure::temporary(format_args!("unable to mend {}: {error}{hint}", shown(&place.path)))
    })?;
    found.iter().for_each(|fault| teller.tell_of(place, fault));
    Ok(())
}

fn give(plan: &Plan, place: &Place, people: &People) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::temporary(format_args!("unable to give {} to its owner: {error}", place.path.display()));
    open(plan)?.mend(place, people).map(drop).map_err(failed)
}

fn remember(plan: &Plan, people: &People, teller: &mut Teller) -> Result<(), Failure> {
    let place = tree::file(tree::SETTINGS, false);
    if plan.before.as_ref() != Some(&plan.settings) {
        let path = plan.root.join(tree::SETTINGS);
        files::replace(&path, plan.settings.text().as_bytes(), 0o644)
            .map_err(|error| Failure::temporary(format_args!("unable to write {}: {error}", path.display())))?;
        teller.tell(format!("wrote {}", tree::SETTINGS));
        return give(plan, &place, people);
    }
    mend(&open(plan)?, &place, people, teller)
}

/// What was dropped goes on until the admin ends it. Said when it is dropped; the checkers say it again.
fn superfluous_services(plan: &Plan) {
    let had = |name: &str| plan.before.as_ref().is_some_and(|before| had_service(before, name));
    for name in site_tree::superfluous_services(plan).into_iter().filter(|name| had(name)) {
        let (directory, run) = (plan.root.join("service").join(&name), plan.root.join("run").join(&name));
        let door = if run.exists() { format!(", and {}", run.display()) } else { String::new() };
        LOG.warning(format_args!(
            "{} is not needed any more; stop it (svc -dx or sv exit) and remove the directory{door}",
            directory.display()
        ));
    }
}

fn had_service(before: &Settings, name: &str) -> bool {
    let listeners: Vec<String> = listeners::all(before).into_iter().map(|listener| listener.name).collect();
    tree::service_names(&listeners, &tree::services(&before.with)).iter().any(|had| had == name)
}

fn try_port(Listener { kind, address, port, .. }: &Listener) {
    let host = if address == "0" { "0.0.0.0" } else { address.as_str() };
    let option = if *kind == Port::Mail { "--port" } else { "--submission" };
    match TcpListener::bind((host, *port)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            LOG.warning(format_args!("an ordinary user may not listen at port {port}; choose one above 1023 with {option}"));
        }
        Err(error) => {
            LOG.warning(format_args!("unable to listen at {host} port {port}: {error}; the listener will not start as long as this is so"))
        }
    }
}

fn open(plan: &Plan) -> Result<Land, Failure> {
    Land::open(&plan.root).map_err(|error| barred(plan, &error))
}

fn barred(plan: &Plan, error: &io::Error) -> Failure {
    Failure::temporary(format_args!("unable to enter {}: {error}", plan.root.display()))
}
