//! stafett-milter: asks mail filters for smtpd. A resident parent reads control/, locks itself in and forks one child for
//! each SMTP session, which talks to all filters of control/milters.
//!
//! Security stance: never root, reads control/ alone, writes no file, starts no program. smtpd parses nothing that a
//! filter says: a filter that is hostile or broken can spoil the sessions that it sees and nothing else.
//! How it fails: exit 111 where a later start may fare better, 100 for a wrong command line; a broken control file at
//! start is 111 with its name and line, later it is logged and the last good copy stays.
//! Known limits: no TLS towards filters. A child lives as long as its session, also when the parent ends before.

mod filter;
mod header;
mod link;
mod macros;
mod mail;
mod outcome;
mod protocol;
mod session;
mod settings;

#[cfg(test)]
mod scripted_test;

use crate::settings::Settings;
use stafett_control::{Control, Watch};
use stafett_handoff::{Conversation, Parent, Service};
use stafett_instance::Service as Name;
use stafett_log::Log;
use stafett_start as start;
use stafett_sys::sandbox::Sandbox;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-milter");
/// Children at once, one for each session of smtpd, whose own limit is what counts.
const MOST_CHILDREN: usize = 50_000;

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-milter").and_then(|()| Ok(run()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

/// The order in which power is lost: control and socket are opened, then nothing but control/ and /etc can be read.
/// Filters are reached over their sockets, which landlock does not restrict; their modes do.
fn run() -> Result<(), String> {
    let proof = start::unprivileged()?;
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let smtpd = start::caller(&instance, Name::Smtpd)?;
    let parent = Parent::listen(LOG, &instance.socket(Name::Milter), &[smtpd], MOST_CHILDREN)
        .map_err(start::unable("listen at run/milter/socket"))?;
    start::lock_in(LOG, Sandbox::new().read(control.directory()).read("/etc"), proof)?;
    LOG.line("status: ready");
    parent.run(&mut Filters { control, watch, settings }).map_err(start::unable("wait for handoffs"))
}

struct Filters {
    control: Control,
    watch: Watch,
    settings: Settings,
}

impl Service for Filters {
    fn refresh(&mut self, forced: bool) -> bool {
        if !self.watch.changed() && !forced {
            return false;
        }
        if let Some(settings) = start::renewed(LOG, Settings::read(&self.control)) {
            self.settings = settings;
        }
        true
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        session::serve(&self.settings, conversation.descriptor)
    }
}
