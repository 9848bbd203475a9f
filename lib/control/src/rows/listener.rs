//! Rows: the listener and those in front of it.

use crate::form::network::network;
use crate::form::{Form, Setting};

/// Rules of the listener, as the admin writes them.
pub static TCP_SMTP: Setting = Setting {
    name: "tcp.smtp",
    form: Form::List(rule),
    default: "none: every client may connect, nobody has RELAYCLIENT",
    readers: &["tcprules"],
    text: "What counts for clients by their address, one rule a line: address:allow or address:deny, behind it variables for smtpd as ,NAME=\"value\". A client with RELAYCLIENT may send to any recipient. Nothing changes until stafett-tcprules has compiled the file into tcp.smtp.cdb.",
    example: "192.0.2.0/24:allow,RELAYCLIENT=\"\"\n2001:db8:1::/48:allow,RELAYCLIENT=\"\"\n198.51.100.7:deny\n:allow",
};
/// Rules of the listener, compiled.
pub static TCP_SMTP_CDB: Setting = Setting {
    name: "tcp.smtp.cdb",
    form: Form::Compiled("stafett-tcprules control/tcp.smtp"),
    default: "none: every client may connect, nobody has RELAYCLIENT",
    readers: &["tcpserver", "smtpd"],
    text: "The rules of tcp.smtp, compiled by stafett-tcprules or by tcprules. The run script of the listener names it to -x. New rules count from the next connection. smtpd looks up in it clients that proxies or xclient have named.",
    example: "",
};
/// Connections at once.
pub static CONCURRENCYINCOMING: Setting = Setting {
    name: "concurrencyincoming",
    form: Form::Integer { least: 1, most: 50_000, unit: "connections" },
    default: "200",
    readers: &["tcpserver"],
    text: "How many connections are served at once. The run script of the listener gives it to -c, so it counts from the next start of that service.",
    example: "200",
};
/// Connections at once from one address.
pub static CONCURRENCYPERIP: Setting = Setting {
    name: "concurrencyperip",
    form: Form::Integer { least: 0, most: 50_000, unit: "connections" },
    default: "50; 0 is no limit",
    readers: &["tcpserver"],
    text: "How many connections one IPv4 address or one IPv6 network of 64 bits may have at once; further ones are told 421. The run script of the listener gives it to -C, so it counts from the next start of that service.",
    example: "50",
};
/// Who may speak the PROXY protocol.
pub static PROXIES: Setting = Setting {
    name: "proxies",
    form: Form::List(network),
    default: "none: nobody",
    readers: &["smtpd"],
    text: "Networks of proxies that begin each connection with a PROXY header, version 1 or 2, one a line: an address, or address/bits. Such a client must send the header, or it is told 421; the client it names is then judged as if it had connected itself, by its own rule in tcp.smtp.cdb. What the proxy's own rule says does not count for its clients; what the env/ of the listener says does, but for RELAYCLIENT. From anybody else the header is not understood.",
    example: "192.0.2.80\n2001:db8:0:80::/64",
};
/// Who may say XCLIENT.
pub static XCLIENT: Setting = Setting {
    name: "xclient",
    form: Form::List(network),
    default: "none: nobody",
    readers: &["smtpd"],
    text: "Networks of clients that may name another client by the command XCLIENT, one a line: an address, or address/bits. That client is then judged as if it had connected itself, by its own rule in tcp.smtp.cdb. From anybody else the command is refused.",
    example: "192.0.2.81\n2001:db8:0:81::/64",
};

/// The shape of a rule; stafett-tcprules judges it in full, with the column of a fault.
fn rule(line: &str) -> Result<(), String> {
    if line.contains(":allow") || line.contains(":deny") {
        Ok(())
    } else {
        Err(format!("\"{line}\" is no rule; write address:allow or address:deny"))
    }
}
