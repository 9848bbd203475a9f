//! Orders and reports between send and a child of remote, and the destination it is born for.
//!
//! A child is handed one end of a packet socket pair and the strings of its [`Destination`]. send
//! writes one [`Order`] with the message's descriptor; the child writes one [`Report`] for it and
//! then waits for the next order, until send closes the pair. A child that says so takes several orders in one packet, each with
//! its descriptor, and answers with a packet of reports ([`Order::parse_all`], [`Report::encode_all`]).

pub use crate::destination::{Destination, Kind, LOCAL, LONGEST_SOCKET_PATH};

use crate::netstring::{all, number, push};
use crate::{Malformed, Verdict};

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
    /// The same, and the delivery was ended in the middle: it may have been done.
    Interrupted,
}

impl Scope {
    const ALL: [Scope; 4] = [Scope::Message, Scope::Destination, Scope::Own, Scope::Interrupted];

    /// As it stands on the wire.
    pub fn letter(self) -> &'static [u8] {
        match self {
            Scope::Message => b"m",
            Scope::Destination => b"d",
            Scope::Own => b"o",
            Scope::Interrupted => b"i",
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
