//! The real program in an instance of its own, somebody who tells it of sessions, and somebody who takes its messages.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

#[path = "../../../../lib/ask/tests/support/resident.rs"]
pub mod resident;
#[path = "../../../mtasts/tests/support/world.rs"]
pub mod world;

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use resident::{Kind as Program, Resident};
use stafett_ask::{Answer, ask};
use stafett_sts::{Count, Kind};
use stafett_wire::netstring::{self, Reader};

pub use world::{PATIENCE, World, wait_until};

const PROGRAM: Program =
    Program { service: "tlsrpt", caller: "remote", program: env!("CARGO_BIN_EXE_stafett-tlsrpt"), hello: &["hello"], complete: |_, _| {} };

/// A running stafett-tlsrpt.
pub struct Service {
    resident: Resident,
    /// What it has queued: envelope and message.
    pub queued: Arc<Mutex<Vec<(String, String)>>>,
}

impl Deref for Service {
    type Target = Resident;

    fn deref(&self) -> &Resident {
        &self.resident
    }
}

impl DerefMut for Service {
    fn deref_mut(&mut self) -> &mut Resident {
        &mut self.resident
    }
}

impl Service {
    pub fn start(world: &World) -> Service {
        let mut resident = Resident::prepare(PROGRAM, &[("me", "relay.test\n"), ("tlsrpt", "tls-reports@relay.test\n")]);
        world.settle(resident.directory.path());
        fs::create_dir(resident.path("run/queue")).unwrap();
        let queued = queue(&resident.path("run/queue/socket"));
        resident.run();
        Service { resident, queued }
    }

    /// Asks or tells anything.
    pub fn say(&self, fields: &[&[u8]]) -> Answer {
        ask(&self.socket(), fields, None, PATIENCE).unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// Tells of a session.
    pub fn tell(&self, count: &Count) {
        count.tell(&self.socket(), PATIENCE).unwrap();
    }

    /// The program, called by the admin.
    pub fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM.program);
        command.env("STAFETT", self.directory.path()).args(arguments).output().unwrap()
    }

    /// What `show` prints.
    pub fn show(&self, arguments: &[&str]) -> String {
        let output = self.call(&[&["show"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The names of the files with counts.
    pub fn days(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("state/tlsrpt")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
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
