//! The command XCLIENT: another client is named by one that may do so (the document XCLIENT_README of Postfix).
//!
//! Of the attributes ADDR, PORT, NAME, DESTADDR and DESTPORT count; HELO, PROTO and LOGIN are understood and change nothing:
//! the EHLO that follows names and greets, and nobody is authenticated by another's word.
//! Security stance: values are decoded from xtext and must be what they are called; ADDR must be there, or the client would
//! keep an address that is not its own.
//! How it fails: [`Fault`], which is answered with 501.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use stafett_address::Domain;

use super::Introduction;

/// What is offered in EHLO.
pub const OFFER: &str = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

/// Why a command is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(&'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What follows the verb, if a line is this command.
pub fn of(line: &[u8]) -> Option<&[u8]> {
    let (verb, rest) = line.split_at_checked(7)?;
    (verb.eq_ignore_ascii_case(b"XCLIENT") && (rest.is_empty() || rest.starts_with(b" "))).then_some(rest)
}

/// Reads the attributes.
///
/// # Errors
/// [`Fault`].
pub fn parse(attributes: &[u8]) -> Result<Introduction, Fault> {
    let text = std::str::from_utf8(attributes).map_err(|_| Fault("attributes are ASCII"))?;
    let (mut address, mut to_address, mut to_port) = (None, None, None);
    let mut who = Introduction::default();
    for attribute in text.split(' ').filter(|attribute| !attribute.is_empty()) {
        let (name, value) = attribute.split_once('=').ok_or(Fault("an attribute has no value"))?;
        let value = decoded(value)?;
        match name.to_ascii_uppercase().as_str() {
            "ADDR" => address = Some(known(&value).map(ip).transpose()?),
            "PORT" => who.port = known(&value).map(port).transpose()?,
            "NAME" => who.host = known(&value).map(host).transpose()?,
            "DESTADDR" => to_address = known(&value).map(ip).transpose()?,
            "DESTPORT" => to_port = known(&value).map(port).transpose()?,
            "HELO" | "PROTO" | "LOGIN" => {}
            _ => return Err(Fault("no such attribute")),
        }
    }
    who.ip = address.ok_or(Fault("ADDR is needed"))?;
    who.local = to_address.zip(to_port).map(|(ip, port)| SocketAddr::new(ip, port));
    Ok(who)
}

/// RFC 3461 §4: `+` and two upper-case hexadecimal digits; control characters have no business here.
fn decoded(value: &str) -> Result<String, Fault> {
    let mut bytes = value.bytes();
    let mut out = Vec::new();
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => {
                let pair = digit(bytes.next()).zip(digit(bytes.next())).ok_or(Fault("a value is no xtext"))?;
                u8::try_from(pair.0 * 16 + pair.1).unwrap_or_default()
            }
            plain => plain,
        };
        out.push(byte);
    }
    let text = String::from_utf8(out).map_err(|_| Fault("a value is no UTF-8"))?;
    if text.contains(char::is_control) { Err(Fault("a value holds a control character")) } else { Ok(text) }
}

/// What the one in front does not know it says so.
fn known(value: &str) -> Option<&str> {
    let is_unknown = ["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|word| value.eq_ignore_ascii_case(word));
    (!is_unknown).then_some(value)
}

/// An IPv6 address has `IPV6:` in front, as in address literals.
fn ip(value: &str) -> Result<IpAddr, Fault> {
    let tagged = value.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPV6:"));
    let bare = if tagged { value.get(5..).unwrap_or_default() } else { value };
    let ip: IpAddr = bare.parse().map_err(|_| Fault("an address is none"))?;
    let ip = ip.to_canonical();
    if ip.is_unspecified() || ip.is_multicast() { Err(Fault("an address is that of no host")) } else { Ok(ip) }
}

fn port(value: &str) -> Result<u16, Fault> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| plain).ok_or(Fault("a port is none"))
}

fn host(value: &str) -> Result<String, Fault> {
    match Domain::parse(value) {
        Ok(Domain::Name(name)) => Ok(name),
        _ => Err(Fault("NAME is not the name of a host")),
    }
}

#[cfg(test)]
#[path = "xclient_test.rs"]
mod xclient_test;
