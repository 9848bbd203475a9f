//! Writing files into an instance: whole or not at all, and never over what the admin wrote.

use crate::plan::Plan;
use crate::scripts::Generated;
use crate::{Failure, LOG};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Whether a generated file is as it was generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Missing,
    /// It is what would be generated now.
    Current,
    /// It is what was generated earlier.
    Outdated,
    /// Somebody changed it.
    Edited,
}

/// Compares what lies at the place of a generated file with what was and what would be generated.
pub fn state(plan: &Plan, file: &Generated) -> io::Result<State> {
    let content = match fs::read(plan.root.join(&file.path)) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::Missing),
        Err(error) => return Err(error),
    };
    let before = plan.before.as_ref().and_then(|before| before.written.get(&key(file)));
    Ok(if content == file.text.as_bytes() {
        State::Current
    } else if before == Some(&crc32fast::hash(&content)) {
        State::Outdated
    } else {
        State::Edited
    })
}

/// Writes a generated file where it is missing or outdated, and remembers its checksum. `say` is
/// told the path of one that was written.
pub fn bring_up_to_date(plan: &mut Plan, file: &Generated, say: &mut impl FnMut(String)) -> Result<(), Failure> {
    let path = plan.root.join(&file.path);
    let failed = |verb: &str, error: io::Error| Failure::system(format_args!("unable to {verb} {}: {error}", path.display()));
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

fn key(file: &Generated) -> String {
    file.path.to_string_lossy().into_owned()
}
