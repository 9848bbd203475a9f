//! A resident smtpd, and the listener that hands it connections.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stafett_handoff::{Answer, Client as Caller};
use stafett_sys::process::{Pid, kill};
use stafett_sys::signal::Signal;
use stafett_sys::user::Uid;

use super::{Client, Instance, Mood, PROGRAM};

/// Who serves when the test runs as root, which the program refuses.
const NOBODY: u32 = 65534;

pub struct Resident {
    pub instance: Instance,
    pub child: Child,
    pub caller: Caller,
    tag: u64,
}

impl Resident {
    pub fn start() -> Resident {
        let instance = Instance::new(Mood::Accept);
        instance.control("rcpthosts", "example.org\n");
        let mut command = if Uid::effective().is_root() { as_nobody(&instance) } else { Command::new(PROGRAM) };
        let log = fs::File::create(instance.path("log")).unwrap();
        command.arg("--resident").env_clear().env("STAFETT", instance.directory.path());
        let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log));
        let caller = call(&instance);
        Resident { instance, child, caller, tag: 0 }
    }

    pub fn connect(&mut self, strings: &[&str]) -> Client {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.tag += 1;
        self.caller.hand_over(self.tag, strings, theirs.as_fd()).unwrap();
        Client::new(ours, None)
    }

    /// Waits until the conversation that was handed over last is over.
    pub fn ended(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.caller.answer().unwrap() {
                Some(Answer::Ended { tag, .. }) if tag == self.tag => return,
                Some(_) => {}
                None => {
                    assert!(Instant::now() < deadline, "it does not end: {}", self.log());
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.instance.path("log")).unwrap()
    }

    pub fn expect_log(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "no \"{text}\" in\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child that another test's thread forks may hold our copy of the program open for writing for a moment.
fn spawn(command: &mut Command) -> Child {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other.unwrap(),
        }
    }
}

fn as_nobody(instance: &Instance) -> Command {
    let copy = instance.path("stafett-smtpd");
    fs::copy(PROGRAM, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    for path in ["", "control", "run", "run/smtpd"] {
        chown(instance.path(path), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut command = Command::new(copy);
    command.uid(NOBODY).gid(NOBODY);
    command
}

fn call(instance: &Instance) -> Caller {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match Caller::connect(&instance.path("run/smtpd/socket")) {
            Ok(caller) => return caller,
            Err(error) => assert!(Instant::now() < deadline, "{error}: {}", log_of(instance.directory.path())),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn log_of(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap_or_default()
}
