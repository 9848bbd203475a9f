//! Macro strings with their values (RFC 7208 §7.2 to §7.4).

use super::Question;
use super::macros::{Macro, Part, Template};
use crate::names::{NAME_MAX, bare};
use std::fmt::Write;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest text that is kept of an explanation, in bytes.
const EXPLANATION_MAX: usize = 400;

/// Values for macros.
#[derive(Debug)]
pub struct Values<'a> {
    /// Who sends what.
    pub question: &'a Question<'a>,
    /// The domain whose record is read.
    pub domain: &'a str,
    /// The client's own name, if it is known.
    pub client: &'a str,
}

impl Values<'_> {
    /// A name to ask for: what is too long loses labels from its left (§7.3).
    pub fn name(&self, template: &Template) -> String {
        let whole = self.text(template);
        let mut name = bare(&whole);
        while name.len() > NAME_MAX {
            match name.split_once('.') {
                Some((_, rest)) => name = rest,
                None => break,
            }
        }
        name.to_owned()
    }

    /// An explanation: printable ASCII, bounded.
    pub fn explanation(&self, template: &Template) -> String {
        let text = self.text(template);
        text.chars().filter(|symbol| *symbol == ' ' || symbol.is_ascii_graphic()).take(EXPLANATION_MAX).collect()
    }

    fn text(&self, template: &Template) -> String {
        let mut out = String::new();
        for part in &template.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Macro(wanted) => out.push_str(&self.expanded(wanted)),
            }
        }
        out
    }

    fn expanded(&self, wanted: &Macro) -> String {
        let value = self.value(wanted.letter);
        let mut parts: Vec<&str> = value.split(|symbol| wanted.delimiters.contains(symbol)).collect();
        if wanted.reversed {
            parts.reverse();
        }
        let kept = wanted.count.map_or(parts.len(), |count| count.min(parts.len()));
        let joined = parts.get(parts.len() - kept..).unwrap_or_default().join(".");
        if wanted.escaped { escaped(&joined) } else { joined }
    }

    fn value(&self, letter: char) -> String {
        let sender = self.question.full_sender();
        let (local, domain) = sender.rsplit_once('@').unwrap_or(("postmaster", &sender));
        match letter {
            's' => sender,
            'l' => local.to_owned(),
            'o' => domain.to_owned(),
            'd' => self.domain.to_owned(),
            'i' => dotted(self.question.ip),
            'p' => self.client.to_owned(),
            'v' => if self.question.ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            'h' => self.question.helo.to_owned(),
            'c' => self.question.ip.to_string(),
            'r' => self.question.receiver.to_owned(),
            't' => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string(),
            // the reader lets no other letter pass
            _ => String::new(),
        }
    }
}

/// IPv4 as usual, IPv6 a dot between any two digits.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let digits = ip.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let written: Vec<String> = digits.map(|digit| format!("{digit:X}")).collect();
            written.join(".")
        }
    }
}

/// RFC 3986 §2.3: what is not unreserved is written as its bytes.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            // writing to a string cannot fail
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
