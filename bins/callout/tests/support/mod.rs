//! The real program in an instance of its own, and somebody who asks it. The scripted servers are those of stafett-remote's tests.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

#[path = "../../../remote/tests/support/names.rs"]
pub mod names;
#[path = "../../../remote/tests/support/server.rs"]
pub mod server;

#[path = "../../../../lib/ask/tests/support/resident.rs"]
pub mod resident;

use resident::Kind;
use stafett_ask::Answer;

#[allow(unused_imports, reason = "as above")]
pub use resident::PATIENCE;
pub use resident::Resident as Callout;
pub use stafett_ask::Verdict;

const KIND: Kind =
    Kind { service: "callout", caller: "smtpd", program: env!("CARGO_BIN_EXE_stafett-callout"), hello: &["hello"], complete: |_, _| {} };

impl Callout {
    /// Starts it with these control files beside `me`.
    pub fn start(control: &[(&str, &str)]) -> Callout {
        let basic = [("me", "relay.test\n"), ("timeoutconnect", "2\n")];
        Callout::serving(KIND, &[&basic, control].concat())
    }

    /// One route for everything to a port of loopback, and this value of control/callout for it.
    pub fn for_port(port: u16, options: &str) -> Callout {
        Callout::start(&[("smtproutes", &format!(":127.0.0.1:{port}\n")), ("callout", &format!(":{options}\n"))])
    }

    /// Asks for a recipient.
    pub fn ask(&self, address: &str) -> Answer {
        self.question(&["recipient", address])
    }

    /// Letter and first field of the answer: `K asked`.
    pub fn short(&self, address: &str) -> String {
        short(&self.ask(address))
    }
}

/// Letter and first field of an answer.
pub fn short(answer: &Answer) -> String {
    format!("{} {}", char::from(answer.verdict.letter()), answer.field(0).unwrap_or_default())
}
