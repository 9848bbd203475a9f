//! The Received field that smtpd puts in front of each message (RFC 5321 §4.4; RFC 8314 §4.3 for its tls clause, RFC 3848), as
//! physical lines.
//!
//! Security stance: the client's name and its EHLO text are its own words; what is no domain or literal goes into a comment
//! with every character that could end it replaced. The queue id is filled in by the one who knows it.

use std::time::SystemTime;

use stafett_address::Domain;
use stafett_envelope::Head;
use stafett_message::{date, harmless};

use stafett_reception::client::Client;
use stafett_reception::session::{Greeted, Tls};

/// The longest EHLO text kept in a comment, in bytes.
const NAME_MAX: usize = 100;

/// How a client has introduced itself, what was agreed on under TLS, and whether it has logged in.
pub type Introduced<'a> = (&'a Greeted, Option<&'a Tls>, bool);

/// The lines of the field.
pub fn lines(client: &Client, (greeted, tls, account): Introduced<'_>, me: &str, utf8: bool, now: SystemTime) -> Vec<Head> {
    let protocol = match (utf8, greeted.extended, tls.is_some()) {
        (true, ..) => "UTF8SMTP",
        (false, true, _) | (_, _, true) => "ESMTP",
        (false, false, false) => "SMTP",
    };
    // RFC 3848, RFC 6531 §4.3
    let protocol = format!("{protocol}{}{}", if tls.is_some() { "S" } else { "" }, if account { "A" } else { "" });
    let from = Head::Line(format!("Received: {}", from(client, &greeted.name)));
    let by = |after| Head::WithId(format!("\tby {me} with {protocol} id "), after);
    match tls {
        None => vec![from, by(format!("; {}", date(now)))],
        Some(tls) => vec![from, by(String::new()), Head::Line(format!("\ttls {}; {}", tls.cipher, date(now)))],
    }
}

/// The same for a queue that fills no id in.
pub fn without_id(lines: &[Head]) -> Vec<String> {
    let plain = |head: &Head| match head {
        Head::Line(line) => line.clone(),
        Head::WithId(before, after) => format!("{}{after}", before.strip_suffix(" id ").unwrap_or(before)),
    };
    lines.iter().map(plain).collect()
}

fn from(client: &Client, name: &str) -> String {
    let user = client.info.as_ref().map(|info| format!("{info}@")).unwrap_or_default();
    // RFC 5321 §4.4: an address literal, which for IPv6 has its tag
    let literal = client.ip.map_or_else(|| "[unknown]".to_owned(), |ip| Domain::Literal(ip).to_string());
    let peer = format!("{user}{} {literal}", client.host);
    match Domain::parse(name) {
        Ok(domain) => format!("from {domain} ({peer})"),
        Err(_) => format!("from unknown ({peer} HELO {})", harmless(name, NAME_MAX)),
    }
}
