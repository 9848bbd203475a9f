//! maildirmake(1): makes a Maildir, for its owner alone, and gives it a quota.

use lexopt::Arg;
use stafett_log::{Failure, Log};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const USAGE: &str = "usage: maildirmake [-q QUOTA] DIR, with a quota such as 50000000S,1000C";

/// Runs it.
pub fn run(arguments: &[OsString], _: Log) -> Result<u8, Failure> {
    let (quota, directory) = parse(arguments)?;
    let is_there = quota.is_some() && directory.join("cur").is_dir();
    if !is_there {
        make(&directory)?;
    }
    if let Some(quota) = quota {
        let file = directory.join("maildirsize");
        limit(&directory, &quota, is_there)
            .map_err(|error| Failure::temporary(format_args!("unable to write {}: {error}", file.display())))?;
    }
    Ok(0)
}

fn make(directory: &Path) -> Result<(), Failure> {
    for part in ["", "tmp", "new", "cur"] {
        let path = if part.is_empty() { directory.to_path_buf() } else { directory.join(part) };
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Failure::temporary(format_args!("unable to make {}: {error}", path.display())))?;
    }
    Ok(())
}

/// Writes maildirsize, whose first line is the quota. Where messages may lie already the next line says that it is full, so that
/// the next delivery counts them.
fn limit(directory: &Path, quota: &str, may_hold_mail: bool) -> io::Result<()> {
    let (fresh, file) = (directory.join("tmp").join(format!("maildirsize.{}", std::process::id())), directory.join("maildirsize"));
    let mut writer = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    let part = |letter: char| quota.split(',').find_map(|part| part.strip_suffix(letter)).unwrap_or("0");
    let full = if may_hold_mail { format!("{} {}\n", part('S'), part('C')) } else { String::new() };
    let written = write!(writer, "{quota}\n{full}").and_then(|()| writer.sync_all()).and_then(|()| fs::rename(&fresh, &file));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}

fn parse(arguments: &[OsString]) -> Result<(Option<String>, PathBuf), Failure> {
    let usage = |error: lexopt::Error| Failure::lasting(format_args!("{error}; {USAGE}"));
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut quota, mut directory) = (None, None);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Arg::Short('q') => quota = Some(parser.value().map_err(usage)?),
            Arg::Value(value) if directory.is_none() && !value.is_empty() => directory = Some(PathBuf::from(value)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let quota = quota.map(|text| text.to_str().filter(|text| is_quota(text)).map(str::to_owned));
    match (quota, directory) {
        (Some(None), _) | (_, None) => Err(Failure::lasting(USAGE)),
        (quota, Some(directory)) => Ok((quota.flatten(), directory)),
    }
}

/// Bytes and messages, divided by commas (Maildir++).
fn is_quota(text: &str) -> bool {
    let number = |part: &str| part.strip_suffix(['S', 'C']).is_some_and(|digits| digits.parse::<u64>().is_ok_and(|number| number > 0));
    text.split(',').all(number)
}
