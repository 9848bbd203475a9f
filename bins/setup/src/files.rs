//! Writing files into an instance: whole or not at all, and never over what the admin wrote.

use crate::{Failure, LOG, Plan};
use stafett_site::files::{State, key, state};
use stafett_site::scripts::Generated;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a generated file where it is missing or outdated, and remembers its checksum. `say` is
/// told the path of one that was written.
pub fn bring_up_to_date(plan: &mut Plan, file: &Generated, say: &mut impl FnMut(String)) -> Result<(), Failure> {
    let path = plan.root.join(&file.path);
    let failed = |verb: &str, error: io::Error| Failure::temporary(format_args!("unable to {verb} {}: {error}", path.display()));
    let checksum = crc32fast::hash(file.text.as_bytes());
    match state(plan, file).map_err(|error| failed("read", error))? {
        State::Current => {}
        State::Missing | State::Outdated => {
            replace(&path, file.text.as_bytes(), if file.executable { 0o755 } else { 0o644 }).map_err(|error| failed("write", error))?;
            say(format!("wrote {}", file.path.display()));
        }
        // Said once for each text that could have been written, not at each run.
        State::Edited if plan.settings.written.get(&key(file)) != Some(&checksum) => {
            let (root, path) = (plan.root.display(), file.path.display());
            LOG.note(format_args!("kept {path}, which was edited; stafett-setup {root} --print {path} shows what it would be now"));
        }
        State::Edited => {}
    }
    plan.settings.written.insert(key(file), checksum);
    Ok(())
}

/// Writes a file under another name first, so that nobody ever sees half of it.
///
/// # Errors
/// When the system refuses; the old file is still whole then.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = Path::new(&name);
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(fresh)?;
    file.write_all(bytes)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(fresh, path)
}
