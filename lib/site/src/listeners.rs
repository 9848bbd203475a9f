//! The listeners of an instance: one for each address and kind of port.
//!
//! A listener for submission differs from the one for mail in its port and in the variables of its env/, which
//! stafett-tcpserver passes on to smtpd with each connection.

use crate::settings::Settings;
use stafett_instance::tree::{self, Listener, Port};

/// The rules that a new instance begins with: everybody may connect, nobody may relay.
pub const FIRST_RULES: &str = "\
# Rules of the listener by client address; make them count with: stafett-tcprules tcp.smtp
# A client with RELAYCLIENT may send to any recipient. Lines begin with an address or a network:
#127.0.0.1:allow,RELAYCLIENT=\"\"
#192.0.2.0/24:allow,RELAYCLIENT=\"\"
#2001:db8:1::/48:allow,RELAYCLIENT=\"\"
#198.51.100.7:deny
:allow
";

/// The variables that a port's kind means.
pub fn variables(port: Port) -> &'static [(&'static str, &'static str)] {
    match port {
        Port::Mail => &[],
        Port::Submission => &[("SUBMISSION", "1"), ("FORCETLS", "1")],
        Port::Submissions => &[("SUBMISSION", "1"), ("SMTPS", "1")],
    }
}

/// All listeners, those for mail first.
pub fn all(settings: &Settings) -> Vec<Listener> {
    let ports = [(Port::Mail, Some(settings.port)), (Port::Submission, settings.submission), (Port::Submissions, settings.submissions)];
    let of_kind = |(kind, number): (Port, Option<u16>)| {
        number.into_iter().flat_map(move |number| {
            settings.addresses.iter().enumerate().map(move |(index, address)| Listener {
                name: tree::listener_name(kind, index + 1),
                kind,
                address: address.clone(),
                port: number,
            })
        })
    };
    ports.into_iter().flat_map(of_kind).collect()
}
