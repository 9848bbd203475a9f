//! The handshake, which another process takes: stafett-tls, or the sslserver that started us (UCSPI-TLS).
//!
//! What it does: the client's connection goes to that process, and a stream with the plain text comes back, with variables
//! that tell what was agreed on (stafett-protocols(7), ucspi-tls(2)).
//!
//! Security stance: this process parses no TLS and holds no key. Whatever fails ends the session: nothing goes on in the
//! clear once the client was told to begin.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
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
/// How long a link is good for further connections: certificates are looked at with each handoff.
const FRESH: Duration = Duration::from_secs(1);
/// What a child says that would take another connection.
const READY: &[u8] = b"5:ready,";
/// The most that is told of a handshake, in bytes.
const TOLD_MAX: usize = 16 * 1024;

/// Whoever takes the handshake, ready for it.
#[derive(Debug)]
pub enum Partner {
    /// A child of stafett-tls.
    Service(Link),
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

/// The way to a child of stafett-tls, which may take the client's next connection too.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
    /// The client's address: nobody else is brought there.
    address: Vec<u8>,
    /// When stafett-tls gave it to us.
    since: Instant,
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
    /// For the client's next connection.
    pub link: Option<Link>,
}

impl Partner {
    /// Finds one, before the client is told to begin: a child of stafett-tls that lives already, `kept` from the client's last
    /// connection or got now.
    ///
    /// # Errors
    /// When there is none.
    pub fn call(instance: &Instance, environment: &Environment, kept: Option<Link>) -> Result<Partner, String> {
        if environment.value("SSLCTLFD").is_some() {
            let take = |name| descriptor_of(environment, name);
            return Ok(Partner::Listener { control: take("SSLCTLFD")?, input: take("SSLREADFD")?, output: take("SSLWRITEFD")? });
        }
        let address = environment.value("TCPREMOTEIP").unwrap_or_default();
        if let Some(link) = kept.filter(|link| link.address == address && link.is_ready()) {
            return Ok(Partner::Service(link));
        }
        let path = instance.socket(Service::Tls);
        let link =
            Link::new(&path, address).map_err(|error| format!("stafett-tls does not take a client at {}: {error}", path.display()))?;
        Ok(Partner::Service(link))
    }

    /// Lets it take the handshake on the client's connection. With `binds` it tells what a proof can be bound to as well.
    ///
    /// # Errors
    /// When there is none in the end.
    pub fn shake_hands(self, client: BorrowedFd<'_>, binds: bool) -> Result<Secured, String> {
        match self {
            Partner::Service(link) => by_service(link, client, binds),
            Partner::Listener { control, input, output } => {
                let tls = by_listener(control).map_err(|error| format!("the TLS handshake failed: {error}"))?;
                Ok(Secured { input, output: Some(output), tls, link: None })
            }
        }
    }
}

impl Link {
    fn new(path: &Path, address: &[u8]) -> io::Result<Link> {
        let (socket, theirs) = socket::pair(Style::Packets)?;
        socket::set_nonblocking(&socket, true)?;
        let mut service = Handoff::connect(path)?;
        service.hand_over(1, &[address], theirs.as_fd())?;
        service.started(1, BIRTH)?;
        Ok(Link { socket, address: address.to_vec(), since: Instant::now() })
    }

    /// Whether the child has said that it is done with the last connection, lives, and knows the certificates of today.
    fn is_ready(&self) -> bool {
        let mut buffer = [0; 16];
        let said = socket::receive_packet(&self.socket, &mut buffer).ok().and_then(|packet| buffer.get(..packet.length));
        let lives = || socket::receive_packet(&self.socket, &mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.since.elapsed() < FRESH && said == Some(READY) && lives()
    }
}

fn by_service(link: Link, client: BorrowedFd<'_>, binds: bool) -> Result<Secured, String> {
    let lost = |error: io::Error| format!("stafett-tls is gone: {error}");
    let mut start = Vec::new();
    push(&mut start, b"start");
    if binds {
        push(&mut start, b"binding");
    }
    socket::send_packet(&link.socket, &start, Some(client)).map_err(lost)?;
    let (ready, _) = wait_two((link.socket.as_fd(), Interest::Read), None, Some(PATIENCE)).map_err(lost)?;
    if !ready.any() {
        return Err("stafett-tls takes too long".to_owned());
    }
    let mut buffer = vec![0; TOLD_MAX];
    let packet = socket::receive_packet(&link.socket, &mut buffer).map_err(lost)?;
    let fields = all(buffer.get(..packet.length).unwrap_or_default(), 64).map_err(|error| error.to_string())?;
    match (&fields[..], packet.descriptor) {
        ([b"K", variables @ ..], Some(input)) => {
            let variables = variables.iter().filter_map(|variable| std::str::from_utf8(variable).ok());
            Ok(Secured { input, output: None, tls: Tls::from_variables(variables), link: Some(link) })
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
