//! Writing the compiled rules: complete and on disk under another name first, then renamed.
//!
//! Rules stand in the file in the order of the source, for the first record of a key is the one
//! that counts. Networks that were written out follow, longest prefix first, so that a shorter
//! one never hides a longer one.
//! How it fails: the temporary file is removed, the old compiled file stays as it was.

use crate::source::Rule;
use std::fs::File;
use std::io;
use std::path::Path;

/// Writes `rules` to `cdb` by way of `temporary`, which must be on the same file system and is
/// overwritten.
///
/// # Errors
/// When a file cannot be made, written, synced or renamed.
pub fn write(rules: &[Rule], cdb: &Path, temporary: &Path) -> io::Result<()> {
    let written = fill(rules, temporary).and_then(|()| std::fs::rename(temporary, cdb));
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written?;
    sync_directory(cdb)
}

fn fill(rules: &[Rule], temporary: &Path) -> io::Result<()> {
    let file = File::create(temporary)?;
    let mut maker = cdb2::CDBMake::new(file.try_clone()?)?;
    for (key, value) in records(rules) {
        maker.add(key, &value)?;
    }
    maker.finish()?;
    file.sync_all()
}

fn records(rules: &[Rule]) -> impl Iterator<Item = (&[u8], Vec<u8>)> {
    let mut ordered: Vec<&Rule> = rules.iter().collect();
    ordered.sort_by_key(|rule| rule.keys.cover.map(|bits| u8::MAX - bits));
    ordered.into_iter().flat_map(|rule| {
        let value = rule.instructions.encode();
        rule.keys.keys.iter().map(move |key| (key.as_slice(), value.clone()))
    })
}

fn sync_directory(file: &Path) -> io::Result<()> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
