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

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use stafett_ask::Desk;
use stafett_control::{Control, Watch};
use stafett_dns::RESOLV_CONF;
use stafett_instance::{Instance, Service};
use stafett_log::Log;
use stafett_sys::sandbox::{Enforced, Sandbox};
use stafett_sys::{limit, privilege};

use crate::lookups::Memory;
use crate::options::{Options, USAGE};
use crate::service::{DESCRIPTORS, Lister};
use crate::settings::Settings;

const LOG: Log = Log::new("stafett-dnsbl");

fn main() -> ExitCode {
    let done = match Options::read() {
        Ok(Options::Resident) => stay(),
        Ok(Options::Chain(chain)) => Err(chain::run(&chain)),
        Err(reason) => {
            LOG.fatal(format_args!("{reason}; {USAGE}"));
            return ExitCode::from(100);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

/// The service, in the order in which it loses power.
fn stay() -> Result<(), String> {
    let dropped = privilege::unprivileged().map_err(|error| error.to_string())?;
    let instance = Instance::from_environment().map_err(|error| error.to_string())?;
    let control = Control::new(instance.control());
    let watch = Watch::new(control.directory()).map_err(unable("watch control/"))?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let smtpd = instance.owner_of(Service::Smtpd).map_err(unable("find the owner of run/smtpd"))?;
    let path = instance.socket(Service::Dnsbl);
    let desk = Desk::listen(LOG, &path, &[smtpd]).map_err(|error| format!("unable to listen at {}: {error}", path.display()))?;
    let descriptors = limit::raise_open_files(DESCRIPTORS).map_err(unable("raise the number of open files"))?;
    match sandbox(&control).enforce(dropped) {
        Ok(Enforced::Fully) => {}
        Ok(_) => LOG.note("this kernel enforces the file sandbox in part or not at all"),
        Err(error) => return Err(format!("unable to set up the sandbox: {error}")),
    }
    let mut lister = Lister::new(control, watch, settings, Arc::new(Memory::new(LOG)), descriptors);
    LOG.line("status: ready");
    desk.run(&mut lister).map_err(unable("wait for questions"))?;
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

fn unable<E: Display>(what: &str) -> impl Fn(E) -> String + '_ {
    move |error| format!("unable to {what}: {error}")
}
