//! Small things every test needs: programs, ports, scratch directories, patience.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Whether the tests run as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Notes why a test is left out; tests/run prints these at its end.
pub fn skip(test: &str, reason: &str) {
    eprintln!("{test}: left out: {reason}");
    if let Some(file) = std::env::var_os("STAFETT_TEST_SKIPS")
        && let Ok(mut file) = OpenOptions::new().append(true).open(file)
    {
        let _ = writeln!(file, "{test}: {reason}");
    }
}

/// Where a program of Debian lies, if it is installed.
pub fn has(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"]).map(|place| Path::new(place).join(name)).find(|file| file.is_file())
}

/// The directory of our programs: what tests/run staged, else the build directory of this test.
pub fn bin() -> PathBuf {
    match std::env::var_os("STAFETT_TEST_BIN") {
        Some(place) => PathBuf::from(place),
        None => std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf(),
    }
}

/// One of our programs.
pub fn program(name: &str) -> PathBuf {
    let file = bin().join(name);
    assert!(file.is_file(), "{} is missing; tests/run builds the programs and runs the tests", file.display());
    file
}

/// Runs a command to its end and asserts success; returns what it wrote to standard output.
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("unable to run {command:?}: {error}"))
}

/// A directory that any user may enter, removed when dropped.
pub fn scratch() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("st").tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A TCP port that nobody listens on, below those that the kernel gives to clients. Each call gives another one.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    loop {
        let port = FIRST + (start + NEXT_PORT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() && TcpListener::bind(("::1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until `done` holds, at most `seconds`; says whether it does.
pub fn wait_until(seconds: u64, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
