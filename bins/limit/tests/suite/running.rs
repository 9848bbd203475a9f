//! The service in an instance of its own, and what smtpd would ask of it.

#[allow(dead_code, reason = "it serves the tests of several services")]
#[path = "../../../../lib/ask/tests/support/resident.rs"]
mod resident;

use resident::{Kind, Resident};
use stafett_ask::Verdict;
use std::ops::{Deref, DerefMut};
use std::process::{Command, Output};

const KIND: Kind = Kind {
    service: "limit",
    caller: "smtpd",
    program: env!("CARGO_BIN_EXE_stafett-limit"),
    hello: &["connection", "ip=198.51.100.255", "dry=1"],
    complete: |command, _| {
        command.arg("--resident").env("TZ", "UTC");
    },
};

/// The service.
pub struct Running {
    resident: Resident,
}

impl Deref for Running {
    type Target = Resident;

    fn deref(&self) -> &Resident {
        &self.resident
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Resident {
        &mut self.resident
    }
}

impl Running {
    /// Started with these control files.
    pub fn new(files: &[(&str, &str)]) -> Running {
        let mut resident = Resident::new(KIND, files);
        resident.start();
        Running { resident }
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
