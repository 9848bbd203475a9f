//! What smtpd asks: a verb and what it knows (stafett-protocols(7), the questions to auth).
//!
//! Security stance: what came from a client is bytes here; a name is one of an account or none. How it fails: a question
//! that makes no sense is an error for whoever asked. Fields of unknown names are ignored.

use stafett_ask::Question;
use stafett_control::form::account;
use std::net::IpAddr;

/// The fields of a question.
#[derive(Clone, Default)]
pub struct Request {
    /// Who the client says it is, as it said it.
    pub name: String,
    /// Its password.
    pub password: Vec<u8>,
    /// Its message, in an exchange.
    pub message: Vec<u8>,
    /// What we gave with the last answer.
    pub state: Vec<u8>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Our address that it reached.
    pub local_ip: Option<IpAddr>,
    /// Whether the connection is under TLS.
    pub tls: bool,
    /// Whether a binding to the channel was asked for, by the name of the mechanism.
    pub binds: bool,
    /// Whether the client was told that we can bind.
    pub offers_binding: bool,
    /// The channel's data by their kind.
    pub channels: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// Reads the fields behind the verb.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn parse(question: &mut Question) -> Result<Request, String> {
        let mut request = Request::default();
        for field in question.fields.iter_mut().skip(1).map(std::mem::take) {
            let end = field.iter().position(|byte| *byte == b'=').ok_or("a field has no name")?;
            let (name, value) = field.split_at(end);
            request.set(name, value.get(1..).unwrap_or_default())?;
        }
        Ok(request)
    }

    /// The account that is meant; nothing where the name can be none.
    pub fn account(&self) -> Option<String> {
        account::name(&self.name).ok()
    }

    /// The channel's data of a kind.
    pub fn channel(&self, kind: &str) -> Option<&[u8]> {
        self.channels.iter().find(|(known, _)| known == kind).map(|(_, data)| data.as_slice())
    }

    fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), String> {
        let text = || std::str::from_utf8(value).map_err(|_| "a field is no text".to_owned());
        let address = || text()?.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| "a field is no address".to_owned());
        match name {
            b"name" => self.name = text()?.to_owned(),
            b"password" => self.password = value.to_vec(),
            b"message" => self.message = value.to_vec(),
            b"state" => self.state = value.to_vec(),
            b"ip" => self.ip = Some(address()?),
            b"local" => self.local_ip = Some(address()?),
            b"tls" => self.tls = value == b"1",
            b"binds" => self.binds = value == b"1",
            b"offers" => self.offers_binding = value == b"1",
            b"channel" => {
                let (kind, data) = text()?.split_once(':').ok_or("a channel has no kind")?;
                self.channels.push((kind.to_owned(), hexadecimal(data).ok_or("a channel's data are not hexadecimal")?));
            }
            _ => {}
        }
        Ok(())
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect::<Option<_>>()?;
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}
