//! What is learnt of one connection while it lasts. Each check keeps its part in a field of its own.

use crate::account::Account;
use crate::checks::looked::Looked;
use crate::checks::milter;
use crate::checks::spf;
use crate::checks::tally::Tally;
use stafett_control::form::auth::Mechanism;

/// The longest value that is kept of a handshake, in characters.
const LONGEST: usize = 255;

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
    /// How it has proved that.
    pub mechanism: Option<Mechanism>,
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
    /// SSL_CIPHER_USEKEYSIZE: the length of its key in bits.
    pub bits: Option<u32>,
    /// SSL_TLS_SNI: the name that the client asked for.
    pub server_name: Option<String>,
    /// SSL_CLIENT_FINGERPRINT of the certificate whose key the client has proven to hold: `sha256:` and hexadecimal digits.
    pub fingerprint: Option<String>,
    /// SSL_CLIENT_S_DN_CN: the name in that certificate, which nobody vouches for.
    pub subject: Option<String>,
    /// SSL_CLIENT_I_DN_CN: the name of its issuer, likewise.
    pub issuer: Option<String>,
    /// SSL_CHANNEL_EXPORTER: what this connection and no other has (RFC 9266), in hexadecimal digits.
    pub exporter: Option<String>,
    /// SSL_CHANNEL_ENDPOINT: the hash of our certificate (RFC 5929, tls-server-end-point), in hexadecimal digits.
    pub endpoint: Option<String>,
}

impl Tls {
    /// What a proof can be bound to (RFC 5929, RFC 9266): the kind, and hexadecimal digits.
    pub fn channels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let known = [("tls-exporter", &self.exporter), ("tls-server-end-point", &self.endpoint)];
        known.into_iter().filter_map(|(kind, data)| Some((kind, data.as_deref()?)))
    }

    /// Reads variables, `NAME=value` each. Names that are unknown are passed over; what others chose is made harmless.
    pub fn from_variables<'a>(variables: impl IntoIterator<Item = &'a str>) -> Tls {
        let mut tls = Tls::default();
        for (name, value) in variables.into_iter().filter_map(|variable| variable.split_once('=')) {
            match name {
                "SSL_PROTOCOL" => tls.protocol = word(value),
                "SSL_CIPHER" => tls.cipher = word(value),
                "SSL_CIPHER_USEKEYSIZE" => tls.bits = value.parse().ok(),
                "SSL_TLS_SNI" => tls.server_name = Some(word(value)),
                "SSL_CHANNEL_ENDPOINT" => tls.endpoint = Some(word(value)),
                "SSL_CHANNEL_EXPORTER" => tls.exporter = Some(word(value)),
                "SSL_CLIENT_FINGERPRINT" => tls.fingerprint = Some(word(value).to_ascii_lowercase()),
                "SSL_CLIENT_S_DN_CN" => tls.subject = Some(line(value)),
                "SSL_CLIENT_I_DN_CN" => tls.issuer = Some(line(value)),
                _ => {}
            }
        }
        tls
    }
}

/// Letters, digits and the marks of names; anything else becomes `?`.
fn word(value: &str) -> String {
    let kept = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '.' | '-' | '_' | ':');
    value.chars().take(LONGEST).map(|symbol| if kept(symbol) { symbol } else { '?' }).collect()
}

/// Whatever can be shown.
fn line(value: &str) -> String {
    value.chars().take(LONGEST).map(|symbol| if symbol.is_control() { '?' } else { symbol }).collect()
}
