//! Programs of a dot-qmail file (qmail-command(8)).
//!
//! `/bin/sh -c` with the message on standard input, in a file that can be read again from its start, and a fixed set of variables.
//! What it prints stands in the log and in bounces, the beginning alone; the rest is read and dropped, so that a
//! program that prints without end is not stopped by that but by the time that a delivery may take.
//! What it leaves behind in the background is not waited for.
//! How it fails: by its exit code. 0 goes on, 99 is the last line, 100 and its kin return the message, all else puts it off.

use super::environment::Variables;
use super::{Delivery, Stop};
use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};
use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Pid};
use stafett_sys::{descriptor, socket};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Messages up to this size are given to programs in memory, in bytes.
const IN_MEMORY: u64 = 1024 * 1024;
/// Where larger ones lie meanwhile.
const SCRATCH: &str = "/tmp";
/// Names tried there, where a file needs one.
const MOST_NAMES: u128 = 100;
/// How much of the output is kept, in bytes.
const KEPT: usize = 500;
/// Exit codes that return the message (qmail-command(8), sysexits(3)).
const PERMANENT: &[i32] = &[100, 64, 65, 70, 76, 77, 78, 112];

/// Runs the command; what it printed, and whether the lines behind it count.
pub fn run(delivery: &Delivery, variables: &Variables, command: &OsStr) -> Result<(String, bool), Stop> {
    if let Some(name) = variables.dangerous() {
        return Err(Stop::Never(format!("Sorry, {name} begins like a function of a shell and is given to no program. (#5.1.3)")));
    }
    let message = message(delivery)?;
    delivery.is_wanted()?;
    let started = start(variables, command, message);
    let (child, output) = started.map_err(|error| Stop::Later(format!("Unable to run /bin/sh: {error}. (#4.3.0)")))?;
    let (status, text) =
        finish(delivery, child, &output).map_err(|error| Stop::Later(format!("Unable to wait for a program: {error}. (#4.3.0)")))?;
    judge(status, text)
}

fn judge(status: ExitStatus, text: String) -> Result<(String, bool), Stop> {
    let said = |words: String| if text.is_empty() { words } else { text.clone() };
    match status.code() {
        Some(0) => Ok((text, true)),
        Some(99) => Ok((text, false)),
        Some(code) if PERMANENT.contains(&code) => {
            Err(Stop::Never(said(format!("A program has refused the message, exit code {code}. (#5.3.0)"))))
        }
        Some(code) => Err(Stop::Later(said(format!("A program has put the message off, exit code {code}. (#4.3.0)")))),
        None => {
            let signal = status.signal().unwrap_or_default();
            Err(Stop::Later(said(format!("Aack, child crashed: signal {signal}. (#4.3.0)"))))
        }
    }
}

/// The message as a file of its own, at its start.
fn message(delivery: &Delivery) -> Result<File, Stop> {
    let failed = |error: io::Error| Stop::Later(format!("Unable to write the message for a program: {error}. (#4.3.0)"));
    let mut file = scratch(delivery.content.bytes()).map_err(failed)?;
    delivery.content.copy(&mut |piece| file.write_all(piece).map_err(failed))?;
    file.rewind().map_err(failed)?;
    Ok(file)
}

fn scratch(size: u64) -> io::Result<File> {
    if size <= IN_MEMORY {
        return Ok(File::from(rustix::fs::memfd_create("message", MemfdFlags::CLOEXEC)?));
    }
    let directory = Path::new(SCRATCH);
    match rustix::fs::open(directory, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR) {
        Ok(made) => Ok(File::from(made)),
        // A file system without it, or a system that takes it for an attempt to write a directory.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => nameless(directory),
        Err(error) => Err(error.into()),
    }
}

/// A file without a name, which it had for a moment: none that was there, nor one behind a link.
fn nameless(directory: &Path) -> io::Result<File> {
    let begin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    for number in 0..MOST_NAMES {
        let path = directory.join(format!("stafett-local.{}.{}", std::process::id(), begin.wrapping_add(number)));
        match File::options().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return std::fs::remove_file(&path).map(|()| file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn start(variables: &Variables, command: &OsStr, message: File) -> io::Result<(Child, OwnedFd)> {
    let (output, theirs) = descriptor::pipe()?;
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).env_clear().envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
    shell.stdin(message).stdout(Stdio::from(theirs.try_clone()?)).stderr(Stdio::from(theirs));
    Ok((shell.spawn()?, output))
}

/// Reads what it prints until it has ended. When nobody waits for that any more, it is ended together with this process.
fn finish(delivery: &Delivery, mut child: Child, output: &OwnedFd) -> io::Result<(ExitStatus, String)> {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    socket::set_nonblocking(output, true)?;
    let mut text = Vec::new();
    let mut is_open = true;
    loop {
        let mut wanted = vec![(ended.as_fd(), Interest::Read)];
        wanted.extend(delivery.report.as_ref().map(|report| (report.as_fd(), Interest::Hangup)));
        wanted.extend(is_open.then_some((output.as_fd(), Interest::Read)));
        let ready = poll::wait(&wanted, None)?;
        if delivery.is_wanted().is_err() {
            process::kill_group(Pid::own());
        }
        // What it printed before its end is read before that is looked at.
        is_open = is_open && read(output, &mut text)?;
        if ready.first().is_some_and(|ready| ready.any()) {
            return Ok((child.wait()?, String::from_utf8_lossy(&text).into_owned()));
        }
    }
}

/// Reads a little of what is there; false when nobody can write any more.
fn read(output: &OwnedFd, text: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 4096];
    for _ in 0..16 {
        match descriptor::read(output, &mut piece) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                let room = KEPT.saturating_sub(text.len()).min(count);
                text.extend_from_slice(piece.get(..room).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
#[path = "program_test.rs"]
mod program_test;
