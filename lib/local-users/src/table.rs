//! The compiled assignments, in the form of qmail's users/cdb (qmail-newu(8)).
//!
//! Keys are `!local` and a NUL for whole local parts, `!prefix` for beginnings, all in lower case; the empty key holds the
//! characters that beginnings end with. Values are user, uid, gid, home, dash and extension, divided by NUL.

use crate::{Owner, Trouble, general};
use stafett_control::compiled;
use stafett_sys::user::{Gid, Uid};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The owner that the table at `path` names; `None` when it does not, or there is no table.
pub fn find(path: &Path, local: &str) -> Result<Option<Owner>, Trouble> {
    let fault = |error: io::Error| general(format!("unable to read {}: {error}; make it again with stafett-users", path.display()));
    let table = match compiled::open(path) {
        Ok(table) => table,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
    };
    let Some(entry) = look_up(&table, local).map_err(fault)? else { return Ok(None) };
    match parse(&entry) {
        Some(owner) => Ok(Some(owner)),
        None => Err(fault(io::Error::new(io::ErrorKind::InvalidData, format!("the entry for \"{local}\" is none")))),
    }
}

fn look_up(table: &cdb2::CDB, local: &str) -> io::Result<Option<Vec<u8>>> {
    let lower = local.to_ascii_lowercase();
    if let Some(found) = table.get(format!("!{lower}\0").as_bytes()).transpose()? {
        return Ok(Some(found));
    }
    let ends = table.get(b"").transpose()?.unwrap_or_default();
    for end in (0..=lower.len()).rev() {
        let (Some(prefix), Some(rest)) = (lower.get(..end), local.get(end..)) else { continue };
        let may_be = prefix.as_bytes().last().is_none_or(|last| ends.contains(last));
        if may_be && let Some(mut found) = table.get(format!("!{prefix}").as_bytes()).transpose()? {
            found.extend_from_slice(rest.as_bytes());
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn parse(entry: &[u8]) -> Option<Owner> {
    let fields: Vec<&[u8]> = entry.splitn(6, |byte| *byte == 0).collect();
    let [user, uid, gid, home, dash, ext] = &fields[..] else { return None };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(Owner {
        user: text(user)?,
        uid: Uid(text(uid)?.parse().ok()?),
        gid: Gid(text(gid)?.parse().ok()?),
        home: PathBuf::from(std::ffi::OsString::from_vec(home.to_vec())),
        dash: text(dash)?,
        // Older makers end it with a NUL.
        ext: text(ext)?.trim_end_matches('\0').to_owned(),
    })
}
