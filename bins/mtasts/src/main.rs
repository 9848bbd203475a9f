//! stafett-mtasts: knows what other domains promise about TLS at their mail exchangers (MTA-STS, RFC 8461).
//!
//! What it does: stafett-remote asks for a destination; what is not known is fetched from the domain's policy host by HTTPS
//! and kept on disk as long as it says. Policies are fetched again before they expire, and when the domain's TXT record
//! shows another id.
//!
//! Security stance: never root, starts no program, never forks; reads control/ and the resolver's files and writes its own
//! directory alone. Policy hosts are strangers: each has one deadline and a largest size, proves its name before it is asked,
//! and can decide about nothing but deliveries to its own domain. A policy that is known counts until it expires, whatever
//! becomes of its host, so that nobody who cuts us off from it can undo it (RFC 8461 §10.2).
//!
//! How it fails: where there is no policy yet and none can be had, mail goes out as without one, as RFC 8461 §5.1 asks; when the
//! service itself is away, it waits. 100 for a wrong command line, 111 when it cannot begin.
//!
//! Known limits: whoever can hold off the first fetch is not found out.

mod disk;
mod fetch;
mod memory;
mod options;
mod service;
mod settings;
mod state;
mod worker;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use stafett_ask::Desk;
use stafett_instance::{Instance, Service as Name};
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::limit;

use crate::disk::Disk;
use crate::memory::Memory;
use crate::options::{Options, USAGE, Work};
use crate::service::Sts;
use crate::settings::Settings;
use crate::state::State;
use crate::worker::Shared;

const LOG: Log = Log::new("stafett-mtasts");
/// Descriptors: callers that wait, connections, and some more.
const MOST_DESCRIPTORS: u64 = 4096;

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(USAGE)).and_then(|options| {
        let instance = Instance::find(options.directory).map_err(Failure::temporary)?;
        Ok(match &options.work {
            Work::Serve => serve(&instance).map(|()| ExitCode::SUCCESS)?,
            Work::Ask { verb, domain } => options::ask(&instance, verb, domain)?,
        })
    });
    LOG.end(done)
}

/// The service, in the order in which it loses power.
fn serve(instance: &Instance) -> Result<(), String> {
    let proof = start::unprivileged()?;
    limit::raise_open_files(MOST_DESCRIPTORS).map_err(start::unable("raise the number of open files"))?;
    let (control, watch) = start::control(instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let caller = start::caller(instance, Name::Remote)?;
    let directory = instance.state(Name::MtaSts);
    let disk = Disk::new(LOG, &directory);
    let memory = Memory::remembered(disk.read().map_err(start::unable("read the policies in state/mtasts"))?);
    let desk = Desk::listen(LOG, &instance.socket(Name::MtaSts), &[caller]).map_err(start::unable("listen at run/mtasts/socket"))?;
    let sandbox = stafett_smtp_client::sandbox(&control).write(&directory);
    start::lock_in(LOG, sandbox, proof)?;
    let state = State::new(LOG, memory, disk);
    let shared = Shared { state: Arc::new(Mutex::new(state)), settings: Arc::new(Mutex::new(Arc::new(settings))), log: LOG };
    LOG.line("status: ready");
    desk.run(&mut Sts { control, watch, shared }).map_err(start::unable("wait for questions"))?;
    LOG.line("status: exiting");
    Ok(())
}
