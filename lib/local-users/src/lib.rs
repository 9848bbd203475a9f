//! Whose a local part is: the user, where it lives, and what is left for its dot-qmail files.
//!
//! What: the three places where qmail looks, in its order: the table users/cdb (qmail-users(5)), the users of the system
//! (qmail-getpw(8)), and the directory alias/ for all that belongs to nobody.
//! Security stance: local parts come from strangers; they select a line, and nothing of them becomes a path here. Root has
//! no mail of its own: what is root's goes to alias/.
//! How it fails: a table or a user database that cannot be asked is [`Trouble`], never "there is no such user".
//! Known limits: names of users are compared in lower case, so a user whose name has capitals gets no mail.

mod assign;
mod breaks;
mod passwd;
pub mod remarks;
mod sources;
mod table;

pub use assign::{Entry, parse, write};
pub use breaks::Breaks;

use stafett_sys::user::{Account, Gid, Uid};
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The table of assignments, below the instance.
pub const TABLE: &str = "users/cdb";
/// The home of whatever belongs to nobody, below the instance. Its owner is who delivers there.
pub const ALIAS: &str = "alias";

/// Whom a local part belongs to, and how its dot-qmail files are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's name, as programs hear it.
    pub user: String,
    /// Whom the delivery runs as.
    pub uid: Uid,
    /// The first of its groups.
    pub gid: Gid,
    /// Where dot-qmail files lie and relative paths begin.
    pub home: PathBuf,
    /// What stands between `.qmail` and the extension: nothing or `-`.
    pub dash: String,
    /// The extension, as it was written.
    pub ext: String,
}

/// Why nothing can be said: a sentence for the log, and whether all other recipients fare the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What failed.
    pub text: String,
    /// The database itself is away.
    pub is_general: bool,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Trouble {}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Users {
    root: PathBuf,
    breaks: Breaks,
    /// The one user of an instance that an ordinary user made.
    only: Option<Uid>,
}

impl Users {
    /// The users of the instance in `root`. An ordinary user's process finds nobody but that user.
    pub fn new(root: &Path, breaks: Breaks) -> Users {
        let own = Uid::effective();
        Users { root: root.to_path_buf(), breaks, only: (!own.is_root()).then_some(own) }
    }

    /// The characters that begin an extension.
    pub fn breaks(&self) -> &Breaks {
        &self.breaks
    }

    /// Whose `local` is; `None` when nobody takes what belongs to nobody.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub fn find(&self, local: &str) -> Result<Option<Owner>, Trouble> {
        if let Some(owner) = table::find(&self.root.join(TABLE), local)? {
            return self.permitted(owner).map(Some);
        }
        if let Some(ext) = self.alias_extension(local) {
            return self.alias(ext);
        }
        match passwd::find(local, &self.breaks, self.only)? {
            Some(owner) => Ok(Some(owner)),
            None => self.alias(Some(local)),
        }
    }

    /// The extension of `alias` and `alias-ext`, which stand for the directory itself.
    fn alias_extension<'a>(&self, local: &'a str) -> Option<Option<&'a str>> {
        let (name, rest) = local.split_at_checked(ALIAS.len())?;
        if !name.eq_ignore_ascii_case(ALIAS) {
            return None;
        }
        let mut rest = rest.chars();
        match rest.next() {
            None => Some(None),
            Some(first) if self.breaks.contains(first) => Some(Some(rest.as_str())),
            Some(_) => None,
        }
    }

    fn alias(&self, ext: Option<&str>) -> Result<Option<Owner>, Trouble> {
        let home = self.root.join(ALIAS);
        let found = match std::fs::metadata(&home) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(general(format!("unable to look at {}: {error}", home.display()))),
        };
        let owner = Owner {
            user: ALIAS.to_owned(),
            uid: Uid(found.uid()),
            gid: Gid(found.gid()),
            home,
            dash: if ext.is_some() { "-".to_owned() } else { String::new() },
            ext: ext.unwrap_or_default().to_owned(),
        };
        self.permitted(owner).map(Some)
    }

    /// Nobody may make us deliver as root, nor an ordinary user's instance as another.
    fn permitted(&self, owner: Owner) -> Result<Owner, Trouble> {
        let refused = |why: String| Err(Trouble { text: why, is_general: false });
        match self.only {
            _ if owner.uid.is_root() => refused(format!("{} belongs to root, as whom nothing is delivered", owner.home.display())),
            Some(only) if only != owner.uid => refused(format!("this instance delivers as user {only} alone, not as user {}", owner.uid)),
            _ => Ok(owner),
        }
    }
}

/// Sees to it that a source of users that is away is not passed over (nsswitch.conf(5)), and asks for a user once, so that what the
/// user database needs is loaded before processes are born.
///
/// # Errors
/// When the user database cannot be asked.
pub fn prepare() -> io::Result<()> {
    heed_sources()?;
    Account::by_name("root")?;
    if sources::are_own() {
        // What each delivery would load for itself: the sources behind the first one, and those of groups. Others may take long.
        Account::by_name("-")?;
        stafett_sys::user::groups_of("root", Gid(0))?;
    }
    Ok(())
}

/// Reads nsswitch.conf(5) anew.
///
/// # Errors
/// When the system does not take what it says.
pub fn heed_sources() -> io::Result<()> {
    sources::insist()
}

fn general(text: String) -> Trouble {
    Trouble { text, is_general: true }
}

#[cfg(test)]
mod tests;
