//! Rows: TLS.

use crate::form::https::{address, mtasts, proxy};
use crate::form::tls::tls_destination;
use crate::form::{Form, Setting, fingerprint};

/// Certificates and keys.
pub static SERVERCERTS: Setting = Setting {
    name: "servercerts",
    form: Form::Directory("for each name a directory with cert.pem and key.pem"),
    default: "none: TLS is not offered",
    readers: &["smtpd", "tls", "tlskeys"],
    text: "The certificates of this host: servercerts/NAME/cert.pem is the certificate for the name and those that vouch for it, its own first, and servercerts/NAME/key.pem its private key. A client that asks for another name, or for none, gets the certificate of me, or the first. Where the directory is there, smtpd offers STARTTLS; the services tls and tlskeys must be part of the instance (stafett-setup --with tls,tlskeys). The key must belong to the user of tlskeys and have mode 400; stafett-setup sees to that. Both files may be changed at any time, and count from the next connection; while they do not belong together the last good pair stays in force.",
    example: "",
};
/// TLS on the way to other hosts.
pub static TLSDESTINATIONS: Setting = Setting {
    name: "tlsdestinations",
    form: Form::Map(tls_destination),
    default: "none: auto for every destination",
    readers: &["remote", "callout"],
    text: "How much TLS a destination must give, domain:level. .domain stands for all below it, an empty domain for all others; the domain is that of the recipient or, where smtproutes leads elsewhere, the name of the relay. The levels: auto, TLS where it is offered, and what the destination publishes of itself (DANE, MTA-STS) is demanded; none, never TLS; may, TLS where it is offered, whatever is published; encrypt, TLS with no matter whom; verify, TLS with a certificate from an authority in tlsauthorities for the domain or a host below it (or for an MX host, where DNSSEC vouches for the MX records), or for one of the names in match=NAME,NAME behind it, .domain for all below it; dane, TLS with a certificate that fits the TLSA records of the host, which must have some; fingerprint=sha256:HEX,sha256:HEX, TLS with a certificate or a public key of one of these fingerprints. Behind each may stand certificate=NAME, the certificate of ours that is shown (clientcerts). Mail for a destination that gives less waits, and qstat says why. Port 25 is asked with STARTTLS. See stafett-remote(8).",
    example: ":auto\nbank.example:verify\nexample.net:verify match=.mail.example.com\npartner.example:fingerprint=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nold.example:none",
};
/// Whom we trust to vouch for other hosts.
pub static TLSAUTHORITIES: Setting = Setting {
    name: "tlsauthorities",
    form: Form::Line,
    default: "the list of the system, such as /etc/ssl/certs/ca-certificates.crt",
    readers: &["remote", "callout", "mtasts", "tlsrpt"],
    text: "A file of PEM text with the certificates of the authorities that may vouch for other hosts, where verify or MTA-STS asks for it, and for the hosts of policies and reports. It is read at the start, and with control/ when it has changed; a file in another directory counts after a restart.",
    example: "/etc/ssl/certs/ca-certificates.crt",
};
/// Our certificates as a client.
pub static CLIENTCERTS: Setting = Setting {
    name: "clientcerts",
    form: Form::Directory("for each name a directory with cert.pem and key.pem"),
    default: "none: no certificate is shown",
    readers: &["remote", "callout"],
    text: "Certificates that this host shows to other servers, where certificate=NAME in tlsdestinations or tls-certificate=NAME in smtproutes asks for it: clientcerts/NAME/cert.pem and clientcerts/NAME/key.pem. The key must belong to the user of remote and have mode 400.",
    example: "",
};
/// Clients that may relay by certificate.
pub static TLSCLIENTS: Setting = Setting {
    name: "tlsclients",
    form: Form::List(fingerprint),
    default: "none: clients are not asked for a certificate",
    readers: &["smtpd", "tls"],
    text: "Certificates of clients that may send to anywhere, as if their rule had RELAYCLIENT, one fingerprint a line: sha256: and 64 hexadecimal digits. Where the file is there, clients are asked for a certificate under TLS; one that is not listed changes nothing. Authorities, dates and lists of what they have revoked do not matter: a line is removed to end what it grants.",
    example: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
};
/// A proxy for HTTPS.
pub static HTTPSPROXY: Setting = Setting {
    name: "httpsproxy",
    form: Form::List(proxy),
    default: "none: hosts are connected to directly",
    readers: &["mtasts", "tlsrpt"],
    text: "The proxy through which policies are fetched and reports are posted, host:port or [address]:port; it must know the method CONNECT (RFC 9110). It finds the names of the hosts itself, and control/destinations is asked for the proxy's own address only.",
    example: "proxy.example.org:3128",
};
/// MTA-STS.
pub static MTASTS: Setting = Setting {
    name: "mtasts",
    form: Form::Map(mtasts),
    default: "none: no policies are asked for",
    readers: &["mtasts", "remote", "callout"],
    text: "For which destinations MTA-STS policies count (RFC 8461), as domain:word; a domain, .suffix for all below it, or nothing for all others. on: what the domain promises is held it to; mail that would have to go to another host than its policy lists, or to one without a good certificate, waits while the policy says enforce. test: as if each policy said testing, so that mail goes out as without it, and only reports and logs tell. off: nobody asks. The service mtasts must be part of the instance (stafett-setup --with mtasts). A destination with DANE (TLSA records) is judged by these alone.",
    example: ":on\nbroken.example:off",
};
/// TLSRPT.
pub static TLSRPT: Setting = Setting {
    name: "tlsrpt",
    form: Form::List(address),
    default: "none: sessions are not counted",
    readers: &["remote", "callout", "tlsrpt"],
    text: "The address that reports about TLS come from (RFC 8460), and that stands in them for questions. Where the file is there, the sessions with each destination are counted, and once a day those that want to know are told. The service tlsrpt must be part of the instance (stafett-setup --with tlsrpt). Sign mail from this address by DKIM: others believe no report without.",
    example: "tls-reports@example.org",
};
