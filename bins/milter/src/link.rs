//! The connection to one filter: packets out and in, every wait bounded.
//!
//! How it fails: with a [`Fault`], after which the connection is closed.

use crate::protocol::frame::{self, Frame};
use crate::protocol::{Malformed, options};
use stafett_control::form::milter::Place;
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// Why a filter did not do its work, in words that follow its name.
#[derive(Debug)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault(malformed.to_string())
    }
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    stream: std::fs::File,
    pending: Vec<u8>,
}

impl Link {
    /// Connects and agrees upon what will be said.
    ///
    /// # Errors
    /// When nobody listens, or it is no filter.
    pub fn open(place: &Place, hosts: &str, until: Instant) -> Result<(Link, options::Agreed), Fault> {
        let socket = connect(place, hosts, until).map_err(|error| Fault(format!("unable to connect to it: {error}")))?;
        let mut link = Link { stream: std::fs::File::from(socket), pending: Vec::new() };
        link.send(&options::offer(), until)?;
        let answer = link.receive(until)?;
        if answer.code != options::NEGOTIATE {
            return Err(Malformed("no answer to the first offer").into());
        }
        let agreed = options::Agreed::parse(&answer.data)?;
        Ok((link, agreed))
    }

    /// Sends packets.
    ///
    /// # Errors
    /// When they are not taken in time.
    pub fn send(&mut self, mut bytes: &[u8], until: Instant) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(Interest::Write, until)?,
                Err(error) => return Err(Fault(format!("unable to talk to it: {error}"))),
            }
        }
        Ok(())
    }

    /// The next packet.
    ///
    /// # Errors
    /// When it does not come in time, or is none.
    pub fn receive(&mut self, until: Instant) -> Result<Frame, Fault> {
        loop {
            // one that never pauses is not spared its deadline
            if Instant::now() >= until {
                return Err(Fault("it does not answer in time".to_owned()));
            }
            if let Some(frame) = frame::take(&mut self.pending)? {
                return Ok(frame);
            }
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(Fault("it has closed the connection".to_owned())),
                Ok(length) => self.pending.extend_from_slice(piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(Interest::Read, until)?,
                Err(error) => return Err(Fault(format!("unable to hear it: {error}"))),
            }
        }
    }

    fn wait(&self, interest: Interest, until: Instant) -> Result<(), Fault> {
        let left = until.saturating_duration_since(Instant::now());
        let (ready, _) = wait_two((self.stream.as_fd(), interest), None, Some(left))
            .map_err(|error| Fault(format!("unable to wait for it: {error}")))?;
        if ready.any() { Ok(()) } else { Err(Fault("it does not answer in time".to_owned())) }
    }
}

fn connect(place: &Place, hosts: &str, until: Instant) -> io::Result<OwnedFd> {
    let left = || until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let socket = match place {
        Place::Unix(path) => socket::connect_within(Path::new(path), Style::Stream, left())?,
        Place::Inet(host, port) => {
            let addresses = addresses(host, hosts);
            let mut failure = io::Error::new(ErrorKind::NotFound, "/etc/hosts does not know it; write its address");
            let mut connected = addresses.iter().filter_map(|ip| match TcpStream::connect_timeout(&SocketAddr::new(*ip, *port), left()) {
                Ok(stream) => Some(stream),
                Err(error) => {
                    failure = error;
                    None
                }
            });
            let Some(stream) = connected.next() else { return Err(failure) };
            // Commands are small and each is waited for.
            stream.set_nodelay(true)?;
            stream.into()
        }
    };
    socket::set_nonblocking(&socket, true)?;
    Ok(socket)
}

/// An address, or those that a text like /etc/hosts knows the host by (hosts(5)).
fn addresses(host: &str, hosts: &str) -> Vec<IpAddr> {
    let named = |line: &str| {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(host)).then_some(address)
    };
    host.parse().map_or_else(|_| hosts.lines().filter_map(named).collect(), |address| vec![address])
}
