//! Where a delivery connection goes, as send says it to the parent of its child.

use crate::Malformed;
use crate::netstring::number;
use std::fmt;

/// How the addresses of a destination are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// By MX records of the name (RFC 5321 section 5.1).
    Mx,
    /// By the addresses of the name itself: a route of control/smtproutes.
    Host,
    /// As `Host`, and the server speaks LMTP (RFC 2033).
    Lmtp,
    /// The name is the path of a Unix socket whose server speaks LMTP; the port is 0.
    LmtpSocket,
    /// This host itself: stafett-local, by its own socket. The name is the user's, or what of an address stands for one, as
    /// far as stafett-send can tell; the port is 0. Any connection to this host takes the mail of all users.
    Local,
}

/// How this host is called among destinations.
pub const LOCAL: &str = "local";

/// The longest name of a user of this host among destinations, in bytes.
const LONGEST_USER: usize = 64;

/// The longest words of a destination, in bytes.
const LONGEST_WORDS: usize = 2000;

/// The longest path of a Unix socket, in bytes (unix(7): `sun_path` with its NUL).
pub const LONGEST_SOCKET_PATH: usize = 107;

/// Where a delivery connection goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination {
    /// How its addresses are found.
    pub kind: Kind,
    /// For `Mx` a domain or an address literal, else a host or an IP address without brackets, all in lower case; or
    /// the path of a socket.
    pub name: String,
    /// The TCP port.
    pub port: u16,
    /// What else the route says, `name=value` with one blank between, ordered by name; two routes to one host that differ
    /// in it share no connection.
    pub words: String,
}

impl Destination {
    /// A destination without words.
    pub fn plain(kind: Kind, name: impl Into<String>, port: u16) -> Destination {
        Destination { kind, name: name.into(), port, words: String::new() }
    }

    /// The words, one by one.
    pub fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        self.words.split(' ').filter_map(|word| word.split_once('='))
    }

    /// The value of a word, where there is one.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The strings of the handoff, in order.
    pub fn strings(&self) -> [String; 4] {
        let kind = match self.kind {
            Kind::Mx => "mx",
            Kind::Host => "host",
            Kind::Lmtp => "lmtp",
            Kind::LmtpSocket => "lmtp-socket",
            Kind::Local => LOCAL,
        };
        [kind.to_owned(), self.name.clone(), self.port.to_string(), self.words.clone()]
    }

    /// A user of this host. Strangers write local parts: what of one is no ordinary character stands as `_`, and what is long is cut.
    pub fn user(name: &str) -> Destination {
        let usual = |c: char| if c.is_alphanumeric() || "!#$%&'*+-./=?^_`{|}~".contains(c) { c } else { '_' };
        let mut name: String = name.chars().flat_map(char::to_lowercase).map(usual).take(LONGEST_USER).collect();
        name.truncate(name.floor_char_boundary(LONGEST_USER));
        if name.is_empty() {
            name.push('_');
        }
        Destination::plain(Kind::Local, name, 0)
    }

    /// Whether its reader would take it: an address can hold any text for a domain.
    pub fn is_usable(&self) -> bool {
        let strings = self.strings();
        let strings = strings.each_ref().map(String::as_bytes);
        Destination::parse(&strings).is_ok()
    }

    /// Reads the strings of a handoff.
    ///
    /// # Errors
    /// When they are not four, or do not fit.
    pub fn parse(strings: &[&[u8]]) -> Result<Destination, Malformed> {
        let [kind, name, port, words] = strings else { return Err(Malformed("not the four strings of a destination")) };
        let kind = match *kind {
            b"mx" => Kind::Mx,
            b"host" => Kind::Host,
            b"lmtp" => Kind::Lmtp,
            b"lmtp-socket" => Kind::LmtpSocket,
            b"local" => Kind::Local,
            _ => return Err(Malformed("an unknown kind of destination")),
        };
        let name = std::str::from_utf8(name).map_err(|_| Malformed("a destination that is no text"))?;
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return Err(Malformed("a destination without a usable name"));
        }
        if kind == Kind::LmtpSocket && !(name.starts_with('/') && name.len() <= LONGEST_SOCKET_PATH) {
            return Err(Malformed("a socket without a usable path"));
        }
        let port = u16::try_from(number(port)?).map_err(|_| Malformed("a port that is too large"))?;
        let words = std::str::from_utf8(words).map_err(|_| Malformed("a destination with words that are no text"))?;
        if words.len() > LONGEST_WORDS || words.chars().any(char::is_control) {
            return Err(Malformed("a destination without usable words"));
        }
        Ok(Destination { kind, name: name.to_owned(), port, words: words.to_owned() })
    }
}

impl fmt::Display for Destination {
    /// As control/smtproutes would have it: `example.org` by MX, `host:port` for a route, its words behind it; `local:joe` for a
    /// user of this host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Mx => f.write_str(&self.name)?,
            Kind::Local => write!(f, "{LOCAL}:{}", self.name)?,
            Kind::LmtpSocket => write!(f, "lmtp:unix:{}", self.name)?,
            Kind::Lmtp => write!(f, "lmtp:{}", At(self))?,
            Kind::Host => At(self).fmt(f)?,
        }
        if self.words.is_empty() { Ok(()) } else { write!(f, " {}", self.words) }
    }
}

/// Host and port.
struct At<'a>(&'a Destination);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Destination { name, port, .. } = self.0;
        if name.contains(':') { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}
