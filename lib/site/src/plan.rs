//! An instance as it is or shall be: its directory and what it remembers.

use crate::listeners;
use crate::settings::{Settings, Users};
use stafett_instance::LONGEST;
use stafett_instance::people::People;
use stafett_instance::tree::{self, Listener, Place, Supervised};
use stafett_log::Failure;
use stafett_sys::user::{Gid, Uid};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An instance as it shall be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its directory, absolute.
    pub root: PathBuf,
    /// What it remembers from now on.
    pub settings: Settings,
    /// What it remembered until now.
    pub before: Option<Settings>,
}

impl Plan {
    /// The plan of an instance that exists, for judging it.
    ///
    /// # Errors
    /// When it remembers nothing, or what cannot be read.
    pub fn of_existing(directory: &Path) -> Result<Plan, Failure> {
        let root = absolute(directory)?;
        let settings = Settings::read(&root)?.ok_or_else(|| {
            Failure::lasting(format_args!(
                "{} is no instance: its file \"setup\" is missing; make it with stafett-setup {} --me HOST",
                root.display(),
                root.display()
            ))
        })?;
        Ok(Plan { root, before: Some(settings.clone()), settings })
    }

    /// The listeners.
    pub fn listeners(&self) -> Vec<Listener> {
        listeners::all(&self.settings)
    }

    /// The names of the listeners.
    pub fn listener_names(&self) -> Vec<String> {
        self.listeners().into_iter().map(|listener| listener.name).collect()
    }

    /// Its services, the listener as one.
    pub fn services(&self) -> Vec<&'static Supervised> {
        tree::services(&self.settings.with)
    }

    /// Its directories, parents first.
    pub fn directories(&self) -> Vec<Place> {
        let mut places = tree::directories(&self.listener_names(), &self.services());
        // An admin may have the supervisors write elsewhere, such as below /run.
        places.retain(|place| !place.path.ends_with("supervise") || !self.root.join(&place.path).is_symlink());
        places
    }

    /// The directory that the scripts take the programs from.
    pub fn bin(&self) -> PathBuf {
        if self.settings.copied { self.root.join("bin") } else { self.settings.bin.clone() }
    }

    /// Whether the programs come from the same directory as before.
    pub fn is_unchanged_bin(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.bin == self.settings.bin)
    }

    /// The users of this instance as numbers; the names of those that do not exist as inner error.
    ///
    /// # Errors
    /// When the user database cannot be asked.
    pub fn people(&self) -> Result<Result<People, Vec<String>>, Failure> {
        match &self.settings.users {
            Users::Separate(prefix) => People::separate(prefix, &tree::roles(&self.services()))
                .map_err(|error| Failure::temporary(format_args!("unable to look up the users of prefix {prefix}: {error}"))),
            Users::Single => Ok(Ok(self.owner())),
        }
    }

    /// The prefix of the users' names; `None` where one user runs everything.
    pub fn prefix(&self) -> Option<&str> {
        match &self.settings.users {
            Users::Separate(prefix) => Some(prefix),
            Users::Single => None,
        }
    }

    /// The one user of an ordinary user's instance: who owns it, also when root mends it.
    fn owner(&self) -> People {
        match std::fs::metadata(self.root.join(tree::SETTINGS)).or_else(|_| std::fs::metadata(&self.root)) {
            Ok(found) if Uid::effective().is_root() => People::single(Uid(found.uid()), Gid(found.gid())),
            _ => People::single(Uid::effective(), Gid::effective()),
        }
    }
}

/// The directory made absolute, `.` and double slashes gone.
///
/// # Errors
/// When its name cannot be that of an instance.
pub fn absolute(directory: &Path) -> Result<PathBuf, Failure> {
    let shown = directory.display();
    let root = std::path::absolute(directory)
        .map_err(|error| Failure::lasting(format_args!("unable to find the directory \"{shown}\": {error}")))?;
    let root: PathBuf = root.components().collect();
    if root.components().any(|step| step == std::path::Component::ParentDir) {
        return Err(Failure::lasting(format_args!("{shown}: name the directory without \"..\"")));
    }
    if root.parent().is_none() {
        return Err(Failure::lasting("an instance needs a directory of its own, not /"));
    }
    if root.as_os_str().len() > LONGEST {
        return Err(Failure::lasting(format_args!(
            "{shown}: the name of an instance's directory may have {LONGEST} bytes at most (its sockets lie below it); choose a shorter one"
        )));
    }
    printable(&root)?;
    Ok(root)
}

/// Paths stand in scripts, in env/ and in the file `setup`, a line each.
///
/// # Errors
/// When it cannot stand there.
pub fn printable(path: &Path) -> Result<(), Failure> {
    let text =
        path.to_str().ok_or_else(|| Failure::lasting(format_args!("{}: the path is not UTF-8 text; choose another", path.display())))?;
    if text.chars().any(char::is_control) || text.trim() != text {
        return Err(Failure::lasting(format_args!(
            "{text:?}: the path holds a control character or begins or ends with a blank, which scripts and env/ cannot carry; choose another"
        )));
    }
    Ok(())
}
