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
use stafett_control::{Control, Watch};
use stafett_instance::{Instance, Service as Name};
use stafett_log::Log;
use stafett_sys::privilege;
use stafett_sys::sandbox::{Enforced, Sandbox};
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-dkim");

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(reason) => {
            LOG.fatal(format_args!("{reason}; {USAGE}"));
            return ExitCode::from(100);
        }
    };
    let instance = match &options.directory {
        Some(directory) => Instance::at(directory),
        None => Instance::from_environment(),
    };
    let done = instance.map_err(|error| error.to_string()).and_then(|instance| match &options.work {
        Work::Serve => serve(&instance),
        Work::Make(make) => genkey::run(&instance, make),
        Work::Tell(domain, selector) => record::run(&instance, domain, selector),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

/// The service, in the order in which it loses power.
fn serve(instance: &Instance) -> Result<(), String> {
    let dropped = privilege::unprivileged().map_err(|error| error.to_string())?;
    let control = Control::new(instance.control());
    let watch = Watch::new(control.directory()).map_err(|error| format!("unable to watch {}: {error}", control.directory().display()))?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let owner =
        |name: Name| instance.owner_of(name).map_err(|error| format!("unable to look at {}: {error}", instance.run(name).display()));
    let callers = [owner(Name::Smtpd)?, owner(Name::Send)?];
    let remote = owner(Name::Remote)?;
    let socket = instance.socket(Name::Dkim);
    let desk = Desk::listen(LOG, &socket, &[&callers[..], &[remote]].concat())
        .map_err(|error| format!("unable to listen at {}: {error}", socket.display()))?;
    match Sandbox::new().read(instance.control()).enforce(dropped) {
        Ok(Enforced::Fully) => {}
        Ok(_) => LOG.note("this kernel enforces the file sandbox in part or not at all"),
        Err(error) => return Err(format!("unable to enter the sandbox: {error}")),
    }
    let mut service = Service::new(control, watch, settings, Some(remote).filter(|remote| !callers.contains(remote)));
    LOG.line("status: ready");
    desk.run(&mut service).map_err(|error| format!("unable to go on serving: {error}"))?;
    LOG.line("status: exiting");
    Ok(())
}
