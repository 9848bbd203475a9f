//! Users and groups by name or number.
//!
//! A look-up that cannot be done (the user database is away) is an error; "there is no such user"
//! is `None`. Nobody may mix the two up: one is a temporary failure, the other final.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A user id that is not a group id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub u32);

/// A group id that is not a user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gid(pub u32);

impl Uid {
    /// The superuser.
    pub const ROOT: Uid = Uid(0);

    /// The effective user id of this process.
    pub fn effective() -> Uid {
        Uid(nix::unistd::geteuid().as_raw())
    }

    /// The real user id of this process: who started it.
    pub fn real() -> Uid {
        Uid(nix::unistd::getuid().as_raw())
    }

    /// Whether this is the superuser.
    pub fn is_root(self) -> bool {
        self == Uid::ROOT
    }
}

impl Gid {
    /// The effective group id of this process.
    pub fn effective() -> Gid {
        Gid(nix::unistd::getegid().as_raw())
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Gid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A user of the system with its primary group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: Uid,
    /// Primary group id.
    pub gid: Gid,
    /// Home directory.
    pub home: PathBuf,
}

impl Account {
    /// The account of that name; `None` when the user database says there is none (getpwnam_r(3)).
    pub fn by_name(name: &str) -> io::Result<Option<Account>> {
        let found = nix::unistd::User::from_name(name).map_err(io::Error::from)?;
        Ok(found.map(Account::from_nix))
    }

    /// The account with that number (getpwuid_r(3)).
    pub fn by_uid(uid: Uid) -> io::Result<Option<Account>> {
        let raw = nix::unistd::Uid::from_raw(uid.0);
        let found = nix::unistd::User::from_uid(raw).map_err(io::Error::from)?;
        Ok(found.map(Account::from_nix))
    }

    fn from_nix(user: nix::unistd::User) -> Account {
        Account { name: user.name, uid: Uid(user.uid.as_raw()), gid: Gid(user.gid.as_raw()), home: user.dir }
    }
}

/// The number of the group of that name; `None` when there is none (getgrnam_r(3)).
pub fn group_by_name(name: &str) -> io::Result<Option<Gid>> {
    let found = nix::unistd::Group::from_name(name).map_err(io::Error::from)?;
    Ok(found.map(|group| Gid(group.gid.as_raw())))
}

/// The name of that group; `None` when it has none (getgrgid_r(3)).
pub fn group_name(gid: Gid) -> io::Result<Option<String>> {
    let raw = nix::unistd::Gid::from_raw(gid.0);
    let found = nix::unistd::Group::from_gid(raw).map_err(io::Error::from)?;
    Ok(found.map(|group| group.name))
}
