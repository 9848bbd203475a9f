//! What is to be made: the options of this run over what the instance remembers over defaults.

use crate::options::{Request, Submission};
use crate::{Failure, Plan};
use stafett_instance::people::DEFAULT_PREFIX;
use stafett_instance::tree;
use stafett_site::plan::{absolute, printable};
use stafett_site::settings::{Settings, Users};
use stafett_sys::user::Uid;
use std::path::{Path, PathBuf};

/// Nobody can submit mail without these services.
const NEEDED_FOR_SUBMISSION: [&str; 3] = ["auth", "tls", "tlskeys"];

/// Puts together what was asked for and what is remembered.
pub fn new(request: &Request) -> Result<Plan, Failure> {
    let root = absolute(&request.directory)?;
    let before = Settings::read(&root)?;
    let mut settings = match &before {
        Some(before) => before.clone(),
        None => Settings::new(default_users(), own_directory()?),
    };
    if let Some(prefix) = &request.prefix {
        settings.users = separate(prefix, before.as_ref())?;
    }
    if let Some(bin) = &request.bin {
        settings.bin = std::fs::canonicalize(bin).map_err(|error| unusable(bin, &error))?;
    }
    settings.port = request.port.unwrap_or(settings.port);
    if !request.addresses.is_empty() {
        settings.addresses.clone_from(&request.addresses);
    }
    if let Some(Submission { starttls, tls }) = request.submission {
        (settings.submission, settings.submissions) = (starttls, tls);
        if starttls.or(tls).is_some() {
            settings.with.extend(NEEDED_FOR_SUBMISSION.iter().filter(|name| tree::is_optional(name)).map(|name| (*name).to_owned()));
        }
    }
    settings.with.extend(request.with.iter().cloned());
    settings.with.retain(|name| !request.without.contains(name));
    printable(&settings.bin)?;
    Ok(Plan { root, settings, before })
}

fn default_users() -> Users {
    if Uid::effective().is_root() { Users::Separate(DEFAULT_PREFIX.to_owned()) } else { Users::Single }
}

fn separate(prefix: &str, before: Option<&Settings>) -> Result<Users, Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::lasting("--user-prefix: only root can give each program a user of its own; leave the option away"));
    }
    if before.is_some_and(|before| before.users == Users::Single) {
        return Err(Failure::lasting(
            "--user-prefix: this instance was made by an ordinary user, who runs all of it; make a new one as root",
        ));
    }
    Ok(Users::Separate(prefix.to_owned()))
}

/// The directory that this very program was started from.
fn own_directory() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_path_buf));
    own.ok_or_else(|| Failure::lasting("unable to tell where the programs are; name their directory with --bin"))
}

fn unusable(bin: &Path, error: &std::io::Error) -> Failure {
    Failure::lasting(format_args!(
        "--bin {}: {error}; name the directory that cargo build --release has filled, such as target/release",
        bin.display()
    ))
}
