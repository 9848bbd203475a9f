//! The instance that takes it over, and what can be seen of it.

use stafett_test_e2e::Site;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An instance that can take it: made for the host of that qmail, with the services that its files need.
pub fn site() -> Site {
    let site = Site::at(scratch_in_memory().keep().join("i"));
    site.control("me", "mail.example.org\n");
    let made = site.setup(&["--with", "local,dnsbl"]);
    assert!(made.status.success(), "{made:?}");
    site
}

/// Ends the directory that [`site`] has kept.
pub fn remove(site: Site) {
    let place = site.root().parent().unwrap().to_owned();
    drop(site);
    fs::remove_dir_all(place).unwrap();
}

/// Many small syncs of whole file systems would wait for whatever else this machine writes.
pub fn scratch_in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let place = tempfile::Builder::new().prefix("st").tempdir_in(place).unwrap();
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    place
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs it; that it leaves something (exit code 1) is right.
#[track_caller]
pub fn imported(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    text(&output)
}

/// Every file below a directory with its bytes.
pub fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap_or_default())),
        }
    }
    found
}

pub fn subject(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().trim_end().to_owned()
}

/// Takes all messages out of its queue.
pub fn empty(site: &Site) {
    files(&site.path("queue")).into_keys().for_each(|path| fs::remove_file(path).unwrap());
}
