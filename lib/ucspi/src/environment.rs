//! The UCSPI environment: a connection's facts as variables, and back.
//!
//! The names are those of tcpserver (tcp-environ(5)); IPv6 addresses use the same ones, and an
//! IPv4 client of an IPv6 socket appears as plain IPv4. Variables of a rule come last and win.
//! Known limits: host names and ident answers are kept as text; bytes that are no UTF-8 become
//! the replacement character.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Variables in the order in which they were set; each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    items: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What stands before the name of a variable that is the listener's own; no name of a variable has a dot.
const LISTENERS: &[u8] = b"listener.";

impl Environment {
    /// No variables.
    pub fn new() -> Environment {
        Environment::default()
    }

    /// The variables that this process was started with.
    pub fn of_process() -> Environment {
        use std::os::unix::ffi::OsStringExt;
        let items = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
        Environment { items: items.collect() }
    }

    /// Variables from `NAME=value` items, as a handoff carries them; later ones win.
    ///
    /// # Errors
    /// When an item has no name or no `=`.
    pub fn from_items<'a>(items: impl IntoIterator<Item = &'a [u8]>) -> Result<Environment, BadVariable> {
        let mut environment = Environment::new();
        for item in items {
            let (name, value) = split(item)?;
            environment.set(name, value);
        }
        Ok(environment)
    }

    /// Sets a variable, replacing an earlier value.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        match self.items.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.to_vec(),
            None => self.items.push((name.to_vec(), value.to_vec())),
        }
    }

    /// Sets or, for `None`, removes a variable.
    fn put(&mut self, name: &str, value: Option<String>) {
        match value {
            Some(value) => self.set(name, value),
            None => self.remove(name),
        }
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        self.items.retain(|(known, _)| known != name.as_ref());
    }

    /// The value of a variable; `None` when it is not set, which is not the same as empty.
    pub fn value(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.items.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.items.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// Adds each variable once more as one of the listener's own, so that it is known behind those of a rule.
    pub fn mark_as_listeners(&mut self) {
        let own: Vec<_> = self.items.iter().map(|(name, value)| ([LISTENERS, name].concat(), value.clone())).collect();
        self.items.extend(own);
    }

    /// Takes the listener's own variables out of those of a handoff.
    pub fn take_listeners(&mut self) -> Environment {
        let own = |item: &mut (Vec<u8>, Vec<u8>)| item.0.starts_with(LISTENERS);
        let items = self.items.extract_if(.., own).filter_map(|(name, value)| Some((name.strip_prefix(LISTENERS)?.to_vec(), value)));
        Environment { items: items.collect() }
    }

    /// The `NAME=value` items of a handoff.
    pub fn items(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.iter().map(|(name, value)| [name, b"=", value].concat())
    }
}

/// What is known about one connection. A listener knows the addresses always; a program that was
/// started by hand may know none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Our address (TCPLOCALIP).
    pub local_ip: Option<IpAddr>,
    /// Our port (TCPLOCALPORT).
    pub local_port: Option<u16>,
    /// Our name (TCPLOCALHOST).
    pub local_host: Option<String>,
    /// The client's address (TCPREMOTEIP).
    pub remote_ip: Option<IpAddr>,
    /// The client's port (TCPREMOTEPORT).
    pub remote_port: Option<u16>,
    /// The client's name, where it was looked up and found (TCPREMOTEHOST).
    pub remote_host: Option<String>,
    /// What the client's ident server said (TCPREMOTEINFO).
    pub remote_info: Option<String>,
}

impl Connection {
    /// Sets this connection's variables; unknown facts are removed, so that a value of the
    /// listener's own environment is never taken for the client's.
    pub fn write_to(&self, environment: &mut Environment) {
        environment.set("PROTO", "TCP");
        environment.put("TCPLOCALIP", self.local_ip.map(address_text));
        environment.put("TCPLOCALPORT", self.local_port.map(|port| port.to_string()));
        environment.put("TCPLOCALHOST", self.local_host.clone());
        environment.put("TCPREMOTEIP", self.remote_ip.map(address_text));
        environment.put("TCPREMOTEPORT", self.remote_port.map(|port| port.to_string()));
        environment.put("TCPREMOTEHOST", self.remote_host.clone());
        environment.put("TCPREMOTEINFO", self.remote_info.clone());
    }

    /// Reads a connection's facts back.
    ///
    /// # Errors
    /// When an address or a port is set but is none.
    pub fn read_from(environment: &Environment) -> Result<Connection, BadVariable> {
        Ok(Connection {
            local_ip: ip(environment, "TCPLOCALIP")?,
            local_port: parsed(environment, "TCPLOCALPORT", "a port")?,
            local_host: text(environment, "TCPLOCALHOST"),
            remote_ip: ip(environment, "TCPREMOTEIP")?,
            remote_port: parsed(environment, "TCPREMOTEPORT", "a port")?,
            remote_host: text(environment, "TCPREMOTEHOST"),
            remote_info: text(environment, "TCPREMOTEINFO"),
        })
    }
}

/// An environment variable that cannot mean what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVariable {
    item: Vec<u8>,
    expected: &'static str,
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "variable {} is not {}", String::from_utf8_lossy(&self.item), self.expected)
    }
}

impl std::error::Error for BadVariable {}

/// An address as the variables and the rules write it: IPv4-mapped ones as plain IPv4.
pub(crate) fn address_text(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

fn split(item: &[u8]) -> Result<(&[u8], &[u8]), BadVariable> {
    let at = item.iter().position(|byte| *byte == b'=').filter(|at| *at > 0);
    at.and_then(|at| Some((item.get(..at)?, item.get(at + 1..)?)))
        .ok_or_else(|| BadVariable { item: item.to_vec(), expected: "of the form NAME=value" })
}

fn text(environment: &Environment, name: &str) -> Option<String> {
    environment.value(name).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn ip(environment: &Environment, name: &str) -> Result<Option<IpAddr>, BadVariable> {
    let found: Option<IpAddr> = parsed(environment, name, "an IP address")?;
    Ok(found.map(|ip| ip.to_canonical()))
}

fn parsed<T: FromStr>(environment: &Environment, name: &str, expected: &'static str) -> Result<Option<T>, BadVariable> {
    let Some(value) = environment.value(name) else { return Ok(None) };
    let parsed = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
    parsed.map(Some).ok_or_else(|| BadVariable { item: [name.as_bytes(), b"=", value].concat(), expected })
}
