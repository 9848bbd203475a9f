//! The real program in an instance of its own, and somebody who asks it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

#[path = "../../../../lib/ask/tests/support/resident.rs"]
pub mod resident;
pub mod world;

use std::ops::{Deref, DerefMut};
use std::path::Path;

use resident::{Kind, Resident};
use stafett_sts::Known;

#[allow(unused_imports, reason = "as above")]
pub use world::{PATIENCE, World, text_plain, wait_until};

const KIND: Kind = Kind {
    service: "mtasts",
    caller: "remote",
    program: env!("CARGO_BIN_EXE_stafett-mtasts"),
    hello: &["hello", "there"],
    complete: |_, _| {},
};

/// A running stafett-mtasts.
pub struct Service {
    resident: Resident,
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
    /// Starts it for all domains, with the hosts of that world.
    pub fn start(world: &World) -> Service {
        Service::start_with(world, ":on\n")
    }

    /// As [`Service::start`], with this control/mtasts.
    pub fn start_with(world: &World, rules: &str) -> Service {
        let mut resident = Resident::new(KIND, &[("me", "relay.test\n"), ("mtasts", rules)]);
        world.settle(resident.directory.path());
        resident.start();
        Service { resident }
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

    /// Waits until what it knows of a domain is this.
    pub fn wait_for(&self, domain: &str, short: &str) {
        wait_until(&format!("{domain} {short}: {}", self.log()), || {
            self.question(&["failed", domain]);
            self.short(domain) == short
        });
    }

    /// Ends it by TERM, does something to its directory, and starts it anew.
    pub fn restart(&mut self, meanwhile: impl FnOnce(&Path)) {
        self.stop();
        meanwhile(self.directory.path());
        self.resident.start();
    }
}
