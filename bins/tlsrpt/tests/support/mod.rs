//! The real program in an instance of its own, somebody who tells it of sessions, and somebody who takes its messages.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

#[path = "../../../mtasts/tests/support/world.rs"]
pub mod world;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use stafett_ask::{Answer, ask};
use stafett_sts::{Count, Kind};
use stafett_sys::process::{Pid, kill};
use stafett_sys::signal::Signal;
use stafett_sys::user::Uid;
use stafett_wire::netstring::{self, Reader};

pub use world::{PATIENCE, World, wait_until};

/// Whom the program runs as when the tests run as root, which it refuses to be.
const NOBODY: u32 = 65534;

/// A running stafett-tlsrpt.
pub struct Service {
    process: Child,
    directory: tempfile::TempDir,
    /// What it has queued: envelope and message.
    pub queued: Arc<Mutex<Vec<(String, String)>>>,
}

impl Service {
    pub fn start(world: &World) -> Service {
        let directory = tempfile::tempdir().unwrap();
        for name in ["control", "run/remote", "run/tlsrpt", "run/queue", "state/tlsrpt"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let authorities = directory.path().join("authorities.pem");
        fs::write(&authorities, world.authority()).unwrap();
        let files = [
            ("me", "relay.test\n"),
            ("resolvers", &world.resolvers),
            ("httpsproxy", &world.proxy),
            ("tlsauthorities", authorities.to_str().unwrap()),
            ("tlsrpt", "tls-reports@relay.test\n"),
        ];
        for (name, text) in files {
            fs::write(directory.path().join("control").join(name), text).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_stafett-tlsrpt"), directory.path().join("program")).unwrap();
        if Uid::effective().is_root() {
            for path in [".", "run/remote", "run/tlsrpt", "state/tlsrpt"] {
                chown(directory.path().join(path), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let queued = queue(&directory.path().join("run/queue/socket"));
        let service = Service { process: spawn(directory.path()), directory, queued };
        service.wait_for_socket();
        service
    }

    /// Asks or tells anything.
    pub fn say(&self, fields: &[&[u8]]) -> Answer {
        ask(&self.path("run/tlsrpt/socket"), fields, None, PATIENCE).unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// Tells of a session.
    pub fn tell(&self, count: &Count) {
        count.tell(&self.path("run/tlsrpt/socket"), PATIENCE).unwrap();
    }

    /// The program, called by the admin.
    pub fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stafett-tlsrpt"));
        command.env("STAFETT", self.directory.path()).args(arguments).output().unwrap()
    }

    /// What `show` prints.
    pub fn show(&self, arguments: &[&str]) -> String {
        let output = self.call(&[&["show"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends it by TERM, does something to its directory, and starts it anew.
    pub fn restart(&mut self, meanwhile: impl FnOnce(&Path)) {
        kill(Pid(self.process.id().cast_signed()), Signal::Terminate).unwrap();
        assert!(self.process.wait().unwrap().success(), "{}", self.log());
        meanwhile(&self.path("state/tlsrpt"));
        self.process = spawn(self.directory.path());
        self.wait_for_socket();
    }

    /// Ends it by KILL and starts it anew.
    pub fn crash(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(self.directory.path());
        self.wait_for_socket();
    }

    /// The names of the files with counts.
    pub fn days(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("state/tlsrpt")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
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
        let socket = self.path("run/tlsrpt/socket");
        wait_until(&format!("no socket: {}", self.log()), || ask(&socket, &[b"hello"], None, PATIENCE).is_ok());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A session with `mx.DOMAIN`.
pub fn session(domain: &str, result: &str) -> Count {
    let text = str::to_owned;
    Count {
        domain: text(domain),
        kind: Kind::Sts,
        policy: vec![text("version: STSv1"), text("mode: enforce")],
        patterns: vec![format!("mx.{domain}")],
        result: text(result),
        from: text("192.0.2.1"),
        host: format!("mx.{domain}"),
        address: text("192.0.2.2"),
        words: String::new(),
    }
}

/// Takes messages as stafett-queued does; refuses those for anybody at refused.test.
fn queue(socket: &Path) -> Arc<Mutex<Vec<(String, String)>>> {
    let listener = UnixListener::bind(socket).unwrap();
    fs::set_permissions(socket, fs::Permissions::from_mode(0o666)).unwrap();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let queued = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (mut envelope, mut message) = (String::new(), String::new());
            let mut reader = Reader::new(&stream, 100_000);
            while let Ok(Some(piece)) = reader.next() {
                let (letter, text) = piece.split_first().unwrap();
                let text = std::str::from_utf8(text).unwrap();
                match letter {
                    b'E' => envelope.push_str(text),
                    b'D' => message.push_str(text),
                    _ => break,
                }
            }
            let mut answer = Vec::new();
            let refused = envelope.contains("@refused.test");
            netstring::push(&mut answer, if refused { b"Z451 4.3.0 no room" } else { b"K1763758000123456" });
            if !refused {
                queued.lock().unwrap().push((envelope, message));
            }
            let _ = std::io::Write::write_all(&mut &stream, &answer);
        }
    });
    taken
}

/// A child that another test's thread forks may hold our copy of the program open for writing for a moment.
fn spawn(directory: &Path) -> Child {
    let log = fs::OpenOptions::new().append(true).create(true).open(directory.join("log")).unwrap();
    let mut command = Command::new(directory.join("program"));
    command.env("STAFETT", directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
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
