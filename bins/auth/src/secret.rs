//! The secret from which accounts that do not exist get their salt: kept, so that it stays when the service is restarted.
//!
//! How it fails: one that cannot be kept is a new one each time, which would tell a patient stranger which accounts exist;
//! so the service does not begin without it.

use stafett_verifiers::{Key, random};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads it from the directory of our state, or makes it there.
///
/// # Errors
/// A sentence.
pub fn read(directory: &Path) -> Result<Key, String> {
    let path = directory.join("secret");
    let unable = |verb: &str, error: std::io::Error| format!("unable to {verb} {}: {error}", path.display());
    match std::fs::read(&path) {
        Ok(bytes) => match Key::try_from(bytes) {
            Ok(key) => Ok(key),
            Err(_) => make(&path),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path),
        Err(error) => Err(unable("read", error)),
    }
}

/// Written beside and renamed, so that it is whole or not there.
fn make(path: &Path) -> Result<Key, String> {
    let key: Key = random()?;
    let beside = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| format!("unable to write {}: {error}", path.display()))?;
    Ok(key)
}
