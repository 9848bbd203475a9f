//! stafett-tlsrpt: counts what became of TLS with each destination, and tells those that want to know (TLSRPT, RFC 8460).
//!
//! What it does: stafett-remote tells of each session; once a day the counts of the day before become a report for each
//! domain whose TXT record asks for one, sent by mail through the queue or posted by HTTPS.
//!
//! Security stance: never root, starts no program, never forks; reads control/ and the resolver's files, writes its own directory
//! alone, and speaks to queued. What is counted comes from other hosts by way of stafett-remote: it is printable and bounded,
//! and however many domains and hosts there are, memory and disk have a most. A record can have reports sent to anybody: at
//! most one a day for a domain, to a few places.
//!
//! How it fails: a count that cannot be taken is lost, mail is never held up for it; a report that cannot be sent is tried again
//! for a day. 100 for a wrong command line, 111 when it cannot begin.
//!
//! Known limits: what was counted in the last second is lost in a crash; days are those of UTC, as RFC 8460 asks.

mod calendar;
mod journal;
mod json;
mod letter;
mod options;
mod report;
mod reporter;
mod service;
mod settings;
mod shares;
mod show;
mod tally;

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use stafett_ask::Desk;
use stafett_control::{Control, Watch};
use stafett_instance::{Instance, Service as Name};
use stafett_log::Log;
use stafett_sys::sandbox::Enforced;
use stafett_sys::{limit, privilege};

use crate::options::{Options, USAGE, Work};
use crate::reporter::Reporter;
use crate::service::TlsRpt;
use crate::settings::Settings;

const LOG: Log = Log::new("stafett-tlsrpt");
/// Descriptors: callers that wait, connections, and some more.
const MOST_DESCRIPTORS: u64 = 1024;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(reason) => {
            LOG.fatal(format_args!("{reason}; {USAGE}"));
            return ExitCode::from(100);
        }
    };
    let done = instance(&options).and_then(|instance| match &options.work {
        Work::Serve => serve(&instance),
        Work::Send => show::send(&instance),
        Work::Show(what) => show::show(&instance, what),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
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
    let caller = instance.owner_of(Name::Remote).map_err(reason("find the owner of run/remote"))?;
    let directory = instance.state(Name::TlsRpt);
    let desk = Desk::listen(LOG, &instance.socket(Name::TlsRpt), &[caller]).map_err(reason("listen at run/tlsrpt/socket"))?;
    let sandbox = stafett_smtp_client::sandbox(&control).write(&directory);
    if sandbox.enforce(proof).map_err(reason("enter the sandbox"))? != Enforced::Fully {
        LOG.note("this kernel enforces landlock only in part or not at all; only users and modes protect the files");
    }
    let settings = Arc::new(Mutex::new(Arc::new(settings)));
    let reporter = Reporter { log: LOG, directory: directory.clone(), queue: instance.socket(Name::Queue), settings };
    let mut service = TlsRpt::new(LOG, control, watch, &directory, reporter).map_err(reason("read the counts in state/tlsrpt"))?;
    LOG.line("status: ready");
    desk.run(&mut service).map_err(reason("wait for questions"))?;
    LOG.line("status: exiting");
    Ok(())
}

fn reason<E: Display>(what: &str) -> impl Fn(E) -> String + '_ {
    move |error| format!("unable to {what}: {error}")
}
