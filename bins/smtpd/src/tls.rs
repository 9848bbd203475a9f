//! The handshake, which another process takes: stafett-tls, or the sslserver that started us (UCSPI-TLS).
//!
//! What it does: the client's connection goes to that process, and a stream with the plain text comes back, with variables
//! that tell what was agreed on (stafett-protocols(7), ucspi-tls(2)).
//!
//! Security stance: this process parses no TLS and holds no key. Whatever fails ends the session: nothing goes on in the
//! clear once the client was told to begin.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use stafett_handoff::Client as Handoff;
use stafett_instance::{Instance, Service};
use stafett_reception::session::Tls;
use stafett_sys::descriptor;
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use stafett_ucspi::Environment;
use stafett_wire::netstring::{all, push};

/// How long stafett-tls may take until it has somebody for a client.
const BIRTH: Duration = Duration::from_secs(10);
/// How long a handshake may take; stafett-tls itself gives up before.
const PATIENCE: Duration = Duration::from_secs(75);
/// The most that is told of a handshake, in bytes.
const TOLD_MAX: usize = 16 * 1024;

/// Whoever takes the handshake, ready for it.
#[derive(Debug)]
pub enum Partner {
    /// A child of stafett-tls, at the other end of this.
    Service(OwnedFd),
    /// The sslserver that started us.
    Listener {
        /// What it is told on.
        control: OwnedFd,
        /// Where the plain text comes from.
        input: OwnedFd,
        /// Where it goes.
        output: OwnedFd,
    },
}

/// A connection under TLS.
#[derive(Debug)]
pub struct Secured {
    /// Where the plain text comes from.
    pub input: OwnedFd,
    /// Where it goes, if not to the same descriptor.
    pub output: Option<OwnedFd>,
    /// What was agreed on.
    pub tls: Tls,
}

impl Partner {
    /// Finds one, before the client is told to begin: a child of stafett-tls that lives already.
    ///
    /// # Errors
    /// When there is none.
    pub fn call(instance: &Instance, environment: &Environment) -> Result<Partner, String> {
        if environment.value("SSLCTLFD").is_some() {
            let take = |name| descriptor_of(environment, name);
            return Ok(Partner::Listener { control: take("SSLCTLFD")?, input: take("SSLREADFD")?, output: take("SSLWRITEFD")? });
        }
        let path = instance.socket(Service::Tls);
        let away = |error: io::Error| format!("stafett-tls does not take a client at {}: {error}", path.display());
        let (ours, theirs) = socket::pair(Style::Packets).map_err(away)?;
        let address = environment.value("TCPREMOTEIP").unwrap_or_default();
        let mut service = Handoff::connect(&path).map_err(away)?;
        service.hand_over(1, &[address], theirs.as_fd()).and_then(|()| service.started(1, BIRTH)).map_err(away)?;
        Ok(Partner::Service(ours))
    }

    /// Lets it take the handshake on the client's connection.
    ///
    /// # Errors
    /// When there is none in the end.
    pub fn shake_hands(self, client: BorrowedFd<'_>) -> Result<Secured, String> {
        match self {
            Partner::Service(link) => by_service(&link, client),
            Partner::Listener { control, input, output } => {
                let tls = by_listener(control).map_err(|error| format!("the TLS handshake failed: {error}"))?;
                Ok(Secured { input, output: Some(output), tls })
            }
        }
    }
}

fn by_service(link: &OwnedFd, client: BorrowedFd<'_>) -> Result<Secured, String> {
    let lost = |error: io::Error| format!("stafett-tls is gone: {error}");
    let mut start = Vec::new();
    push(&mut start, b"start");
    socket::send_packet(link, &start, Some(client)).map_err(lost)?;
    let (ready, _) = wait_two((link.as_fd(), Interest::Read), None, Some(PATIENCE)).map_err(lost)?;
    if !ready.any() {
        return Err("stafett-tls takes too long".to_owned());
    }
    let mut buffer = vec![0; TOLD_MAX];
    let packet = socket::receive_packet(link, &mut buffer).map_err(lost)?;
    let fields = all(buffer.get(..packet.length).unwrap_or_default(), 64).map_err(|error| error.to_string())?;
    match (&fields[..], packet.descriptor) {
        ([b"K", variables @ ..], Some(input)) => {
            let variables = variables.iter().filter_map(|variable| std::str::from_utf8(variable).ok());
            Ok(Secured { input, output: None, tls: Tls::from_variables(variables) })
        }
        ([b"Z", reason], _) => Err(format!("the TLS handshake failed: {}", String::from_utf8_lossy(reason))),
        _ => Err("stafett-tls hung up without an answer; its log says why".to_owned()),
    }
}

/// `Y` asks for variables, which end with an empty one.
fn by_listener(control: OwnedFd) -> io::Result<Tls> {
    let mut control = std::fs::File::from(control);
    control.write_all(b"Y")?;
    let deadline = Instant::now() + PATIENCE;
    let mut told = Vec::new();
    let mut byte = [0];
    while !is_ended(&told) {
        let (ready, _) = wait_two((control.as_fd(), Interest::Read), None, Some(deadline.saturating_duration_since(Instant::now())))?;
        if !ready.any() || told.len() >= TOLD_MAX {
            return Err(io::ErrorKind::TimedOut.into());
        }
        control.read_exact(&mut byte)?;
        told.extend_from_slice(&byte);
    }
    let variables = told.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    Ok(Tls::from_variables(variables))
}

/// Whether a list of NUL-terminated words has ended with an empty one.
fn is_ended(list: &[u8]) -> bool {
    list.ends_with(b"\0\0") || list == b"\0"
}

fn descriptor_of(environment: &Environment, name: &str) -> Result<OwnedFd, String> {
    let value = environment.value(name).and_then(|value| std::str::from_utf8(value).ok()?.parse::<i32>().ok());
    let number = value.filter(|number| *number > 2).ok_or_else(|| format!("the variable {name} is no descriptor"))?;
    descriptor::inherited(number).map_err(|error| format!("unable to use descriptor {number} of {name}: {error}"))
}
