//! The service in an instance of its own, and what smtpd would ask of it.

#[allow(dead_code, reason = "it serves the tests of several services")]
#[path = "../../../../lib/ask/tests/support/resident.rs"]
mod resident;

use resident::Kind;
use stafett_ask::{Answer, Verdict};
use std::fs;
use std::process::Command;

pub use resident::Resident as Running;

const KIND: Kind = Kind {
    service: "auth",
    caller: "smtpd",
    program: env!("CARGO_BIN_EXE_stafett-auth"),
    hello: &["account", "name=x"],
    complete: |command, directory| {
        command.env("LANDLOCKWRITE", directory.join("state"));
    },
};

/// The verifier of `sesame`, cheap enough for tests; `echo -n sesame | argon2 somesaltsomesalt -id -t 1 -k 64 -p 1 -l 32 -e`.
pub const SESAME: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$z8PUOL9AltsbdVFy5jA3qpgH0xqFNTlVPVDYA8jpwYE";

impl Running {
    /// Started with these control files.
    pub fn new(files: &[(&str, &str)]) -> Running {
        Running::serving(KIND, &[&[("me", "relay.example\n")], files].concat())
    }

    /// A program that the service can run; written by another process, for a thread that forks while we write would hold the
    /// file open, and nobody could execute it.
    pub fn program(&self, text: &str) -> String {
        let path = self.path("control/program");
        let script = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
        assert!(Command::new("/bin/sh").args(["-c", script, "sh", text]).arg(&path).status().unwrap().success());
        path.display().to_string()
    }

    /// What it has taken, in ticks of 10 ms.
    pub fn processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// What becomes of a password from an address: `yes`, or the word for the log.
    pub fn password(&self, name: &str, password: &str, ip: &str) -> String {
        let question = ["password", &format!("name={name}"), &format!("password={password}"), &format!("ip={ip}"), "tls=1"];
        word(&self.asked(&question).unwrap())
    }
}

/// A field of an answer.
pub fn field(answer: &Answer, name: &str) -> String {
    let found = answer.fields.iter().find_map(|field| field.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
}

/// `yes`, or why not.
pub fn word(answer: &Answer) -> String {
    if answer.verdict == Verdict::Ok { "yes".to_owned() } else { field(answer, "reason") }
}
