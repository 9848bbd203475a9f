//! One client: its handshake, what smtpd is told of it, then its bytes.
//!
//! The descriptor of a handoff is one end of a pair of packet sockets; smtpd keeps the other. smtpd sends `start` with the
//! client's connection, and `binding` if it wants to know what a proof can be bound to (RFC 5929, RFC 9266); the answer is K
//! with variables (`SSL_PROTOCOL=...`) and a stream socket that carries the plain text, or Z with a reason. When that
//! connection is over we say `ready` for the client's next one (stafett-protocols(7)).
//!
//! Known limits: certificates that have changed meanwhile count for who comes after [`FRESH`].

use crate::certificates::Choice;
use crate::endpoint::endpoint;
use crate::names::names;
use crate::pump;
use crate::stream::Failed;
use ring::digest::{SHA256, digest};
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use stafett_handoff::Conversation;
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring::{all, push};
use std::fmt::Write;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long smtpd may take to say what is to be done.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a client may take for its handshake.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long after a handoff further connections of the client are taken without another: the parent looks for changed
/// certificates at each.
const FRESH: Duration = Duration::from_secs(1);

/// What handshakes are taken with.
pub struct Configured {
    /// Settings, and the way to the certificates.
    pub server: Arc<ServerConfig>,
    /// The certificates that it has.
    pub choice: Arc<Choice>,
}

/// Serves one client, connection after connection; the exit code.
pub fn serve(config: &Configured, conversation: &Conversation) -> i32 {
    let link = &conversation.descriptor;
    let until = Instant::now() + FRESH;
    let Some(mut begin) = start(link, None) else { return 111 };
    loop {
        match take(config, link, begin) {
            Some(code) => return code,
            None if Instant::now() >= until || tell(link, &[b"ready"]).is_err() => return 0,
            None => {}
        }
        let Some(next) = start(link, Some(&conversation.lifeline)) else { return 0 };
        begin = next;
    }
}

/// What smtpd asks for.
struct Start {
    client: OwnedFd,
    binds: bool,
}

/// One connection. The exit code, unless there may be another one.
fn take(config: &Configured, link: &OwnedFd, Start { client, binds }: Start) -> Option<i32> {
    match shake_hands(&config.server, &client) {
        Ok(connection) => {
            let Ok(plain) = open(link, &connection, binds.then_some(&config.choice)) else { return Some(111) };
            // smtpd knows what it missed: its end of the stream is closed
            let _ = pump::carry(connection, &client, &plain);
            None
        }
        Err(Failed(reason)) => {
            // where smtpd is gone too, nobody wants to know
            let _ = tell(link, &[b"Z", reason.as_bytes()]);
            Some(0)
        }
    }
}

fn tell(link: &OwnedFd, fields: &[&[u8]]) -> io::Result<()> {
    let mut packet = Vec::new();
    fields.iter().for_each(|field| push(&mut packet, field));
    socket::send_packet(link, &packet, None)
}

/// The next connection; nothing when smtpd hangs up or has no more, or the parent ends meanwhile.
fn start(link: &OwnedFd, lifeline: Option<&OwnedFd>) -> Option<Start> {
    let (ready, _) = wait_two((link.as_fd(), Interest::Read), lifeline.map(AsFd::as_fd), Some(SILENCE)).ok()?;
    if !ready.any() {
        return None;
    }
    let mut buffer = [0; 256];
    let packet = socket::receive_packet(link, &mut buffer).ok()?;
    let fields = all(buffer.get(..packet.length)?, 4).ok()?;
    let binds = match fields[..] {
        [b"start"] => false,
        [b"start", b"binding"] => true,
        _ => return None,
    };
    packet.descriptor.map(|client| Start { client, binds })
}

fn shake_hands(config: &Arc<ServerConfig>, client: &OwnedFd) -> Result<ServerConnection, Failed> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(|error| Failed(error.to_string()))?;
    pump::shake_hands(&mut connection, client, Instant::now() + PATIENCE)?;
    Ok(connection)
}

/// Tells smtpd what was agreed on, and gives it its end of the plain text.
fn open(link: &OwnedFd, connection: &ServerConnection, bound: Option<&Arc<Choice>>) -> io::Result<OwnedFd> {
    let (ours, theirs) = socket::pair(Style::Stream)?;
    let mut packet = Vec::new();
    push(&mut packet, b"K");
    variables(connection, bound).iter().for_each(|variable| push(&mut packet, variable.as_bytes()));
    socket::send_packet(link, &packet, Some(theirs.as_fd()))?;
    Ok(ours)
}

/// In the names of mod_ssl, which UCSPI-TLS programs use too.
fn variables(connection: &ServerConnection, bound: Option<&Arc<Choice>>) -> Vec<String> {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        other => format!("{other:?}"),
    };
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
    let mut variables = vec![format!("SSL_PROTOCOL={version}"), format!("SSL_CIPHER={}", cipher.replace("TLS13_", "TLS_"))];
    variables.extend(key_bits(cipher).map(|bits| format!("SSL_CIPHER_USEKEYSIZE={bits}")));
    if let Some(name) = connection.server_name() {
        variables.push(format!("SSL_TLS_SNI={name}"));
    }
    if let Some(certificate) = connection.peer_certificates().and_then(<[_]>::first) {
        variables.push(format!("SSL_CLIENT_FINGERPRINT=sha256:{}", hexadecimal(digest(&SHA256, certificate).as_ref())));
        let (subject, issuer) = names(certificate);
        variables.extend(subject.map(|name| format!("SSL_CLIENT_S_DN_CN={name}")));
        variables.extend(issuer.map(|name| format!("SSL_CLIENT_I_DN_CN={name}")));
    }
    variables.extend(bound.into_iter().flat_map(|choice| bindings(connection, choice)));
    variables
}

/// What binds a proof to this connection, or to our certificate.
fn bindings(connection: &ServerConnection, choice: &Choice) -> Vec<String> {
    let mut bindings = Vec::new();
    if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
        // RFC 9266: what this connection and no other has, so that a password's proof is good for it alone. With older versions
        // of TLS it would not be unique.
        let exported = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
        bindings.extend(exported.ok().map(|data| format!("SSL_CHANNEL_EXPORTER={}", hexadecimal(&data))));
    }
    // a session that goes on has had the same certificate: with another one come other tickets
    let shown = choice.of(connection.server_name()).and_then(|key| endpoint(key.end_entity_cert().ok()?));
    bindings.extend(shown.map(|hash| format!("SSL_CHANNEL_ENDPOINT={hash}")));
    bindings
}

/// The length of the key of a cipher suite, which stands in its name; that of ChaCha20 is always the same.
fn key_bits(cipher: &str) -> Option<u32> {
    let is = |part| cipher.contains(part);
    if is("_AES_128_") { Some(128) } else { (is("_AES_256_") || is("_CHACHA20_")).then_some(256) }
}

/// Two digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // a String takes everything
        let _ = write!(text, "{byte:02x}");
        text
    })
}
