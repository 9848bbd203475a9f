//! The real program in an instance of its own, and somebody who asks it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

pub mod world;

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use stafett_ask::{Answer, ask};
use stafett_sts::Known;
use stafett_sys::process::{Pid, kill};
use stafett_sys::signal::Signal;
use stafett_sys::user::Uid;

#[allow(unused_imports, reason = "as above")]
pub use world::{PATIENCE, World, text_plain, wait_until};

/// Whom the program runs as when the tests run as root, which it refuses to be.
const NOBODY: u32 = 65534;

/// A running stafett-mtasts.
pub struct Service {
    process: Child,
    directory: tempfile::TempDir,
}

impl Service {
    /// Starts it for all domains, with the hosts of that world.
    pub fn start(world: &World) -> Service {
        Service::start_with(world, ":on\n")
    }

    /// As [`Service::start`], with this control/mtasts.
    pub fn start_with(world: &World, rules: &str) -> Service {
        let directory = tempfile::tempdir().unwrap();
        for name in ["control", "run/remote", "run/mtasts", "state/mtasts"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let authorities = directory.path().join("authorities.pem");
        fs::write(&authorities, world.authority()).unwrap();
        let files = [
            ("me", "relay.test\n"),
            ("resolvers", &world.resolvers),
            ("httpsproxy", &world.proxy),
            ("tlsauthorities", authorities.to_str().unwrap()),
            ("mtasts", rules),
        ];
        for (name, text) in files {
            fs::write(directory.path().join("control").join(name), text).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_stafett-mtasts"), directory.path().join("program")).unwrap();
        if Uid::effective().is_root() {
            for path in [".", "run/remote", "run/mtasts", "state/mtasts"] {
                chown(directory.path().join(path), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let service = Service { process: spawn(&directory), directory };
        service.wait_for_socket();
        service
    }

    /// What it knows of a domain.
    pub fn known(&self, domain: &str) -> Known {
        let answer = self.question(&["policy", domain]);
        Known::from_answer(&answer).unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// Mode and id of the policy: `enforce 1`.
    pub fn short(&self, domain: &str) -> String {
        let known = self.known(domain);
        format!("{} {}", known.policy.mode, known.id)
    }

    /// Asks anything.
    pub fn question(&self, fields: &[&str]) -> Answer {
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
        ask(&self.path("run/mtasts/socket"), &fields, None, PATIENCE).unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// Waits until what it knows of a domain is this.
    pub fn wait_for(&self, domain: &str, short: &str) {
        wait_until(&format!("{domain} {short}: {}", self.log()), || {
            self.question(&["failed", domain]);
            self.short(domain) == short
        });
    }

    /// Ends it by TERM, does something to its directory, and starts it anew.
    pub fn restart(&mut self, meanwhile: impl FnOnce(&std::path::Path)) {
        kill(Pid(self.process.id().cast_signed()), Signal::Terminate).unwrap();
        assert!(self.process.wait().unwrap().success(), "{}", self.log());
        meanwhile(self.directory.path());
        self.process = spawn(&self.directory);
        self.wait_for_socket();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Waits until the log says so.
    pub fn wait_for_log(&self, text: &str) {
        wait_until(&format!("no \"{text}\" in {}", self.log()), || self.log().contains(text));
    }

    fn wait_for_socket(&self) {
        let fields: [&[u8]; 2] = [b"hello", b"there"];
        wait_until(&format!("no socket: {}", self.log()), || ask(&self.path("run/mtasts/socket"), &fields, None, PATIENCE).is_ok());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
