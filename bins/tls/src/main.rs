//! stafett-tls: ends TLS for smtpd, so that smtpd never parses it.
//!
//! What it does: smtpd hands over a client's connection; a child of this program takes the handshake and then carries bytes
//! between the client and smtpd until one of them is done. The certificates are those of control/servercerts; the private
//! keys are in stafett-tlskeys, which is asked for each signature.
//!
//! Security stance: a child serves one client's address alone, one connection after the other, so nothing of one client is near
//! another. The process sees passwords and mail of
//! its one client in the clear and nothing else: no key, no queue, no file but certificates.
//!
//! How it fails: a handshake that fails is told to smtpd with its reason. Certificates that do not parse, or do not fit their
//! key, keep their last good copy and are logged. 111 when it cannot begin.
//!
//! Known limits: TLS 1.2 and 1.3 only; certificates are chosen by exact name.

mod certificates;
mod clients;
mod der;
mod endpoint;
mod handshake;
mod keys;
mod names;
mod pump;
mod resident;
mod stream;

use certificates::Certificates;
use keys::KeyService;
use resident::Resident;
use stafett_certificates::Store;
use stafett_control::{Control, rows};
use stafett_handoff::Parent;
use stafett_instance::Service;
use stafett_log::Log;
use stafett_start as start;
use stafett_sys::sandbox::Sandbox;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-tls");

/// Connections at once; the listener's own limit is what counts.
const MOST_CHILDREN: usize = 50_000;

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-tls").and_then(|()| Ok(serve()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

/// In the order in which it loses power.
fn serve() -> Result<(), String> {
    let instance = start::instance()?;
    let control = Control::new(instance.control());
    let me = control.required(&rows::ME).map_err(|error| error.to_string())?;
    let proof = start::unprivileged()?;
    let caller = start::caller(&instance, Service::Smtpd)?;
    let socket = instance.socket(Service::Tls);
    let parent = Parent::listen(LOG, &socket, &[caller], MOST_CHILDREN);
    let parent = parent.map_err(|error| format!("unable to listen at {}: {error}", socket.display()))?;
    start::lock_in(LOG, Sandbox::new().read(instance.control()), proof)?;
    let keys = KeyService::new(instance.socket(Service::TlsKeys));
    let certificates = Certificates::new(LOG, Store::new(&control), keys, me);
    let mut resident = Resident::new(LOG, control, certificates)?;
    LOG.line("status: ready");
    parent.run(&mut resident).map_err(|error| format!("unable to go on serving: {error}"))
}
