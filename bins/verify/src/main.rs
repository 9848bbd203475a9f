//! stafett-verify: tells smtpd what SPF, DKIM, ARC and DMARC say of a sender and of a message.
//!
//! What it does: answers the questions of smtpd at run/verify/socket. smtpd reads no message and no DNS answer: it gets
//! verdicts, lines to put in front, and places to cut.
//!
//! Security stance: the one program that takes messages and records of strangers apart, and so a process of its own with a
//! user of its own, that can read control/ and write nothing. The only one that links mail-auth. Each question has a
//! deadline; threads, memory for messages and memory of answers are bounded.
//!
//! How it fails: with an answer that says that nobody could tell; what smtpd does then stands in control/spfbehavior and
//! control/dmarcbehavior. 111 when it cannot begin.
//!
//! Known limits: no DNSSEC; a message of more than 64 MiB is judged by its header and SPF alone.

mod authors;
mod dmarc;
mod dns;
mod fields;
mod keys;
mod message;
mod names;
mod pool;
mod results;
mod service;
mod settings;
mod signatures;
mod spf;
#[cfg(test)]
#[path = "table_test.rs"]
mod table;

use crate::service::Service;
use crate::settings::Settings;
use stafett_ask::Desk;
use stafett_dns::RESOLV_CONF;
use stafett_instance::Service as Name;
use stafett_log::Log;
use stafett_start as start;
use stafett_sys::limit;
use stafett_sys::sandbox::Sandbox;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-verify");

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-verify").and_then(|()| Ok(run()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

fn run() -> Result<(), String> {
    let dropped = start::unprivileged()?;
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let smtpd = start::caller(&instance, Name::Smtpd)?;
    raise_open_files();
    let path = instance.socket(Name::Verify);
    let desk = Desk::listen(LOG, &path, &[smtpd]).map_err(|error| format!("unable to listen at {}: {error}", path.display()))?;

    let sandbox = Sandbox::new().read(instance.control()).read(RESOLV_CONF);
    start::lock_in(LOG, sandbox, dropped)?;

    let mut service = Service::new(control, watch, settings)?;
    LOG.line("status: ready");
    desk.run(&mut service).map_err(|error| format!("unable to go on serving: {error}"))?;
    LOG.line("status: exiting");
    Ok(())
}

/// Every question takes a descriptor, and while it is answered some more: a message, a socket for the DNS.
fn raise_open_files() {
    const ENOUGH: u64 = 4 * pool::MOST_THREADS as u64 + pool::MOST_WAITING as u64 + 320;
    match limit::raise_open_files(ENOUGH) {
        Ok(have) if have < ENOUGH => {
            LOG.note(format_args!(
                "only {have} files may be open at once, {ENOUGH} are needed; raise the limit in the run script (ulimit -n)"
            ));
        }
        Ok(_) => {}
        Err(error) => LOG.warning(format_args!("unable to raise the number of open files: {error}")),
    }
}
