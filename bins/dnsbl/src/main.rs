//! stafett-dnsbl: asks DNS lists about clients and domains, for smtpd.
//!
//! What it does: with `--resident` it answers smtpd's questions at run/dnsbl/socket: block and allow lists, the reverse
//! name of an address, whether a domain can have mail. Without, it stands in front of smtpd on a listener's command line,
//! asks about the one client, sets BOUNCEMAIL and becomes the next program, as rblsmtpd did.
//!
//! Security stance: never root as a service, reads control/ and the resolver's files alone. Every answer of the DNS is
//! hostile, which lib/dns is for; what comes from it reaches a client only cut and made printable.
//!
//! How it fails: a list that is silent, refuses us or talks nonsense is left out for a while, and the log says when that
//! began and ended. 100 for a wrong command line, 111 when it cannot begin.
//!
//! Known limits: [`service::MOST_LOOKUPS`] look-ups at once, each on a thread; further questions are told to come back.

mod cache;
mod chain;
mod examine;
mod health;
mod lists;
mod lookups;
mod names;
mod options;
mod parts;
mod service;
mod settings;
mod words;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use stafett_ask::Desk;
use stafett_control::Control;
use stafett_dns::RESOLV_CONF;
use stafett_instance::Service;
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::limit;
use stafett_sys::sandbox::Sandbox;

use crate::lookups::Memory;
use crate::options::{Options, USAGE};
use crate::service::{DESCRIPTORS, Lister};
use crate::settings::Settings;

const LOG: Log = Log::new("stafett-dnsbl");

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(USAGE)).and_then(|options| match options {
        Options::Resident => Ok(stay()?),
        Options::Chain(chain) => Err(chain::run(&chain).into()),
    });
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

/// The service, in the order in which it loses power.
fn stay() -> Result<(), String> {
    let dropped = start::unprivileged()?;
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let smtpd = start::caller(&instance, Service::Smtpd)?;
    let path = instance.socket(Service::Dnsbl);
    let desk = Desk::listen(LOG, &path, &[smtpd]).map_err(|error| format!("unable to listen at {}: {error}", path.display()))?;
    let descriptors = limit::raise_open_files(DESCRIPTORS).map_err(start::unable("raise the number of open files"))?;
    start::lock_in(LOG, sandbox(&control), dropped)?;
    let mut lister = Lister::new(control, watch, settings, Arc::new(Memory::new(LOG)), descriptors);
    LOG.line("status: ready");
    desk.run(&mut lister).map_err(start::unable("wait for questions"))?;
    LOG.line("status: exiting");
    Ok(())
}

/// Other programs replace resolv.conf, and a rule for a file is a rule for that one copy: what can be read is the directory
/// that holds the name, and the one that a link leads to.
fn sandbox(control: &Control) -> Sandbox {
    let linked = Path::new(RESOLV_CONF).canonicalize().unwrap_or_default();
    let places = [Path::new(RESOLV_CONF).parent(), linked.parent()].into_iter().flatten();
    places.fold(Sandbox::new().read(control.directory()), Sandbox::read)
}
