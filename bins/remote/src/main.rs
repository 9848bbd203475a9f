//! stafett-remote: the SMTP client. A resident parent reads control/, locks itself in and forks one child for each
//! delivery connection that stafett-send asks for; one that has ended its connection waits a while for the next to the
//! same destination.
//!
//! Security stance: never root, reads control/ and the resolver's files, writes no file, starts no program. A child talks
//! to one destination; what that server says can at most spoil the report about its own deliveries.
//! How it fails: exit 111 where a later start may fare better, 100 where the admin must act; a broken control file at
//! start is 111 with its name and line, later it is logged and the last good copy stays.
//! Known limits: sessions of TLS are resumed by the child that has them, so connections at the same time have their own.

mod child;
mod content;
mod ledger;
mod message;
mod script;
mod senders;
mod terms;
mod transaction;

use std::process::ExitCode;
use std::time::Duration;

use senders::Senders;
use stafett_control::{Control, Watch};
use stafett_handoff::{Conversation, Parent, Service};
use stafett_instance::{Instance, Service as Name};
use stafett_log::Log;
use stafett_smtp_client::{Settings, sandbox};
use stafett_start as start;

const LOG: Log = Log::new("stafett-remote");
/// Children at once: far above any concurrencyremote, it only stops a scheduler that has gone mad.
const MOST_CHILDREN: usize = 12_000;
/// How long a child that has nothing to do waits for the next connection to its destination.
const KEEP: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-remote").and_then(|()| Ok(run()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

/// The order in which power is lost: control and socket are opened, then nothing but control/, the resolver's files and the
/// list of authorities can be reached.
fn run() -> Result<(), String> {
    let proof = start::unprivileged()?;
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let senders = Senders::read(&instance, &control).map_err(|error| error.to_string())?;
    let sender = start::caller(&instance, Name::Send)?;
    let parent = Parent::listen(LOG, &instance.socket(Name::Remote), &[sender], MOST_CHILDREN)
        .map_err(start::unable("listen at run/remote/socket"))?;
    start::lock_in(LOG, sandbox(&control), proof)?;
    stafett_smtp::rehearse();
    parent.run(&mut Remote { instance, control, watch, settings, senders }).map_err(start::unable("wait for handoffs"))
}

struct Remote {
    instance: Instance,
    control: Control,
    watch: Watch,
    settings: Settings,
    senders: Senders,
}

impl Service for Remote {
    fn refresh(&mut self, forced: bool) -> bool {
        if !self.watch.changed() && !forced && !self.settings.are_stale() {
            return false;
        }
        let senders = Senders::read(&self.instance, &self.control);
        let read = self.settings.renewed(&self.control).and_then(|settings| Ok((settings, senders?)));
        if let Some(read) = start::renewed(LOG, read) {
            (self.settings, self.senders) = read;
        }
        true
    }

    /// One destination, with all that its route says: its sessions of TLS are resumed on the next connection.
    fn key(&self, _door: usize, strings: &[&[u8]]) -> Option<Vec<u8>> {
        Some(strings.join(&b'\0'))
    }

    fn keep(&self) -> Duration {
        KEEP
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        child::serve(&self.settings, &self.senders, LOG, conversation)
    }
}
