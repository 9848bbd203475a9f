//! Rows: the way out.

use super::seconds;
use crate::form::network::network;
use crate::form::outgoing::{outgoing_address, sender_binding};
use crate::form::route::route;
use crate::form::smtpauth::account;
use crate::form::{Form, Setting, name_server};

/// Routes.
pub static SMTPROUTES: Setting = Setting {
    name: "smtproutes",
    form: Form::Map(route),
    default: "none: MX records",
    readers: &["send", "metrics", "callout"],
    text: "Where mail for a domain goes, domain:relay or domain:relay:port. .domain stands for all below it, an empty domain for all others. The addresses of relay are asked for, not its MX records; an IPv6 address stands in brackets. An empty relay means MX records. A relay that speaks LMTP is written lmtp:relay:port (port 24 when it is left out) or, at a Unix socket, lmtp:unix:/path; a host that is itself called lmtp is still lmtp or lmtp:port. Behind the place may stand words with blanks between: tls=LEVEL, tls-match=NAMES and tls-certificate=NAME as in tlsdestinations, in place of its line; tls-start=yes for TLS before the first word, which port 465 has without it, and tls-start=no for STARTTLS there; auth=NAME for the credentials of that name in smtpauth. The last line for a domain counts.",
    example: "example.org:mail.internal.example.org\n.example.org:[2001:db8::25]:2525\nusers.example.org:lmtp:unix:/run/dovecot/lmtp\n:smarthost.example.net:465 tls=verify auth=isp",
};
/// Credentials for relays.
pub static SMTPAUTH: Setting = Setting {
    name: "smtpauth",
    form: Form::List(account),
    default: "none: no relay is told who we are",
    readers: &["remote", "callout"],
    text: "Users and passwords for relays that want AUTH, one a line, NAME:user:password; a route in smtproutes calls them by the name. The password is everything behind the second colon. They are said under TLS alone, to a relay whose certificate is verified unless a tls= behind the route or the word without-tls here asks for something else (may and encrypt in tlsdestinations do not count for such a relay), by the best of SCRAM-SHA-256, PLAIN and LOGIN that the relay offers. Behind the name may stand, with blanks between them: without-tls, where they may be said on a connection that everybody can read; and scram-sha-256, plain or login, where only these may be used. The file must belong to the user of the service remote and have mode 400; stafett-setup sees to that. While the relay refuses them, or they are missing here, its mail waits, and qstat shows why.",
    example: "isp:relay@example.org:the password\nold without-tls plain:user:another",
};
/// Name servers.
pub static RESOLVERS: Setting = Setting {
    name: "resolvers",
    form: Form::List(name_server),
    default: "the nameserver lines of /etc/resolv.conf, else 127.0.0.1",
    readers: &["remote", "callout", "dnsbl", "verify", "mtasts", "tlsrpt"],
    text: "The recursive name servers to ask, one a line, with a port behind a colon if it is not 53. A server on this host is believed when it says that an answer was validated by DNSSEC, on which DANE rests; so is one with the word trusted behind it, which is for servers that nobody can come between. Servers of /etc/resolv.conf are believed if that file has options trust-ad.",
    example: "127.0.0.1\n[::1]:5353\n192.0.2.53 trusted",
};
/// Our name as a client.
pub static HELOHOST: Setting = Setting {
    name: "helohost",
    form: Form::Host,
    default: "me",
    readers: &["remote", "callout"],
    text: "The name that is said in EHLO to other hosts.",
    example: "relay.example.org",
};
/// Patience with connecting.
pub static TIMEOUTCONNECT: Setting = Setting {
    name: "timeoutconnect",
    form: seconds(1, 3600),
    default: "60",
    readers: &["remote", "callout"],
    text: "How many seconds to wait for another host to accept a connection.",
    example: "60",
};
/// Patience with a server.
pub static TIMEOUTREMOTE: Setting = Setting {
    name: "timeoutremote",
    form: seconds(1, 86_400),
    default: "the times of RFC 5321 section 4.5.3.2 for each command",
    readers: &["remote", "callout"],
    text: "How many seconds to wait for each reply of another host.",
    example: "300",
};
/// Patience with a delivery.
pub static TIMEOUTDELIVERY: Setting = Setting {
    name: "timeoutdelivery",
    form: seconds(1, 604_800),
    default: "14400: four hours",
    readers: &["remote", "send", "callout"],
    text: "How many seconds one attempt to deliver a message may take in all, from the first look-up to the last reply. What has no verdict by then is tried again later. The scheduler waits a little longer for the report, in case the process that delivers hangs.",
    example: "14400",
};
/// Where to we may connect.
pub static DESTINATIONS: Setting = Setting {
    name: "destinations",
    form: Form::List(network),
    default: "none: every address",
    readers: &["remote", "callout", "mtasts", "tlsrpt"],
    text: "The only networks that mail is sent to, one a line: an address, or address/bits. When the file exists, no connection is made to an address outside of them, whatever the DNS, a route or a recipient says; such mail waits, and the reason names this file. A file without a line allows no address at all. Unix sockets are no addresses and not meant.",
    example: "192.0.2.0/24\n2001:db8:5::/48",
};
/// Our address as a client.
pub static OUTGOINGIP: Setting = Setting {
    name: "outgoingip",
    form: Form::List(outgoing_address),
    default: "none: the system chooses",
    readers: &["remote", "callout"],
    text: "Which of this host's addresses connections come from, one a line: an address for all destinations, or domain:address for one, .domain:address for all below it. The domain is that of the recipients, or where smtproutes names a relay, the name of the relay. IPv4 and IPv6 are looked up apart; without a line for its family the system chooses. A line that names a domain goes before domainbindings, a line for all destinations after it.",
    example: "192.0.2.25\n2001:db8::25\nexample.net:192.0.2.26",
};
/// Our address by sender.
pub static DOMAINBINDINGS: Setting = Setting {
    name: "domainbindings",
    form: Form::Map(sender_binding),
    default: "none: outgoingip",
    readers: &["remote", "callout"],
    text: "Which of this host's addresses the mail of a sender's domain comes from, domain:address; .domain stands for all below it, an empty domain for all others and for bounces. The last line for a domain and a family counts. A line of outgoingip that names the destination goes before it.",
    example: "example.org:192.0.2.27\nexample.org:2001:db8::27",
};
