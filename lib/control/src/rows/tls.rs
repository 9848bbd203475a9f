//! Rows: TLS.

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
/// Clients that may relay by certificate.
pub static TLSCLIENTS: Setting = Setting {
    name: "tlsclients",
    form: Form::List(fingerprint),
    default: "none: clients are not asked for a certificate",
    readers: &["smtpd", "tls"],
    text: "Certificates of clients that may send to anywhere, as if their rule had RELAYCLIENT, one fingerprint a line: sha256: and 64 hexadecimal digits. Where the file is there, clients are asked for a certificate under TLS; one that is not listed changes nothing. Authorities and dates do not matter: a line is removed to end what it grants.",
    example: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
};
