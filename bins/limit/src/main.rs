//! stafett-limit: how much each client, account and sender has done lately; and whether mail has come back.
//!
//! What it does: as a service (`--resident`) it answers one question for each connection, message and recipient that
//! smtpd asks about, by control/limits and control/greylist; otherwise it is the admin's tool, which asks that service.
//!
//! Security stance: smtpd passes on what strangers say; it becomes bounded keys of bounded tables, and nothing is executed,
//! parsed twice or looked up. Its own user owns state/limit and nothing else.
//!
//! How it fails: smtpd takes a question without an answer for a temporary refusal. A damaged file of state/limit is set aside
//! and counting begins anew; without the shared store each machine counts for itself. 100 for a wrong command line, 111
//! when it cannot begin.
//!
//! Known limits: what is open at once is counted for each machine by itself.

mod clock;
mod counters;
mod grey;
mod judge;
mod keep;
mod locks;
mod memory;
mod options;
mod request;
mod rules;
mod service;
mod show;
mod siphash;
mod slots;
mod snapshot;
mod store;
mod tool;
mod verdict;
mod window;

use memory::Memory;
use options::{Options, USAGE, Work};
use rules::Settings;
use service::Limit;
use stafett_ask::Desk;
use stafett_control::Control;
use stafett_instance::{Instance, Service};
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::limit;
use stafett_sys::privilege::Dropped;
use stafett_sys::sandbox::Sandbox;
use std::path::Path;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-limit");

/// Connections that can be counted at once, and descriptors for other things.
const MOST_SLOTS: u64 = 50_000;
const OTHER_FILES: u64 = 512;

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(USAGE)).and_then(|options| {
        let instance = Instance::find(options.directory).map_err(Failure::temporary)?;
        let was_done = match &options.work {
            Work::Serve => serve(&instance).map(|()| true)?,
            work => tool::run(&instance, work)?,
        };
        Ok(ExitCode::from(u8::from(!was_done)))
    });
    LOG.end(done)
}

/// The service, in the order in which it loses power.
fn serve(instance: &Instance) -> Result<(), String> {
    let (control, watch) = start::control(instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let dropped = start::unprivileged()?;
    let smtpd = start::caller(instance, Service::Smtpd)?;
    let socket = instance.socket(Service::Limit);
    let desk = Desk::listen(LOG, &socket, &[smtpd]).map_err(|error| format!("unable to listen at {}: {error}", socket.display()))?;
    let state = instance.state(Service::Limit);
    stafett_sys::clock::prepare_time_zone();
    lock_in(&control, &state, settings.store.is_some(), dropped)?;
    let memory = Memory::read(LOG, &state, most_slots())?;
    let mut limit = Limit::new(LOG, (control, watch), settings, memory);
    LOG.line("status: ready");
    desk.run(&mut limit).map_err(|error| format!("unable to go on serving: {error}"))?;
    LOG.line("status: exiting");
    Ok(())
}

/// The files of the resolver are for a store that has a name; one that is named later needs a restart for that.
fn lock_in(control: &Control, state: &Path, has_store: bool, dropped: Dropped) -> Result<(), String> {
    let mut sandbox = Sandbox::new().read(control.directory()).write(state);
    if has_store {
        sandbox = ["/etc", "/usr/lib", "/lib", "/lib64", "/run"].into_iter().fold(sandbox, Sandbox::read);
    }
    start::lock_in(LOG, sandbox, dropped)
}

fn most_slots() -> usize {
    let have = limit::raise_open_files(MOST_SLOTS + OTHER_FILES).unwrap_or_else(|_| limit::open_files());
    if have < MOST_SLOTS + OTHER_FILES {
        LOG.note(format_args!(
            "only {have} files may be open at once, so {} connections can be counted at once",
            have.saturating_sub(OTHER_FILES)
        ));
    }
    usize::try_from(have.saturating_sub(OTHER_FILES)).unwrap_or(0)
}
