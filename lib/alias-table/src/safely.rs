//! Opening a table or a list.
//!
//! Security stance: what everybody may write is nobody's word, as with dot-qmail files: whoever could write a table could run
//! programs as the owner of alias/. How it fails: with an error that puts mail off; nothing but a plain file is waited for or read.

use crate::command::broken;
use rustix::fs::OFlags;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The file, and its mode.
///
/// # Errors
/// When it cannot be opened, is no plain file, or can be written by everybody.
pub fn open(path: &Path) -> io::Result<(File, u32)> {
    // Something that is no file must not be waited for.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(broken("it is no plain file"));
    }
    if found.mode() & 0o002 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "everybody may write it"));
    }
    Ok((file, found.mode()))
}
