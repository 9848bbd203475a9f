//! stafett-auth: tells smtpd whether a client is who it says it is, and what its account may do.
//!
//! What it does: answers each password and each proof from control/accounts, or, where that has no verifier, from who
//! control/authsource names: a program of the checkpassword protocol or Dovecot's auth service. The dialogue with the client is
//! smtpd's.
//!
//! Security stance: the only service that can read verifiers, as a user of its own that can read control/ and write nothing
//! but its state. smtpd is not trusted: it is told of an account only after the right password or proof. Work is bounded before
//! it is done: so many wrong passwords from one address, so many hashes at once. No password and no verifier is ever
//! logged. Whether an account exists shows neither in an answer nor in the time that it takes.
//!
//! How it fails: without an answer, or with Z, nobody is let in; smtpd says 454. A control file that does not parse keeps its
//! last good copy and is logged. 100 for a wrong command line, 111 when it cannot begin.
//!
//! Known limits: passwords are not wiped from memory that is given back.

mod answer;
mod counts;
mod dovecot;
mod external;
mod judge;
mod nobody;
mod pool;
mod program;
mod request;
mod scram;
mod seal;
mod secret;
mod service;
mod settings;
mod throttle;

use counts::Counts;
use service::Auth;
use settings::Settings;
use stafett_ask::Desk;
use stafett_control::Control;
use stafett_control::form::auth::Source;
use stafett_instance::Service;
use stafett_log::Log;
use stafett_start as start;
use stafett_sys::privilege::Dropped;
use stafett_sys::sandbox::Sandbox;
use std::path::Path;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-auth");

/// Places that programs need.
const SYSTEM: [&str; 4] = ["/usr", "/bin", "/lib", "/lib64"];

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-auth").and_then(|()| Ok(serve()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

/// In the order in which it loses power.
fn serve() -> Result<(), String> {
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let dropped = start::unprivileged()?;
    let smtpd = start::caller(&instance, Service::Smtpd)?;
    let socket = instance.socket(Service::Auth);
    let desk = Desk::listen(LOG, &socket, &[smtpd]).map_err(|error| format!("unable to listen at {}: {error}", socket.display()))?;
    let state = instance.state(Service::Auth);
    lock_in(&control, &state, settings.source.as_ref(), dropped)?;
    let secret = secret::read(&state)?;
    let counts = Counts::open(LOG, &state);
    let mut auth = Auth::new(LOG, (control, watch), settings, (secret, counts))?;
    LOG.line("status: ready");
    desk.run(&mut auth).map_err(|error| format!("unable to go on serving: {error}"))?;
    LOG.line("status: exiting");
    Ok(())
}

/// A program that is named later needs a restart to be allowed.
fn lock_in(control: &Control, state: &Path, source: Option<&Source>, dropped: Dropped) -> Result<(), String> {
    let mut sandbox = Sandbox::new().read(control.directory()).write(state);
    if let Some(Source::Program(words)) = source {
        sandbox = SYSTEM.into_iter().fold(sandbox.read("/etc").read("/dev/urandom").write("/dev/null"), Sandbox::execute);
        if let Some(directory) = words.first().and_then(|program| Path::new(program).parent()) {
            sandbox = sandbox.execute(directory);
        }
        let more = std::env::var("LANDLOCKREAD").unwrap_or_default();
        sandbox = more.split(':').filter(|path| !path.is_empty()).fold(sandbox, Sandbox::execute);
        let more = std::env::var("LANDLOCKWRITE").unwrap_or_default();
        sandbox = more.split(':').filter(|path| !path.is_empty()).fold(sandbox, Sandbox::write);
    }
    start::lock_in(LOG, sandbox, dropped)
}
