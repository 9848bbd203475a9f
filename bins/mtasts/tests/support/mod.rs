//! The real program in an instance of its own, and somebody who asks it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

#[path = "../../../../lib/ask/tests/support/resident.rs"]
pub mod resident;
pub mod world;

use resident::Kind;
use stafett_sts::Known;

pub use resident::Resident as Service;
#[allow(unused_imports, reason = "as above")]
pub use world::{PATIENCE, World, text_plain, wait_until};

const KIND: Kind = Kind {
    service: "mtasts",
    caller: "remote",
    program: env!("CARGO_BIN_EXE_stafett-mtasts"),
    hello: &["hello", "there"],
    complete: |_, _| {},
};

impl Service {
    /// Starts it for all domains, with the hosts of that world.
    pub fn start(world: &World) -> Service {
        Service::start_with(world, ":on\n")
    }

    /// As [`Service::start`], with this control/mtasts.
    pub fn start_with(world: &World, rules: &str) -> Service {
        let mut service = Service::prepare(KIND, &[("me", "relay.test\n"), ("mtasts", rules)]);
        world.settle(service.directory.path());
        service.run();
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

    /// Waits until what it knows of a domain is this.
    pub fn wait_for(&self, domain: &str, short: &str) {
        wait_until(&format!("{domain} {short}: {}", self.log()), || {
            self.question(&["failed", domain]);
            self.short(domain) == short
        });
    }
}
