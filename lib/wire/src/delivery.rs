//! Orders and reports between send and a child of remote, and the destination it is born for.
//!
//! A child is handed one end of a packet socket pair and the strings of its [`Destination`]. send
//! writes one [`Order`] with the message's descriptor; the child writes one [`Report`] for it and
//! then waits for the next order, until send closes the pair. A child that says so takes several orders in one packet, each with
//! its descriptor, and answers with a packet of reports ([`Order::parse_all`], [`Report::encode_all`]).

use crate::netstring::{all, number, push};
use crate::{Malformed, Verdict};
use std::fmt;

/// Recipients of one order at most (RFC 5321 section 4.5.3.1.8: every server takes a hundred).
pub const MOST_RECIPIENTS: usize = 100;
/// Orders of one packet at most.
pub const MOST_ORDERS: usize = 16;
/// A report's text for one recipient at most, in bytes.
pub const LONGEST_TEXT: usize = 1000;

/// What becomes of a connection: it ends, takes another order, takes several at once.
const ENDS: &[u8] = b"-";
const REUSABLE: &[u8] = b"+";
const SEVERAL: &[u8] = b"*";

/// In place of `K`: delivered, and the server has taken over the duty to report.
const TAKEN: u8 = b'k';

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

/// One message to deliver to some recipients; its descriptor travels beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The number of this delivery, repeated in its report.
    pub delivery: u64,
    /// The queue id, for the words in the log.
    pub id: u64,
    /// The bytes of the message, from the start of the file.
    pub size: u64,
    /// The text form of the envelope with the recipients to try.
    pub envelope: &'a [u8],
}

impl<'a> Order<'a> {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.envelope.len() + 64);
        self.add_to(&mut out);
        out
    }

    /// Appends it to a packet of several.
    pub fn add_to(&self, out: &mut Vec<u8>) {
        push(out, self.delivery.to_string().as_bytes());
        push(out, self.id.to_string().as_bytes());
        push(out, self.size.to_string().as_bytes());
        push(out, self.envelope);
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// When it is not one order.
    pub fn parse(packet: &'a [u8]) -> Result<Order<'a>, Malformed> {
        let [order] = Order::parse_all(packet)?[..] else { return Err(Malformed("not one order")) };
        Ok(order)
    }

    /// Reads a packet of several orders, at least one.
    ///
    /// # Errors
    /// When it holds anything else, or more than [`MOST_ORDERS`].
    pub fn parse_all(packet: &'a [u8]) -> Result<Vec<Order<'a>>, Malformed> {
        let parts = all(packet, 4 * MOST_ORDERS)?;
        let (orders, rest) = parts.as_chunks();
        if orders.is_empty() || !rest.is_empty() {
            return Err(Malformed("an order without its four parts"));
        }
        let order = |[delivery, id, size, envelope]: &[&'a [u8]; 4]| {
            Ok(Order { delivery: number(delivery)?, id: number(id)?, size: number(size)?, envelope })
        };
        orders.iter().map(order).collect()
    }
}

/// What a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The message or its recipients; or there was no failure.
    Message,
    /// The destination could not be reached at all: every message for it would fare the same.
    Destination,
    /// This host: nothing was learnt of the destination.
    Own,
}

impl Scope {
    const ALL: [Scope; 3] = [Scope::Message, Scope::Destination, Scope::Own];

    /// As it stands on the wire.
    pub fn letter(self) -> &'static [u8] {
        match self {
            Scope::Message => b"m",
            Scope::Destination => b"d",
            Scope::Own => b"o",
        }
    }

    /// What [`Scope::letter`] gives.
    pub fn from_letter(letter: &[u8]) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.letter() == letter)
    }
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The number of the order.
    pub delivery: u64,
    /// What a failure is about.
    pub scope: Scope,
    /// Whether the connection takes another order; the child ends otherwise.
    pub reusable: bool,
    /// Whether it takes several orders at once for the same recipient: what they have in common is done for all of them together.
    pub takes_several: bool,
    /// One verdict and text for each recipient of the order, in its order.
    pub recipients: Vec<(Verdict, String)>,
    /// For each recipient, in the same order: whether a server that offers DSN has taken the message for it, and with it
    /// the duty to report (RFC 3461 section 5.2.2). Who stands behind the end has no such server.
    pub dsn_taken: Vec<bool>,
}

impl Report {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 160 * self.recipients.len());
        push(&mut out, self.delivery.to_string().as_bytes());
        push(&mut out, self.scope.letter());
        push(
            &mut out,
            if !self.reusable {
                ENDS
            } else if self.takes_several {
                SEVERAL
            } else {
                REUSABLE
            },
        );
        let taken = self.dsn_taken.iter().copied().chain(std::iter::repeat(false));
        for ((verdict, text), taken) in self.recipients.iter().zip(taken) {
            let letter = if taken && *verdict == Verdict::Ok { TAKEN } else { verdict.letter() };
            let mut one = vec![letter];
            one.extend_from_slice(cut(text).as_bytes());
            push(&mut out, &one);
        }
        out
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// When it is no report.
    pub fn parse(packet: &[u8]) -> Result<Report, Malformed> {
        let parts = all(packet, 3 + MOST_RECIPIENTS)?;
        let [delivery, scope, reusable, recipients @ ..] = &parts[..] else { return Err(Malformed("a report without its parts")) };
        let scope = Scope::from_letter(scope).ok_or(Malformed("a report of unknown scope"))?;
        let dsn_taken = recipients.iter().map(|one| one.first() == Some(&TAKEN)).collect();
        let recipients: Result<Vec<_>, _> = recipients.iter().map(|one| parse_recipient(one)).collect();
        let (reusable, takes_several) = match *reusable {
            ENDS => (false, false),
            REUSABLE => (true, false),
            SEVERAL => (true, true),
            _ => return Err(Malformed("a report that does not say what becomes of the connection")),
        };
        Ok(Report { delivery: number(delivery)?, scope, reusable, takes_several, recipients: recipients?, dsn_taken })
    }

    /// The packet for several orders: reports of the first of them, in their order. The others were not begun.
    pub fn encode_all(reports: &[Report]) -> Vec<u8> {
        let mut out = Vec::new();
        reports.iter().for_each(|report| push(&mut out, &report.encode()));
        out
    }

    /// Reads such a packet.
    ///
    /// # Errors
    /// When it holds anything else, or no report.
    pub fn parse_all(packet: &[u8]) -> Result<Vec<Report>, Malformed> {
        let parts = all(packet, MOST_ORDERS)?;
        if parts.is_empty() {
            return Err(Malformed("no report at all"));
        }
        parts.into_iter().map(Report::parse).collect()
    }
}

fn parse_recipient(bytes: &[u8]) -> Result<(Verdict, String), Malformed> {
    let (letter, text) = bytes.split_first().ok_or(Malformed("a report without a verdict"))?;
    let upper = if *letter == TAKEN { b'K' } else { *letter };
    let verdict = Verdict::from_letter(upper).ok_or(Malformed("a report with an unknown verdict"))?;
    if text.len() > LONGEST_TEXT {
        return Err(Malformed("a report with too long a text"));
    }
    Ok((verdict, String::from_utf8_lossy(text).into_owned()))
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_TEXT)).unwrap_or(text)
}
