//! stafett-callout: asks the next host whether a recipient exists, and remembers the answers.
//!
//! What it does: smtpd asks for a recipient; what is not known is asked at the next hop of its domain, MAIL FROM:<> and
//! RCPT TO, on a connection that is kept for more questions. Hosts that are down do not make valid recipients invalid.
//!
//! Security stance: never root, starts no program, never forks; reads control/ and the resolver's files and writes its own
//! directory alone. Hosts are asked by threads, a few for each: what they say is parsed by memory-safe code with
//! bounds on every length, and speaks for nobody but the recipients that control/ sends there.
//!
//! How it fails: without a finding the answer is "later", never "yes", unless the recipient was there before. 100 for a
//! wrong command line, 111 when it cannot begin.
//!
//! Known limits: a host that lies is believed.

mod answers;
mod memory;
mod options;
mod probe;
mod service;
mod settings;
mod state;
mod store;
mod worker;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use stafett_ask::Desk;
use stafett_instance::{Instance, Service as Name};
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::limit;

use crate::memory::{Memory, Said};
use crate::options::{Options, USAGE, Work};
use crate::service::Callout;
use crate::settings::Settings;
use crate::state::State;
use crate::store::Store;
use crate::worker::Shared;

const LOG: Log = Log::new("stafett-callout");
/// Descriptors: callers that wait, connections, and some more.
const MOST_DESCRIPTORS: u64 = 4096;

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(USAGE)).and_then(|options| {
        let instance = Instance::find(options.directory).map_err(Failure::temporary)?;
        Ok(match &options.work {
            Work::Serve => serve(&instance).map(|()| ExitCode::SUCCESS)?,
            Work::Ask { verb, address } => options::ask(&instance, verb, address)?,
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
    let caller = start::caller(instance, Name::Smtpd)?;
    let directory = instance.state(Name::Callout);
    let (memory, store) = remembered(&directory.join("known"))?;
    let desk = Desk::listen(LOG, &instance.socket(Name::Callout), &[caller]).map_err(start::unable("listen at run/callout/socket"))?;
    let sandbox = stafett_smtp_client::sandbox(&control).write(&directory);
    start::lock_in(LOG, sandbox, proof)?;
    let shared = Shared { state: Arc::new(Mutex::new(State::new(memory, store))), log: LOG };
    LOG.line("status: ready");
    desk.run(&mut Callout { control, watch, settings: Arc::new(settings), shared }).map_err(start::unable("wait for questions"))?;
    LOG.line("status: exiting");
    Ok(())
}

fn remembered(path: &std::path::Path) -> Result<(Memory, Store), String> {
    let mut memory = Memory::default();
    let store = Store::open(LOG, path, |said, key| match said {
        Said::Nothing => drop(memory.forget(key)),
        Said::Valid(seconds) => memory.is_valid(key, seconds, None),
        Said::Unknown(seconds) => drop(memory.is_unknown(key, seconds, None, "")),
    });
    let store = store.map_err(|error| format!("unable to read {}: {error}", path.display()))?;
    Ok((memory, store))
}
