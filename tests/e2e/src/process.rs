//! Processes as /proc shows them.

use crate::ground::wait_until;
use nix::sys::signal::{self as signals, Signal};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// The name of its program.
    pub name: String,
    /// Its arguments, the first one included.
    pub arguments: Vec<String>,
}

impl Process {
    /// Looks at one; `None` when it is gone (or a zombie).
    pub fn at(pid: i32) -> Option<Process> {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|line| !line.is_empty())?;
        let arguments: Vec<String> = line.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        let name = fs::read_link(format!("/proc/{pid}/exe")).ok()?.file_name()?.to_string_lossy().into_owned();
        Some(Process { pid, name, arguments })
    }

    /// The lines of its status file by name (proc(5)).
    pub fn status(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let split = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        text.lines().filter_map(split).collect()
    }

    /// What its descriptors refer to.
    pub fn descriptors(&self) -> BTreeMap<u32, String> {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", self.pid)) else { return BTreeMap::new() };
        let one = |entry: fs::DirEntry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, fs::read_link(entry.path()).ok()?.display().to_string()))
        };
        entries.flatten().filter_map(one).collect()
    }

    /// Stops it with SIGSTOP and waits until it stands still; SIGCONT lets it go on.
    pub fn stop(&self) {
        signal(self.pid, Signal::SIGSTOP);
        assert!(wait_until(30, || self.status().get("State").is_some_and(|state| state.starts_with('T'))));
    }

    /// The process that started it.
    pub fn parent(&self) -> i32 {
        self.status().get("PPid").and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// Every process that works in `directory` or was told of it: by its working directory, its arguments or STAFETT.
pub fn below(directory: &Path) -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    all().into_iter().filter(|pid| *pid != own && concerns(*pid, directory)).filter_map(Process::at).collect()
}

fn all() -> Vec<i32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn concerns(pid: i32, directory: &Path) -> bool {
    let place: PathBuf = format!("/proc/{pid}").into();
    let wanted = directory.as_os_str().as_bytes();
    let holds = |bytes: Vec<u8>| bytes.windows(wanted.len()).any(|window| window == wanted);
    fs::read_link(place.join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory))
        || fs::read(place.join("cmdline")).is_ok_and(holds)
        || fs::read(place.join("environ")).is_ok_and(holds)
}

/// Sends a signal; a process that is gone does not matter.
pub fn signal(pid: i32, signal: Signal) {
    let _ = signals::kill(Pid::from_raw(pid), signal);
}

/// Ends a process at once.
pub fn kill(pid: i32) {
    signal(pid, Signal::SIGKILL);
}
