//! The service in an instance of its own, and what smtpd would ask of it.

#[allow(dead_code, reason = "it serves the tests of several services")]
#[path = "../../../../lib/ask/tests/support/resident.rs"]
mod resident;

use resident::Kind;
use stafett_ask::Verdict;
use std::process::{Command, Output};

pub use resident::Resident as Running;

const KIND: Kind = Kind {
    service: "limit",
    caller: "smtpd",
    program: env!("CARGO_BIN_EXE_stafett-limit"),
    hello: &["connection", "ip=198.51.100.255", "dry=1"],
    complete: |command, _| {
        command.arg("--resident").env("TZ", "UTC");
    },
};

impl Running {
    /// Started with these control files.
    pub fn new(files: &[(&str, &str)]) -> Running {
        Running::serving(KIND, files)
    }

    pub fn passes(&self, question: &[&str]) -> bool {
        self.asked(question).unwrap().verdict == Verdict::Ok
    }

    /// How many of so many pass.
    pub fn passing(&self, question: &[&str], times: usize) -> usize {
        (0..times).filter(|_| self.passes(question)).count()
    }

    /// The admin's tool: exit code and what it said.
    pub fn tool(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = Command::new(KIND.program).arg(self.directory.path()).args(arguments).output().unwrap();
        (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }
}
