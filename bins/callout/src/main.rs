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

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use stafett_ask::Desk;
use stafett_control::{Control, Watch};
use stafett_instance::{Instance, Service as Name};
use stafett_log::Log;
use stafett_sys::sandbox::Enforced;
use stafett_sys::{limit, privilege};

use crate::memory::Memory;
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
    let options = match Options::read() {
        Ok(options) => options,
        Err(reason) => {
            LOG.fatal(format_args!("{reason}; {USAGE}"));
            return ExitCode::from(100);
        }
    };
    let done = instance(&options).and_then(|instance| match &options.work {
        Work::Serve => serve(&instance).map(|()| ExitCode::SUCCESS),
        Work::Ask { verb, address } => options::ask(&instance, verb, address),
    });
    done.unwrap_or_else(|reason| {
        LOG.fatal(reason);
        ExitCode::from(111)
    })
}

fn instance(options: &Options) -> Result<Instance, String> {
    let found = match &options.directory {
        Some(directory) => Instance::at(directory),
        None => Instance::from_environment(),
    };
    found.map_err(|error| error.to_string())
}

/// The service, in the order in which it loses power.
fn serve(instance: &Instance) -> Result<(), String> {
    let proof = privilege::unprivileged().map_err(reason("drop privileges"))?;
    limit::raise_open_files(MOST_DESCRIPTORS).map_err(reason("raise the number of open files"))?;
    let control = Control::new(instance.control());
    let watch = Watch::new(control.directory()).map_err(reason("watch control/"))?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let caller = instance.owner_of(Name::Smtpd).map_err(reason("find the owner of run/smtpd"))?;
    let directory = instance.state(Name::Callout);
    let (memory, store) = remembered(&directory.join("known"))?;
    let desk = Desk::listen(LOG, &instance.socket(Name::Callout), &[caller]).map_err(reason("listen at run/callout/socket"))?;
    let sandbox = stafett_smtp_client::sandbox(&control).write(&directory);
    if sandbox.enforce(proof).map_err(reason("enter the sandbox"))? != Enforced::Fully {
        LOG.note("this kernel enforces landlock only in part or not at all; only users and modes protect the files");
    }
    let shared = Shared { state: Arc::new(Mutex::new(State::new(memory, store))), log: LOG };
    LOG.line("status: ready");
    desk.run(&mut Callout { control, watch, settings: Arc::new(settings), shared }).map_err(reason("wait for questions"))?;
    LOG.line("status: exiting");
    Ok(())
}

fn remembered(path: &std::path::Path) -> Result<(Memory, Store), String> {
    let mut memory = Memory::default();
    let store = Store::open(LOG, path, |seconds, key| match seconds {
        0 => drop(memory.forget(key)),
        _ => memory.is_valid(key, seconds, None),
    });
    let store = store.map_err(|error| format!("unable to read {}: {error}", path.display()))?;
    Ok((memory, store))
}

fn reason<E: Display>(what: &str) -> impl Fn(E) -> String + '_ {
    move |error| format!("unable to {what}: {error}")
}
