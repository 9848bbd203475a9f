//! What smtpd asks: an event and what it knows about it (stafett-protocols(7), the questions to limit).
//!
//! Security stance: smtpd passes on what strangers say. A text becomes a key only without blanks and control characters and up
//! to a bounded length, because keys are written to files and shown to the admin.
//!
//! How it fails: a question that makes no sense is an error for whoever asked. Fields of unknown names are ignored.

use stafett_ask::Question;
use stafett_control::form::who::Client;
use std::net::IpAddr;

/// The longest key, in bytes.
const LONGEST: usize = 320;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client has connected.
    Connection,
    /// It wants to log in.
    Authentication,
    /// It has logged in.
    Login,
    /// MAIL.
    Message,
    /// RCPT.
    Recipient,
    /// A recipient was refused for good.
    Refused,
    /// Messages and recipients were counted and then not accepted.
    Back,
}

const EVENTS: &[(&str, Event)] = &[
    ("connection", Event::Connection),
    ("authentication", Event::Authentication),
    ("login", Event::Login),
    ("message", Event::Message),
    ("recipient", Event::Recipient),
    ("refused", Event::Refused),
    ("back", Event::Back),
];

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// Whether it has RELAYCLIENT.
    pub relay: bool,
    /// The account, proved or claimed.
    pub account: Option<String>,
    /// What the proved account is called besides its name.
    pub classes: Vec<String>,
    /// The envelope sender in lower case.
    pub sender: String,
    /// The recipient in lower case.
    pub recipient: String,
    /// Which one this is: of the connection's messages, attempts to log in or refused recipients; of the message's recipients. In
    /// [`Event::Back`], how many messages.
    pub number: u32,
    /// Which one this is of the connection's recipients. In [`Event::Back`], how many recipients.
    pub recipients: u32,
    /// Whether greylisting is asked for.
    pub grey: bool,
    /// Whether nothing may be counted.
    pub dry: bool,
}

impl Event {
    /// The event of a verb.
    pub fn from_verb(verb: &str) -> Option<Event> {
        EVENTS.iter().find(|(word, _)| *word == verb).map(|(_, event)| *event)
    }
}

impl Request {
    /// Reads the fields.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn parse(question: &Question) -> Result<Request, String> {
        let mut request = Request::default();
        for index in 1..question.fields.len() {
            let field = question.text(index).ok_or("a field is no text")?;
            let (name, value) = field.split_once('=').ok_or("a field has no name")?;
            request.set(name, value)?;
        }
        Ok(request)
    }

    /// What rules ask about the client.
    pub fn client(&self) -> Client<'_> {
        Client { ip: self.ip, relay: self.relay, account: self.account.as_deref(), classes: &self.classes }
    }

    /// The domain of the sender; empty for the null sender.
    pub fn domain(&self) -> &str {
        self.sender.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse().map_err(|_| format!("{name} is no number"));
        match name {
            "ip" => self.ip = Some(value.parse::<IpAddr>().map_err(|_| "ip is no address")?.to_canonical()),
            "relay" => self.relay = value == "1",
            "account" => self.account = Some(key(value)),
            "class" => self.classes.push(key(value)),
            "sender" => self.sender = key(value),
            "recipient" => self.recipient = key(value),
            "number" => self.number = number()?,
            "recipients" => self.recipients = number()?,
            "grey" => self.grey = value == "1",
            "dry" => self.dry = value == "1",
            _ => {}
        }
        Ok(())
    }
}

/// A text as a key: in lower case, with `_` for what would part or end it, and not too long.
pub fn key(text: &str) -> String {
    let mut key: String =
        text.chars().flat_map(char::to_lowercase).map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).collect();
    let end = (0..=LONGEST.min(key.len())).rev().find(|end| key.is_char_boundary(*end)).unwrap_or(0);
    key.truncate(end);
    key
}

/// The network of an address, as `192.0.2.0/24`.
pub fn network(ip: Option<IpAddr>, (four, six): (u8, u8)) -> String {
    match ip {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(four.min(32))).unwrap_or(0);
            format!("{}/{four}", std::net::Ipv4Addr::from(u32::from(ip) & mask))
        }
        Some(IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(six.min(128))).unwrap_or(0);
            format!("{}/{six}", std::net::Ipv6Addr::from(u128::from(ip) & mask))
        }
    }
}

#[cfg(test)]
#[path = "request_test.rs"]
mod request_test;
