//! Users and groups by name or number.
//!
//! A look-up that cannot be done (the user database is away) is an error; "there is no such user"
//! is `None`. Nobody may mix the two up: one is a temporary failure, the other final.

use std::ffi::{CString, c_char};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::path::PathBuf;

/// An entry of the user database at most, in bytes.
const LARGEST_ENTRY: usize = 1024 * 1024;

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
        let name = CString::new(name)?;
        let mut space: Vec<c_char> = vec![0; 16 * 1024];
        loop {
            let mut entry = MaybeUninit::<libc::passwd>::uninit();
            let mut found = std::ptr::null_mut();
            // A source that is away need not say why; the system returns errno then, and none would read as "not found".
            nix::errno::Errno::set_raw(libc::EIO);
            // SAFETY: all pointers are valid for the call, and the length is that of the space.
            let error = unsafe { libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), space.as_mut_ptr(), space.len(), &raw mut found) };
            match error {
                0 if found.is_null() => return Ok(None),
                // SAFETY: it was found, so `entry` is filled, with pointers into `space`, which is still there.
                0 => return Ok(Some(Account::from_nix(nix::unistd::User::from(unsafe { &*found })))),
                libc::ERANGE if space.len() < LARGEST_ENTRY => space.resize(space.len() * 2, 0),
                error => return Err(io::Error::from_raw_os_error(error)),
            }
        }
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

/// From now on this process looks into these sources for what is in `database`, whatever nsswitch.conf(5) says; they are written
/// as there. Where the C library has no such sources, nothing is done.
///
/// # Errors
/// When the system refuses them.
#[cfg(target_env = "gnu")]
pub fn search(database: &str, sources: &str) -> io::Result<()> {
    use std::ffi::c_int;
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, sources: *const c_char) -> c_int;
    }
    let (database, sources) = (CString::new(database)?, CString::new(sources)?);
    // SAFETY: a public function of glibc (nss.h); both are strings that end with NUL, which it copies, and the programs that call
    // this have no other thread.
    let refused = unsafe { __nss_configure_lookup(database.as_ptr(), sources.as_ptr()) } != 0;
    if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// As with glibc, where there are sources.
///
/// # Errors
/// None.
#[cfg(not(target_env = "gnu"))]
pub fn search(_database: &str, _sources: &str) -> io::Result<()> {
    Ok(())
}

/// The number of the group of that name; `None` when there is none (getgrnam_r(3)).
pub fn group_by_name(name: &str) -> io::Result<Option<Gid>> {
    let found = nix::unistd::Group::from_name(name).map_err(io::Error::from)?;
    Ok(found.map(|group| Gid(group.gid.as_raw())))
}

/// How many groups a user is in, `first` included (getgrouplist(3)).
///
/// # Errors
/// When they cannot be told.
pub fn groups_of(name: &str, first: Gid) -> io::Result<usize> {
    let groups = nix::unistd::getgrouplist(&CString::new(name)?, nix::unistd::Gid::from_raw(first.0))?;
    Ok(groups.len())
}

/// The name of that group; `None` when it has none (getgrgid_r(3)).
pub fn group_name(gid: Gid) -> io::Result<Option<String>> {
    let raw = nix::unistd::Gid::from_raw(gid.0);
    let found = nix::unistd::Group::from_gid(raw).map_err(io::Error::from)?;
    Ok(found.map(|group| group.name))
}
