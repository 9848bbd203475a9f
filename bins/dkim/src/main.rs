//! stafett-dkim: holds the keys that sign mail and does nothing but sign; and makes such keys for the admin.
//!
//! What it does: as a service (`--resident`) it answers smtpd, queued, send and remote: the signatures of a message (DKIM), the seal of one
//! that is forwarded (ARC), the sender of forwarded mail and the way back from it (SRS). With `genkey` it makes a key and prints
//! the record for its public half, with `record` it prints that again.
//!
//! Security stance: only smtpd, queued, send, remote and root may ask, remote for nothing but senders of what goes on. Keys and secrets are in files that are this user's alone; no answer
//! holds any part of one. It may read control/ and write nothing. Messages are looked at through a read-only descriptor.
//!
//! How it fails: a message whose signature cannot be had is put off by whoever asks, never sent without. A key file that
//! cannot be used keeps its last good copy. 100 for a wrong command line, 111 when it cannot begin.
//!
//! Known limits: whoever takes smtpd over can have any message signed while that lasts, but takes no key away.

mod genkey;
mod keyring;
mod options;
mod record;
mod service;
mod settings;
mod task;

use options::{Options, USAGE, Work};
use service::Service;
use settings::Settings;
use stafett_ask::Desk;
use stafett_instance::{Instance, Service as Name};
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::sandbox::Sandbox;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-dkim");

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(USAGE)).and_then(|options| {
        let instance = Instance::find(options.directory).map_err(Failure::temporary)?;
        match &options.work {
            Work::Serve => serve(&instance)?,
            Work::Make(make) => genkey::run(&instance, make)?,
            Work::Tell(domain, selector) => record::run(&instance, domain, selector)?,
        }
        Ok(ExitCode::SUCCESS)
    });
    LOG.end(done)
}

/// The service, in the order in which it loses power.
fn serve(instance: &Instance) -> Result<(), String> {
    let dropped = start::unprivileged()?;
    let (control, watch) = start::control(instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let callers = [start::caller(instance, Name::Smtpd)?, start::caller(instance, Name::Send)?];
    let remote = start::caller(instance, Name::Remote)?;
    let socket = instance.socket(Name::Dkim);
    let desk = Desk::listen(LOG, &socket, &[&callers[..], &[remote]].concat())
        .map_err(|error| format!("unable to listen at {}: {error}", socket.display()))?;
    start::lock_in(LOG, Sandbox::new().read(instance.control()), dropped)?;
    let mut service = Service::new(control, watch, settings, Some(remote).filter(|remote| !callers.contains(remote)));
    LOG.line("status: ready");
    desk.run(&mut service).map_err(|error| format!("unable to go on serving: {error}"))?;
    LOG.line("status: exiting");
    Ok(())
}
