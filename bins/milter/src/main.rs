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
use stafett_instance::{Instance, Service as Name};
use stafett_log::Log;
use stafett_sys::privilege;
use stafett_sys::sandbox::{Enforced, Sandbox};
use std::fmt::Display;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-milter");
/// Children at once, one for each session of smtpd, whose own limit is what counts.
const MOST_CHILDREN: usize = 50_000;

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        LOG.fatal("usage: stafett-milter (no arguments; the variable STAFETT names the instance)");
        return ExitCode::from(100);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

/// The order in which power is lost: control and socket are opened, then nothing but control/ and /etc can be read.
/// Filters are reached over their sockets, which landlock does not restrict; their modes do.
fn run() -> Result<(), String> {
    let proof = privilege::unprivileged().map_err(reason("drop privileges"))?;
    let instance = Instance::from_environment().map_err(|error| error.to_string())?;
    let control = Control::new(instance.control());
    let watch = Watch::new(control.directory()).map_err(reason("watch control/"))?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let smtpd = instance.owner_of(Name::Smtpd).map_err(reason("find the owner of run/smtpd"))?;
    let parent =
        Parent::listen(LOG, &instance.socket(Name::Milter), &[smtpd], MOST_CHILDREN).map_err(reason("listen at run/milter/socket"))?;
    if Sandbox::new().read(control.directory()).read("/etc").enforce(proof).map_err(reason("enter the sandbox"))? != Enforced::Fully {
        LOG.note("this kernel enforces the file sandbox in part or not at all");
    }
    LOG.line("status: ready");
    parent.run(&mut Filters { control, watch, settings }).map_err(reason("wait for handoffs"))
}

fn reason<E: Display>(what: &str) -> impl Fn(E) -> String + '_ {
    move |error| format!("unable to {what}: {error}")
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
        match Settings::read(&self.control) {
            Ok(settings) => self.settings = settings,
            Err(error) => LOG.error(format_args!("unable to use {error}; going on with the last good copy")),
        }
        true
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        session::serve(&self.settings, conversation.descriptor)
    }
}
