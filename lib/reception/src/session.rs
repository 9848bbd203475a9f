//! What is learnt of one connection while it lasts. Each check keeps its part in a field of its own.

use crate::account::Account;
use crate::checks::looked::Looked;
use crate::checks::milter;
use crate::checks::spf;
use crate::checks::tally::Tally;

/// What has been learnt.
#[derive(Debug, Default)]
pub struct Session {
    /// How the client introduced itself, once it has.
    pub greeted: Option<Greeted>,
    /// What SPF says of the sender that was asked about last.
    pub spf: Option<spf::Known>,
    /// It spoke before it was greeted.
    pub is_early: bool,
    /// What the lists and the DNS say of it and its sender.
    pub looked: Looked,
    /// What limits have counted.
    pub tally: Tally,
    /// What was agreed on, once the connection is under TLS.
    pub tls: Option<Tls>,
    /// The account that the client has proved to have.
    pub account: Option<Account>,
    /// Wrong passwords.
    pub wrong_passwords: u32,
    /// The mail filters.
    pub milter: milter::State,
}

/// How the client introduced itself.
#[derive(Clone, Debug)]
pub struct Greeted {
    /// The name that it gave, text of the client.
    pub name: String,
    /// Whether it said EHLO.
    pub extended: bool,
}

/// What a TLS handshake has agreed on, told by the process that took it in the names of mod_ssl.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// SSL_PROTOCOL, such as `TLSv1.3`.
    pub protocol: String,
    /// SSL_CIPHER, the name of the cipher suite.
    pub cipher: String,
    /// SSL_TLS_SNI: the name that the client asked for.
    pub server_name: Option<String>,
    /// SSL_CLIENT_FINGERPRINT of the certificate whose key the client has proven to hold: `sha256:` and hexadecimal digits.
    pub fingerprint: Option<String>,
    /// SSL_CHANNEL_EXPORTER: what this connection and no other has (RFC 9266), in hexadecimal digits.
    pub exporter: Option<String>,
}

impl Tls {
    /// Reads variables, `NAME=value` each. Names that are unknown are passed over; what others chose is made harmless.
    pub fn from_variables<'a>(variables: impl IntoIterator<Item = &'a str>) -> Tls {
        let mut tls = Tls::default();
        for (name, value) in variables.into_iter().filter_map(|variable| variable.split_once('=')) {
            let kept = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '.' | '-' | '_' | ':');
            let value: String = value.chars().take(255).map(|symbol| if kept(symbol) { symbol } else { '?' }).collect();
            match name {
                "SSL_PROTOCOL" => tls.protocol = value,
                "SSL_CIPHER" => tls.cipher = value,
                "SSL_TLS_SNI" => tls.server_name = Some(value),
                "SSL_CHANNEL_EXPORTER" => tls.exporter = Some(value),
                "SSL_CLIENT_FINGERPRINT" => tls.fingerprint = Some(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        tls
    }
}
