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

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use stafett_ask::Desk;
use stafett_instance::{Instance, Service as Name};
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::limit;

use crate::options::{Options, USAGE, Work};
use crate::reporter::Reporter;
use crate::service::TlsRpt;
use crate::settings::Settings;

const LOG: Log = Log::new("stafett-tlsrpt");
/// Descriptors: callers that wait, connections, and some more.
const MOST_DESCRIPTORS: u64 = 1024;

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(USAGE)).and_then(|options| {
        let instance = Instance::find(options.directory).map_err(Failure::temporary)?;
        match &options.work {
            Work::Serve => serve(&instance)?,
            Work::Send => show::send(&instance)?,
            Work::Show(what) => show::show(&instance, what)?,
        }
        Ok(ExitCode::SUCCESS)
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
    let directory = instance.state(Name::TlsRpt);
    let desk = Desk::listen(LOG, &instance.socket(Name::TlsRpt), &[caller]).map_err(start::unable("listen at run/tlsrpt/socket"))?;
    let sandbox = stafett_smtp_client::sandbox(&control).write(&directory);
    start::lock_in(LOG, sandbox, proof)?;
    let settings = Arc::new(Mutex::new(Arc::new(settings)));
    let reporter = Reporter { log: LOG, directory: directory.clone(), queue: instance.socket(Name::Queue), settings };
    let mut service = TlsRpt::new(LOG, control, watch, &directory, reporter).map_err(start::unable("read the counts in state/tlsrpt"))?;
    LOG.line("status: ready");
    desk.run(&mut service).map_err(start::unable("wait for questions"))?;
    LOG.line("status: exiting");
    Ok(())
}
