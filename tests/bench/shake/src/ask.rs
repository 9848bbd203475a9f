//! The other side: smtpd, which hands connections over, and the client at their other end.

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme};
use stafett_handoff::Client as Handoff;
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The way to whoever takes the handshakes.
struct Taker<'a> {
    path: &'a Path,
    is_loop: bool,
    has_strangers: bool,
    link: Option<OwnedFd>,
}

/// Makes so many handshakes.
pub fn run(path: &str, count: usize, way: &str) {
    let (is_loop, kind) = way.strip_prefix("loop-").map_or((false, way), |kind| (true, kind));
    let mut taker = Taker { path: Path::new(path), is_loop, has_strangers: kind == "strangers", link: None };
    let config = config(kind == "resumed");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    for number in 0..count {
        let client = TcpStream::connect(address).expect("to connect");
        client.set_nodelay(true).expect("a socket");
        let (server, _) = listener.accept().expect("a connection");
        taker.hand_over(server, number);
        let kind_of = converse(&config, client, || taker.taken());
        let expected = if kind == "resumed" && number > 0 { HandshakeKind::Resumed } else { HandshakeKind::Full };
        assert_eq!(kind_of, expected, "handshake {number}");
    }
}

/// Shakes hands, and hears the other side out; `taken` is called in between.
fn converse(config: &Arc<ClientConfig>, mut client: TcpStream, taken: impl FnOnce()) -> HandshakeKind {
    let name = ServerName::try_from("relay.example").expect("a name");
    let mut connection = ClientConnection::new(Arc::clone(config), name).expect("a connection");
    while connection.is_handshaking() {
        connection.complete_io(&mut client).expect("a handshake");
    }
    taken();
    while connection.read_tls(&mut client).expect("the end") > 0 {
        connection.process_new_packets().expect("TLS");
    }
    connection.handshake_kind().expect("a handshake")
}

impl Taker<'_> {
    fn hand_over(&mut self, server: TcpStream, number: usize) {
        // another client has another child, as it has another smtpd
        let kept = self.link.take().filter(|link| self.is_loop || (!self.has_strangers && is_ready(link)));
        let link = kept.unwrap_or_else(|| self.call(number));
        socket::send_packet(&link, b"5:start,", Some(server.as_fd())).expect("to hand over");
        self.link = Some(link);
    }

    fn call(&self, number: usize) -> OwnedFd {
        if self.is_loop {
            return socket::connect(self.path, Style::Packets).expect("a loop that listens");
        }
        let client = if self.has_strangers { format!("2001:db8::{number:x}") } else { "127.0.0.1".to_owned() };
        let (ours, theirs) = socket::pair(Style::Packets).expect("sockets");
        let mut service = Handoff::connect(self.path).expect("stafett-tls");
        service.hand_over(1, &[client], theirs.as_fd()).expect("to hand over");
        service.started(1, Duration::from_secs(10)).expect("a child");
        ours
    }

    /// Lets stafett-tls end the connection, as smtpd does: by closing its end of the plain text.
    fn taken(&self) {
        if self.is_loop {
            return;
        }
        let link = self.link.as_ref().expect("a link");
        wait_two((link.as_fd(), Interest::Read), None, None).expect("to wait");
        let answer = socket::receive_packet(link, &mut [0; 4096]).expect("an answer");
        drop(answer.descriptor.expect("plain text"));
    }
}

/// Whether the child takes another connection; it says so within a moment or hangs up.
fn is_ready(link: &OwnedFd) -> bool {
    wait_two((link.as_fd(), Interest::Read), None, None).expect("to wait");
    socket::receive_packet(link, &mut [0; 64]).is_ok_and(|packet| packet.length > 0)
}

fn config(resumes: bool) -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth();
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Arc::new(config)
}

/// It is not the certificate that is measured.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
