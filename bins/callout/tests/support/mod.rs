//! The real program in an instance of its own, and somebody who asks it. The scripted servers are those of stafett-remote's tests.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

#[path = "../../../remote/tests/support/names.rs"]
pub mod names;
#[path = "../../../remote/tests/support/server.rs"]
pub mod server;

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stafett_ask::{Answer, ask};
use stafett_sys::process::{Pid, kill};
use stafett_sys::signal::Signal;
use stafett_sys::user::Uid;

pub use stafett_ask::Verdict;

/// Longer than any wait that a test provokes.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Whom the program runs as when the tests run as root, which it refuses to be.
const NOBODY: u32 = 65534;

/// A running stafett-callout.
pub struct Callout {
    process: Child,
    directory: tempfile::TempDir,
}

impl Callout {
    /// Starts it with these control files beside `me`.
    pub fn start(control: &[(&str, &str)]) -> Callout {
        let directory = tempfile::tempdir().unwrap();
        for name in ["control", "run/smtpd", "run/callout", "state/callout"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let basic = [("me", "relay.test\n"), ("timeoutconnect", "2\n")];
        for (name, text) in basic.iter().chain(control) {
            fs::write(directory.path().join("control").join(name), text).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_stafett-callout"), directory.path().join("program")).unwrap();
        if Uid::effective().is_root() {
            for path in [".", "run/smtpd", "run/callout", "state/callout"] {
                chown(directory.path().join(path), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let process = spawn(&directory);
        let callout = Callout { process, directory };
        callout.wait_for_socket();
        callout
    }

    /// One route for everything to a port of loopback, and this value of control/callout for it.
    pub fn for_port(port: u16, options: &str) -> Callout {
        Callout::start(&[("smtproutes", &format!(":127.0.0.1:{port}\n")), ("callout", &format!(":{options}\n"))])
    }

    /// Asks for a recipient.
    pub fn ask(&self, address: &str) -> Answer {
        self.question(&["recipient", address])
    }

    /// Asks anything.
    pub fn question(&self, fields: &[&str]) -> Answer {
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
        ask(&self.path("run/callout/socket"), &fields, None, PATIENCE).unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// Letter and first field of the answer: `K asked`.
    pub fn short(&self, address: &str) -> String {
        short(&self.ask(address))
    }

    /// Ends it by TERM and starts it anew.
    pub fn restart(&mut self) {
        kill(Pid(self.process.id().cast_signed()), Signal::Terminate).unwrap();
        assert!(self.process.wait().unwrap().success(), "{}", self.log());
        self.process = spawn(&self.directory);
        self.wait_for_socket();
    }

    /// Writes a control file.
    pub fn control(&self, name: &str, text: &str) {
        fs::write(self.path("control").join(name), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Waits until the log says so.
    pub fn wait_for_log(&self, text: &str) {
        let begin = Instant::now();
        while !self.log().contains(text) {
            assert!(begin.elapsed() < PATIENCE, "no \"{text}\" in {}", self.log());
            sleep(Duration::from_millis(10));
        }
    }

    fn wait_for_socket(&self) {
        let begin = Instant::now();
        let fields: [&[u8]; 1] = [b"hello"];
        while ask(&self.path("run/callout/socket"), &fields, None, PATIENCE).is_err() {
            assert!(begin.elapsed() < PATIENCE, "no socket: {}", self.log());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Callout {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Letter and first field of an answer.
pub fn short(answer: &Answer) -> String {
    format!("{} {}", char::from(answer.verdict.letter()), answer.field(0).unwrap_or_default())
}

/// A child that another test's thread forks may hold our copy of the program open for writing for a moment.
fn spawn(directory: &tempfile::TempDir) -> Child {
    let log = fs::OpenOptions::new().append(true).create(true).open(directory.path().join("log")).unwrap();
    let mut command = Command::new(directory.path().join("program"));
    command.env("STAFETT", directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    if Uid::effective().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    for _ in 0..500 {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => sleep(Duration::from_millis(10)),
            other => return other.unwrap(),
        }
    }
    panic!("the program's file stays busy");
}
