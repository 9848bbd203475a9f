//! stafett-tlskeys: holds the private keys of TLS and does nothing but sign.
//!
//! What it does: answers stafett-tls, which asks what a key is ([`keys::Keys`]) and has it sign its half of a handshake.
//! So neither smtpd nor the process that parses TLS ever holds a key.
//!
//! Security stance: only stafett-tls and root may ask; keys are read from files that are this user's alone, and no answer
//! holds any part of one.
//!
//! How it fails: a handshake whose signature cannot be had fails, and the log says why. A key file that is changed and does
//! not parse keeps its last good copy. 111 when it cannot begin.
//!
//! Known limits: whoever takes stafett-tls over can have things signed while that lasts, but takes no key away.

mod keys;

use keys::Keys;
use stafett_ask::Desk;
use stafett_certificates::Store;
use stafett_control::Control;
use stafett_instance::Service;
use stafett_log::Log;
use stafett_start as start;
use stafett_sys::sandbox::Sandbox;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-tlskeys");

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-tlskeys").and_then(|()| Ok(serve()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

/// In the order in which it loses power.
fn serve() -> Result<(), String> {
    let instance = start::instance()?;
    let store = Store::new(&Control::new(instance.control()));
    let proof = start::unprivileged()?;
    let caller = start::caller(&instance, Service::Tls)?;
    let socket = instance.socket(Service::TlsKeys);
    let desk = Desk::listen(LOG, &socket, &[caller]).map_err(|error| format!("unable to listen at {}: {error}", socket.display()))?;
    start::lock_in(LOG, Sandbox::new().read(instance.control()), proof)?;
    let mut keys = Keys::new(LOG, store);
    keys.load_all();
    LOG.line("status: ready");
    desk.run(&mut keys).map_err(|error| format!("unable to go on serving: {error}"))
}
