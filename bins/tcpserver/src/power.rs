//! Giving up power after the socket is bound.
//!
//! Security stance: a listener that hands over never keeps root. One that executes a program may
//! (a POP3 server's checkpassword needs it), as with djb's tcpserver, and says so.

use crate::options::Identity;
use stafett_sys::privilege::{self, Dropped};
use stafett_sys::sandbox::{Enforced, Sandbox};
use stafett_sys::user::{Account, Gid, Uid};
use std::io;
use std::path::Path;

/// Becomes the identity asked for; `None` when root is kept, which only `keep_root` allows.
///
/// # Errors
/// The text for the admin.
pub fn drop_to(identity: Identity, keep_root: bool) -> Result<Option<Dropped>, String> {
    let uid = identity.uid.filter(|uid| *uid != 0);
    let gid = identity.gid.filter(|gid| *gid != 0);
    match uid {
        Some(uid) => {
            let gid = gid.map_or_else(|| primary_group(uid), |gid| Ok(Gid(gid)))?;
            let dropped = privilege::drop_to(Uid(uid), gid);
            dropped.map(Some).map_err(|error| format!("unable to become user {uid} and group {gid}: {error}"))
        }
        None if gid.is_some() => Err("-g alone leaves the user as it is; give -u too".to_owned()),
        None if keep_root && Uid::effective().is_root() => Ok(None),
        None => privilege::unprivileged().map(Some).map_err(|error| format!("unable to go on: {error}")),
    }
}

/// Locks the process in. What is executed later keeps its file access, but gains no power by
/// setuid; a process that only hands over reaches nothing but its rules.
///
/// # Errors
/// When the kernel knows the restriction but refuses it.
pub fn lock_in(dropped: Option<Dropped>, hands_over: bool, rules: Option<&Path>) -> io::Result<Enforced> {
    match dropped {
        Some(dropped) if hands_over => {
            // The directory, not the file: compiling replaces the file by a new one.
            let directory = rules.map(|rules| rules.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")));
            let sandbox = directory.map_or_else(Sandbox::new, |directory| Sandbox::new().read(directory));
            sandbox.enforce(dropped)
        }
        Some(_) => privilege::no_new_privileges().map(|()| Enforced::Fully),
        None => Ok(Enforced::Fully),
    }
}

fn primary_group(uid: u32) -> Result<Gid, String> {
    match Account::by_uid(Uid(uid)) {
        Ok(Some(account)) => Ok(account.gid),
        Ok(None) => Err(format!("-u {uid} names no known user; give -g too")),
        Err(error) => Err(format!("unable to look up user {uid}: {error}")),
    }
}
