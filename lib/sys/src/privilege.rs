//! Giving up power, once and for good.
//!
//! [`drop_to`] sets groups, group and user, each checked, and proves that there is no way back.
//! Code that must not run with power asks for a [`Dropped`], which only this file can make.

use crate::user::{Gid, Uid};
use std::io;

/// Proof that this process runs without superuser rights and cannot regain them.
#[derive(Clone, Copy, Debug)]
pub struct Dropped(());

/// Becomes `uid` and `gid` with no supplementary groups, irreversibly.
///
/// # Errors
/// When a step fails, when the result is not what was asked, when `uid` is 0, or when root could
/// be had back. The caller must exit then.
pub fn drop_to(uid: Uid, gid: Gid) -> io::Result<Dropped> {
    if uid.is_root() {
        return Err(io::Error::other("refusing to keep running as root"));
    }
    let (user, group) = (nix::unistd::Uid::from_raw(uid.0), nix::unistd::Gid::from_raw(gid.0));
    if Uid::effective().is_root() {
        nix::unistd::setgroups(&[group])?;
    }
    change(user, group)
}

/// Becomes `uid` and `gid` with the further groups that the user database gives to the user `name` (initgroups(3)),
/// irreversibly.
///
/// # Errors
/// As [`drop_to`]; also when the groups cannot be looked up.
pub fn become_user(name: &str, uid: Uid, gid: Gid) -> io::Result<Dropped> {
    if uid.is_root() {
        return Err(io::Error::other("refusing to keep running as root"));
    }
    let (user, group) = (nix::unistd::Uid::from_raw(uid.0), nix::unistd::Gid::from_raw(gid.0));
    if Uid::effective().is_root() {
        nix::unistd::initgroups(&std::ffi::CString::new(name)?, group)?;
    }
    change(user, group)
}

fn change(user: nix::unistd::Uid, group: nix::unistd::Gid) -> io::Result<Dropped> {
    nix::unistd::setresgid(group, group, group)?;
    nix::unistd::setresuid(user, user, user)?;
    let (uids, gids) = (nix::unistd::getresuid()?, nix::unistd::getresgid()?);
    if uids.real != user || uids.saved != user || gids.real != group || gids.saved != group {
        return Err(io::Error::other("the system did not change the user as asked"));
    }
    unprivileged()
}

/// Does `work` with the rights of `uid` and `gid` and comes back: for root's tools that read with power and write as the
/// owner of what they write. Nothing changes where this process has that user already.
///
/// # Errors
/// When the user cannot be changed; or not changed back, and then the caller must end.
pub fn acting_as<T>(uid: Uid, gid: Gid, work: impl FnOnce() -> T) -> io::Result<T> {
    if Uid::effective() == uid {
        return Ok(work());
    }
    let (own_user, own_group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let (user, group) = (nix::unistd::Uid::from_raw(uid.0), nix::unistd::Gid::from_raw(gid.0));
    // Root has no use for its further groups; they would stay with the other user.
    nix::unistd::setgroups(&[group])?;
    nix::unistd::setegid(group)?;
    nix::unistd::seteuid(user)?;
    let done = work();
    nix::unistd::seteuid(own_user)?;
    nix::unistd::setegid(own_group)?;
    Ok(done)
}

/// Proof for a process that was started as an ordinary user.
///
/// # Errors
/// When it is root or could become root by setuid(2).
pub fn unprivileged() -> io::Result<Dropped> {
    let ids = nix::unistd::getresuid()?;
    if ids.real.is_root() || ids.effective.is_root() || ids.saved.is_root() {
        return Err(io::Error::other("this program must not run as root; start it through its run script, which changes the user first"));
    }
    if nix::unistd::setuid(nix::unistd::Uid::from_raw(0)).is_ok() {
        return Err(io::Error::other("root could be regained (a capability is left)"));
    }
    Ok(Dropped(()))
}

/// No program that this process executes can gain power by setuid, setgid or file capabilities
/// (prctl(2), `PR_SET_NO_NEW_PRIVS`).
pub fn no_new_privileges() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true).map_err(io::Error::from)
}
